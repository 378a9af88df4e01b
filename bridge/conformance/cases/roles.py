"""Roles: what each identity may not call, refused before anything of the request is read; and whose member it is."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from bridge.conformance.case import case
from bridge.conformance.checks import NotRun, expect, expect_equal, refused, unmoved
from bridge.conformance.connection import call_bytes, first_messages
from bridge.conformance.credentials import INFO
from bridge.conformance.kit import Kit
from bridge.crypto.keys import generate_signer
from bridge.errors import Reason
from bridge.light_client.profiles import profile
from bridge.rpc.methods import known_methods
from bridge.rpc.roles import default_roles
from bridge.v1 import admin_service_pb2 as admin
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.admin_service_pb2_grpc import AdminServiceStub
from bridge.v1.transaction_pb2 import CreateClientAct, Delivery, Operation, PauseAct, Transaction, TransactionBody
from bridge.wire import encode, timestamp_of

GARBAGE = b"\xff" * 16
"""Bytes that are no message: whoever may not call learns nothing about them."""

EVERY_ROLE = ("authority", "relayer", "platform", "reader", "auditor", "operator", "monitor")
"""Roles that ship; the target's identities of these names must have exactly them."""


def _refuse_the_rest(kit: Kit, role: str) -> None:
    """Every method that the role does not name is refused, with nothing and with garbage in it."""
    forbidden = sorted(known_methods() - default_roles()[role])
    channel = kit.channel(role)
    call_bytes(channel, INFO, b"")
    with unmoved(kit):
        for method in forbidden:
            for request in (b"", GARBAGE):
                refused(
                    _calling(channel, method, request),
                    Reason.CALLER_NOT_ALLOWED,
                    code=grpc.StatusCode.PERMISSION_DENIED,
                    message=f"{method} is not for the role {role}",
                )


def _calling(channel: grpc.Channel, method: str, request: bytes) -> Callable[[], object]:
    """A call as its method wants it; of a stream the first message is waited for."""
    if method.rpartition("/")[2] in ("WatchBlocks", "WatchRecords", "Watch", "ClearPackets"):
        stream = channel.unary_stream(f"/{method}", request_serializer=bytes, response_deserializer=bytes)
        return lambda: first_messages(iter(stream(request)), 1)
    if method.endswith("ServerReflectionInfo"):
        both = channel.stream_stream(f"/{method}", request_serializer=bytes, response_deserializer=bytes)
        return lambda: first_messages(iter(both(iter([request]))), 1)
    return lambda: call_bytes(channel, method, request)


@case("TLS-020", "MUST serve every shipped role with what it names", clauses=("ROL-1", "ROL-3"))
def tls_020(kit: Kit) -> None:
    known = [role for role in EVERY_ROLE if role in kit.target.roles]
    for role in known:
        info = kit.ledger(role).GetLedgerInfo(api.GetLedgerInfoRequest())
        expect_equal(info.ledger_id, kit.target.ledger_id, f"{role} learns who the ledger is")


@case(
    "TLS-021",
    "MUST refuse a reader whatever writes, and whatever relayers and authorities ask",
    clauses=("ROL-1", "GAT-1"),
    negative=True,
    needs=("reader",),
)
def tls_021(kit: Kit) -> None:
    _refuse_the_rest(kit, "reader")


@case(
    "TLS-022",
    "MUST refuse a platform the calls of relayers and authorities",
    clauses=("ROL-1", "GAT-1"),
    negative=True,
    needs=("platform",),
)
def tls_022(kit: Kit) -> None:
    _refuse_the_rest(kit, "platform")


@case(
    "TLS-023",
    "MUST refuse a relayer everything but moving proven facts",
    clauses=("ROL-1", "GAT-1"),
    negative=True,
    needs=("relayer",),
)
def tls_023(kit: Kit) -> None:
    _refuse_the_rest(kit, "relayer")


@case(
    "TLS-024",
    "MUST refuse an authority the calls of relayers and platforms",
    clauses=("ROL-1", "GAT-1"),
    negative=True,
    needs=("authority",),
)
def tls_024(kit: Kit) -> None:
    _refuse_the_rest(kit, "authority")


@case(
    "TLS-025",
    "MUST refuse an auditor whatever writes",
    clauses=("ROL-1", "GAT-1"),
    negative=True,
    needs=("auditor",),
)
def tls_025(kit: Kit) -> None:
    _refuse_the_rest(kit, "auditor")


