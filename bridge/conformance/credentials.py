"""Certificates that are wrong in one way, made at run time, and channels that show them.

Those that must chain to the target's own authority need its key (`tls_ca_key` of the target.toml); the others are the
work of authorities that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.conformance.checks import BridgeRefusal, NotRun, refused, unmoved
from bridge.conformance.connection import call_bytes, channel_options
from bridge.errors import BridgeError, Reason
from bridge.rpc.certificates import KeyPair, Validity, issue, load_pair, make_authority, validity
from bridge.rpc.tls import read_private

if TYPE_CHECKING:
    from bridge.conformance.kit import Kit

DAYS = 1
"""Life of a certificate of the kit, in days: longer than any run."""

HANDSHAKE_SECONDS = 5
"""Deadline of a call over a connection that must not come about, in seconds."""

INFO = "bridge.v1.LedgerService/GetLedgerInfo"
"""The call that every shipped role may make."""


def held(kit: Kit, *, begins: int = 0, ends: int = 0) -> Validity:
    """A span of time from now; `begins` and `ends` are seconds from now where a case needs another one."""
    span = validity(kit.clock.now(), DAYS)
    now = kit.clock.now()
    return Validity(
        Nanos(now + begins * NANOS_PER_SECOND) if begins else span.not_before,
        Nanos(now + ends * NANOS_PER_SECOND) if ends else span.not_after,
    )


def stranger(kit: Kit, name: str = "an authority nobody asked") -> KeyPair:
    """A certificate authority that the target does not know."""
    return make_authority(name, held(kit))


def self_signed(kit: Kit, uri: str) -> KeyPair:
    """A caller's certificate that its own key signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "self")])
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=kit.clock.now() // NANOS_PER_SECOND)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(hours=1),
        not_valid_after=now + timedelta(days=DAYS),
    ).add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
    return KeyPair(builder.sign(key, hashes.SHA256()), key)


def target_authority(kit: Kit) -> KeyPair:
    """The target's own test authority; NotRun without its key."""
    key = kit.target.file.tls_ca_key
    if key is None:
        raise NotRun("the target.toml names no tls_ca_key")
    try:
        return load_pair(kit.target.file.tls_ca.read_bytes(), read_private(key))
    except (ValueError, BridgeError) as error:
        raise NotRun(f"tls_ca_key cannot be used: {error}") from error


def certificate_of(kit: Kit, role: str) -> x509.Certificate:
    """The certificate of an identity of the target.toml."""
    return x509.load_pem_x509_certificate(kit.target.tls(role).certificate.read_bytes())


def identity_of(kit: Kit, role: str) -> str:
    """The SPIFFE id of an identity of the target.toml; NotRun when its certificate names none."""
    try:
        names = certificate_of(kit, role).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.UniformResourceIdentifier)[0]
    except (x509.ExtensionNotFound, IndexError) as error:
        raise NotRun(f"the certificate of {role} names no URI") from error


def own_pair(kit: Kit, role: str) -> KeyPair:
    """Certificate and key of an identity of the target.toml; NotRun when the key is of another kind."""
    files = kit.target.tls(role)
    try:
        return load_pair(files.certificate.read_bytes(), read_private(files.key))
    except ValueError as error:
        raise NotRun(f"the key of {role} cannot be used: {error}") from error


def certified(
    kit: Kit, uris: Sequence[str], *, dns: Sequence[str] = (), span: Validity | None = None, by: KeyPair | None = None
) -> KeyPair:
    """A certificate with these URI names, by the target's own authority unless another signs."""
    return issue(by or target_authority(kit), span or held(kit), uris=uris, dns=dns)


@contextmanager
def showing(kit: Kit, pair: KeyPair | None, *, above: Sequence[KeyPair] = ()) -> Iterator[grpc.Channel]:
    """A channel that shows a certificate (none for None), and those `above` it in its chain."""
    roots = kit.target.file.tls_ca.read_bytes()
    if pair is None:
        credentials = grpc.ssl_channel_credentials(roots)
    else:
        chain = b"".join(each.certificate_pem() for each in (pair, *above))
        credentials = grpc.ssl_channel_credentials(roots, pair.key_pem(), chain)
    options = channel_options(kit.target.file.server_name)
    with grpc.secure_channel(kit.target.endpoint, credentials, options=options) as channel:
        yield channel


def no_connection(kit: Kit, channel: grpc.Channel, message: str) -> None:
    """Failed unless the handshake is refused, while the target serves others; it reaches a client as UNAVAILABLE."""
    with unmoved(kit):
        refused(
            lambda: call_bytes(channel, INFO, b"", seconds=HANDSHAKE_SECONDS),
            Reason.LEDGER_UNAVAILABLE,
            code=grpc.StatusCode.UNAVAILABLE,
            message=message,
        )


def no_caller(kit: Kit, pair: KeyPair, *reasons: Reason, message: str) -> BridgeRefusal:
    """Failed unless a certificate of the right authority is refused by the gate with one of the reasons."""
    with unmoved(kit), showing(kit, pair) as channel:
        return refused(
            lambda: call_bytes(channel, INFO, b""), *reasons, code=grpc.StatusCode.PERMISSION_DENIED, message=message
        )
