"""TLS: who gets a connection, whom a certificate names, and how long that holds; roles are judged in `roles`."""

from __future__ import annotations

import socket
import ssl
import time
import warnings

import grpc
from cryptography import x509

from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, refused, unmoved
from bridge.conformance.connection import call_bytes, channel_options
from bridge.conformance.credentials import (
    HANDSHAKE_SECONDS,
    INFO,
    certificate_of,
    certified,
    held,
    identity_of,
    no_caller,
    no_connection,
    own_pair,
    self_signed,
    showing,
    stranger,
)
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.rpc.certificates import issue
from bridge.v1 import ledger_service_pb2 as api

SHORT_LIFE_SECONDS = 3
"""Life of a certificate that expires while its connection is open, in seconds: X.509 knows whole seconds only."""

_AUTHORITY = ("tls_ca_key",)

NOT_SPIFFE = (
    "https://hk.example/platform",
    "spiffe://HK.example/platform",
    "spiffe://hk.example:7443/platform",
    "spiffe://user@hk.example/platform",
    "spiffe://hk.example/platform?role=authority",
    "spiffe://hk.example/platform#authority",
    "spiffe://hk.example/../authority",
    "spiffe://hk.example//platform",
    "spiffe://hk.example/",
    "spiffe://hk.example",
)
"""URI names that are no SPIFFE ids, each breaking the form in one place."""


@case("TLS-001", "MUST speak TLS 1.2 or newer and HTTP/2, and name an authority that it takes", clauses=("TLS-2",))
def tls_001(kit: Kit) -> None:
    """Seen from a plain TLS client, without gRPC."""
    with _tls_socket(kit, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) as wrapped:
        expect(
            wrapped.version() in ("TLSv1.2", "TLSv1.3"),
            "the connection is protected as today",
            got=wrapped.version(),
            expected="TLSv1.2 or TLSv1.3",
        )
        expect_equal(wrapped.selected_alpn_protocol(), "h2", "the two agree on HTTP/2")


@case("TLS-002", "MUST refuse a connection without a client certificate", clauses=("TLS-2",), negative=True)
def tls_002(kit: Kit) -> None:
    with showing(kit, None) as channel:
        no_connection(kit, channel, "a connection without a certificate is refused")


@case("TLS-003", "MUST refuse a connection without TLS", clauses=("TLS-2", "SRV-1"), negative=True)
def tls_003(kit: Kit) -> None:
    with grpc.insecure_channel(kit.target.endpoint, options=channel_options()) as channel:
        no_connection(kit, channel, "a connection in the clear is refused")


@case("TLS-004", "MUST refuse a certificate of an authority that it does not know", clauses=("TLS-2",), negative=True)
def tls_004(kit: Kit) -> None:
    uris = [identity_of(kit, kit.any_role)]
    with showing(kit, issue(stranger(kit), held(kit), uris=uris)) as channel:
        no_connection(kit, channel, "a certificate of an unknown authority is refused, whomever it names")


@case(
    "TLS-005",
    "MUST refuse a certificate of another authority that goes by the name of its own",
    clauses=("TLS-2",),
    negative=True,
)
def tls_005(kit: Kit) -> None:
    name = certificate_of(kit, kit.any_role).issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    twin = stranger(kit, str(name[0].value) if name else "authority")
    pair = issue(twin, held(kit), uris=[identity_of(kit, kit.any_role)])
    with showing(kit, pair, above=[twin]) as channel:
        no_connection(kit, channel, "an authority is known by its key and not by its name")


@case("TLS-006", "MUST refuse a certificate that signed itself", clauses=("TLS-2",), negative=True)
def tls_006(kit: Kit) -> None:
    with showing(kit, self_signed(kit, identity_of(kit, kit.any_role))) as channel:
        no_connection(kit, channel, "a certificate that signed itself is refused")


@case(
    "TLS-007",
    "MUST refuse a certificate that another caller's certificate signed",
    clauses=("TLS-2",),
    negative=True,
)
def tls_007(kit: Kit) -> None:
    caller = own_pair(kit, kit.any_role)
    pair = issue(caller, held(kit), uris=[identity_of(kit, kit.any_role)])
    with showing(kit, pair, above=[caller]) as channel:
        no_connection(kit, channel, "a caller's certificate makes nobody else a caller")


@case(
    "TLS-008",
    "MUST refuse an expired certificate of its own authority",
    clauses=("TLS-2", "IDN-3"),
    negative=True,
    needs=_AUTHORITY,
)
def tls_008(kit: Kit) -> None:
    pair = certified(kit, [identity_of(kit, kit.any_role)], span=held(kit, begins=-7_200, ends=-3_600))
    with showing(kit, pair) as channel:
        no_connection(kit, channel, "an expired certificate is refused")


@case(
    "TLS-009",
    "MUST refuse a certificate of its own authority that is not valid yet",
    clauses=("TLS-2", "IDN-3"),
    negative=True,
    needs=_AUTHORITY,
)
def tls_009(kit: Kit) -> None:
    pair = certified(kit, [identity_of(kit, kit.any_role)], span=held(kit, begins=3_600, ends=7_200))
    with showing(kit, pair) as channel:
        no_connection(kit, channel, "a certificate of tomorrow is refused")