@case(
    "TLS-026",
    "MUST refuse an operator the records and whatever writes to the ledger",
    clauses=("ROL-1", "GAT-1"),
    negative=True,
    needs=("operator",),
)
def tls_026(kit: Kit) -> None:
    _refuse_the_rest(kit, "operator")


@case(
    "TLS-027",
    "MUST refuse a monitor everything but looking whether the ledger lives",
    clauses=("ROL-1", "GAT-1"),
    negative=True,
    needs=("monitor",),
)
def tls_027(kit: Kit) -> None:
    _refuse_the_rest(kit, "monitor")


@case(
    "TLS-028",
    "MUST refuse a method that nobody's role names, known or not",
    clauses=("ROL-1", "ROL-3", "SRV-1"),
    negative=True,
)
def tls_028(kit: Kit) -> None:
    channel = kit.channel(kit.any_role)
    with unmoved(kit):
        for method in (
            "bridge.v1.LedgerService/DropLedger",
            "bridge.v2.LedgerService/GetLedgerInfo",
            "bridge.v1.LedgerService/getledgerinfo",
            "grpc.channelz.v1.Channelz/GetServers",
        ):
            refused(
                lambda name=method: call_bytes(channel, name, b""),  # type: ignore[misc]
                Reason.CALLER_NOT_ALLOWED,
                code=grpc.StatusCode.PERMISSION_DENIED,
                message=f"{method} is in nobody's role",
            )


@case(
    "TLS-029",
    "MUST refuse alike whether the thing that a caller may not see exists or not",
    clauses=("ROL-1",),
    negative=True,
    needs=("monitor", "authority_key", "platform", "relayer_key"),
)
def tls_029(kit: Kit) -> None:
    other = kit.shared()
    told = [
        refused(
            lambda wanted=client_id: kit.ledger("monitor").ListPackets(api.ListPacketsRequest(client_id=wanted)),  # type: ignore[misc]
            Reason.CALLER_NOT_ALLOWED,
        )
        for client_id in (other.client_id, "nobody-at-all")
    ]
    expect_equal(str(told[0]), str(told[1]), "a refusal does not tell what exists")


@case(
    "TLS-030",
    "MUST refuse a rightly signed act from an identity whose role carries none",
    clauses=("ROL-1", "ADS-4"),
    negative=True,
    needs=("relayer", "authority_key", "relayer_key"),
)
def tls_030(kit: Kit) -> None:
    other = kit.shared()
    act = kit.act(
        PauseAct(
            ledger_id=kit.target.ledger_id,
            client_id=other.client_id,
            port="cargo",
            paused=True,
            act_time=timestamp_of(kit.clock.now()),
        )
    )
    door = AdminServiceStub(kit.channel("relayer"))
    with unmoved(kit, other.client_id):
        refused(lambda: door.SetPause(admin.SetPauseRequest(act=act)), Reason.CALLER_NOT_ALLOWED)


@case(
    "TLS-031",
    "MUST refuse an act that its own authority did not sign, whoever brings it",
    clauses=("ACT-2", "LED-7"),
    negative=True,
    needs=("authority", "authority_key", "relayer_key"),
)
def tls_031(kit: Kit) -> None:
    """The certificate of an authority lets it in; only its key gives an act its effect."""
    other = kit.shared()
    name = kit.session.fresh_name("kit-never")
    act = CreateClientAct(
        ledger_id=kit.target.ledger_id,
        client_id=name,
        anchor=other.anchor(),
        trusting_period_seconds=86_400,
        clock_drift_seconds=10,
        trust_level_numerator=1,
        trust_level_denominator=3,
    )
    signed = kit.act(act)
    signed.signatures[0].signature = other.authority.sign(b"another message")
    with unmoved(kit, other.client_id):
        refused(
            lambda: kit.ledger("authority").CreateClient(api.CreateClientRequest(act=signed)), Reason.SIGNATURE_INVALID
        )
        expect_equal(kit.client(name).client_id, "", "no client was made")


def _in_the_name_of(kit: Kit, member_id: str, **over: object) -> Transaction:
    """A delivery that the relayer's key signed; `over` replaces fields of the body."""
    fields: dict[str, object] = {
        "ledger_id": kit.target.ledger_id,
        "member_id": member_id,
        "key_id": kit.member().key_id,
        "submission_time": timestamp_of(kit.clock.now()),
        "operations": [Operation(deliver=Delivery(client_id=kit.shared().client_id))],
    }
    body = encode(TransactionBody(**(fields | over)))  # type: ignore[arg-type]
    form = profile(kit.target_profile)
    signature = kit.signer("relayer_key").sign(form.transaction_sign_bytes(kit.target.ledger_id, body))
    return Transaction(body=body, signature=signature)