@case(
    "TLS-010",
    "MUST serve a new certificate of a known identity without being told",
    clauses=("IDN-2", "IDN-3"),
    needs=_AUTHORITY,
)
def tls_010(kit: Kit) -> None:
    """The control for every certificate that the kit makes and the target must refuse."""
    with showing(kit, certified(kit, [identity_of(kit, kit.any_role)])) as channel:
        info = api.GetLedgerInfoResponse.FromString(call_bytes(channel, INFO, b""))
    expect_equal(info.ledger_id, kit.target.ledger_id, "a renewed certificate is served")


@case("TLS-011", "MUST refuse a certificate without a URI name", clauses=("IDN-2",), negative=True, needs=_AUTHORITY)
def tls_011(kit: Kit) -> None:
    pair = certified(kit, [], dns=["platform"])
    no_caller(kit, pair, Reason.CERTIFICATE_INVALID, message="a certificate without a URI name names nobody")


@case("TLS-012", "MUST refuse a certificate with two URI names", clauses=("IDN-2",), negative=True, needs=_AUTHORITY)
def tls_012(kit: Kit) -> None:
    mine = identity_of(kit, kit.any_role)
    for uris in ([mine, "spiffe://kit.example/other"], ["spiffe://kit.example/other", mine], [mine, mine]):
        pair = certified(kit, uris)
        no_caller(kit, pair, Reason.CERTIFICATE_INVALID, message=f"a certificate names one caller, not {len(uris)}")


@case(
    "TLS-013",
    "MUST refuse a certificate whose URI name is no SPIFFE id",
    clauses=("IDN-1", "IDN-2"),
    negative=True,
    needs=_AUTHORITY,
)
def tls_013(kit: Kit) -> None:
    for uri in NOT_SPIFFE:
        no_caller(kit, certified(kit, [uri]), Reason.CERTIFICATE_INVALID, message=f"{uri} is no SPIFFE id")


@case(
    "TLS-014",
    "MUST refuse an identity that its role table does not name",
    clauses=("ROL-1", "ROL-3"),
    negative=True,
    needs=_AUTHORITY,
)
def tls_014(kit: Kit) -> None:
    domain = identity_of(kit, kit.any_role).removeprefix("spiffe://").partition("/")[0]
    for uri in (f"spiffe://{domain}/nobody-at-all", f"{identity_of(kit, kit.any_role)}/more", "spiffe://kit.example/x"):
        no_caller(kit, certified(kit, [uri]), Reason.CALLER_NOT_ALLOWED, message="whoever has no role may call nothing")


@case(
    "TLS-015",
    "MUST take no identity from a certificate's DNS names",
    clauses=("IDN-2",),
    negative=True,
    needs=_AUTHORITY,
)
def tls_015(kit: Kit) -> None:
    mine = identity_of(kit, kit.any_role)
    name = mine.removeprefix("spiffe://")
    pair = certified(kit, ["spiffe://kit.example/nobody"], dns=[name.partition("/")[0], name.replace("/", ".")])
    no_caller(kit, pair, Reason.CALLER_NOT_ALLOWED, message="DNS names say nothing about who calls")


@case(
    "TLS-016",
    "MUST refuse a call over an open connection once its certificate has expired",
    clauses=("IDN-3", "IDN-4"),
    negative=True,
    needs=_AUTHORITY,
)
def tls_016(kit: Kit) -> None:
    """A handshake looks at a certificate once; the connection lives on."""
    ends = kit.clock.now() // 1_000_000_000 + SHORT_LIFE_SECONDS
    pair = certified(kit, [identity_of(kit, kit.any_role)], span=held(kit, ends=SHORT_LIFE_SECONDS))
    with showing(kit, pair) as channel:
        call_bytes(channel, INFO, b"")
        time.sleep(max(0.0, ends + 0.2 - kit.clock.now() / 1_000_000_000))
        with unmoved(kit):
            refused(
                lambda: call_bytes(channel, INFO, b""),
                Reason.CERTIFICATE_INVALID,
                code=grpc.StatusCode.PERMISSION_DENIED,
                message="a connection outlives its certificate, a caller does not",
            )


@case("TLS-017", "MUST refuse TLS 1.1 and older", clauses=("TLS-2",), negative=True)
def tls_017(kit: Kit) -> None:
    kit.info  # noqa: B018 the control: the target answers
    with unmoved(kit):
        try:
            with _tls_socket(kit, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1) as wrapped:
                got = str(wrapped.version())
        except (ssl.SSLError, ConnectionError) as error:
            got = f"refused: {error}"
    expect(got.startswith("refused"), "an outdated version is refused", got=got, expected="no connection")


def _tls_socket(kit: Kit, least: ssl.TLSVersion, most: ssl.TLSVersion) -> ssl.SSLSocket:
    """A TLS connection of a version under a known identity; raises what the handshake meets."""
    files = kit.target.tls(kit.any_role)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(kit.target.file.tls_ca))
    context.load_cert_chain(str(files.certificate), str(files.key))
    context.set_alpn_protocols(["h2"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = least, most
    if most <= ssl.TLSVersion.TLSv1_1:
        context.set_ciphers("ALL:@SECLEVEL=0")
    host, _, port = kit.target.endpoint.rpartition(":")
    host = host.strip("[]")
    raw = socket.create_connection((host, int(port)), timeout=HANDSHAKE_SECONDS)
    try:
        return context.wrap_socket(raw, server_hostname=kit.target.file.server_name or host)
    except BaseException:
        raw.close()
        raise