def _refuse_submission(kit: Kit, transaction: Transaction, *reasons: Reason, message: str) -> None:
    with unmoved(kit, kit.shared().client_id):
        refused(
            lambda: kit.ledger("relayer").Deliver(api.DeliverRequest(transaction=transaction)),
            *reasons,
            message=message,
        )


@case(
    "TLS-032",
    "MUST refuse a transaction in the name of another member than the caller's own",
    clauses=("ROL-2", "NOD-1"),
    negative=True,
    needs=("relayer", "relayer_key", "platform", "authority_key"),
)
def tls_032(kit: Kit) -> None:
    """Members that exist and one that does not are refused alike, before anybody looks them up."""
    page = kit.admin("platform").ListMembers(admin.ListMembersRequest(page_size=500))
    mine = kit.member().member_id
    others = [each.registration.member_id for each in page.members if not each.origin_client_id]
    if not set(others) - {mine}:
        raise NotRun("the target has no other member")
    for name in (*sorted(set(others) - {mine}), "nobody-at-all", ""):
        _refuse_submission(
            kit,
            _in_the_name_of(kit, name),
            Reason.CALLER_NOT_ALLOWED,
            message=f"the relayer does not submit as {name!r}",
        )


@case(
    "TLS-033",
    "MUST refuse a transaction signed by a key that its member does not have",
    clauses=("APP-9",),
    negative=True,
    needs=("relayer", "relayer_key", "authority_key"),
)
def tls_033(kit: Kit) -> None:
    transaction = _in_the_name_of(kit, kit.member().member_id)
    form = profile(kit.target_profile)
    signed = form.transaction_sign_bytes(kit.target.ledger_id, transaction.body)
    for signature in (generate_signer(form.suite_id).sign(signed), b"", transaction.signature[:-1]):
        _refuse_submission(
            kit,
            Transaction(body=transaction.body, signature=signature),
            Reason.SIGNATURE_INVALID,
            message="only the member's key submits for it",
        )


@case(
    "TLS-034",
    "MUST refuse a transaction under a key id that its member does not have",
    clauses=("APP-8",),
    negative=True,
    needs=("relayer", "relayer_key", "authority_key"),
)
def tls_034(kit: Kit) -> None:
    member_id = kit.member().member_id
    unknown, formless = _in_the_name_of(kit, member_id, key_id="k999"), _in_the_name_of(kit, member_id, key_id="K 1")
    _refuse_submission(kit, unknown, Reason.MEMBER_UNKNOWN, message="a key is found by its id")
    _refuse_submission(kit, formless, Reason.INVALID_IDENTIFIER, message="a key id has a form")


@case(
    "TLS-035",
    "MUST refuse a transaction for another ledger",
    clauses=("APP-9", "SIG-1"),
    negative=True,
    needs=("relayer", "relayer_key", "authority_key"),
)
def tls_035(kit: Kit) -> None:
    """Signed as for this ledger, and replayed from another where the same member has the same key."""
    elsewhere = f"{kit.target.ledger_id}-x"[:50]
    transaction = _in_the_name_of(kit, kit.member().member_id, ledger_id=elsewhere)
    _refuse_submission(kit, transaction, Reason.LEDGER_ID_MISMATCH, message="the body names another ledger")
    form = profile(kit.target_profile)
    mine = _in_the_name_of(kit, kit.member().member_id)
    mine.signature = kit.signer("relayer_key").sign(form.transaction_sign_bytes(elsewhere, mine.body))
    _refuse_submission(kit, mine, Reason.SIGNATURE_INVALID, message="the signature is for another ledger")


@case(
    "TLS-036",
    "MUST answer health to whoever may ask, and to nobody else",
    clauses=("GAT-1", "SRV-3"),
    needs=("monitor", "reader"),
)
def tls_036(kit: Kit) -> None:
    answer = call_bytes(kit.channel("monitor"), "grpc.health.v1.Health/Check", b"")
    expect(answer == b"\x08\x01", "the ledger serves", got=answer, expected=b"\x08\x01")
    refused(_calling(kit.channel("reader"), "grpc.health.v1.Health/Watch", b""), Reason.CALLER_NOT_ALLOWED)
