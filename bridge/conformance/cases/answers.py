"""Answers that say no: their codes, the one ErrorInfo in each, and nothing in them that is nobody else's business."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from bridge.conformance.case import case
from bridge.conformance.checks import NotRun, expect, expect_equal, refusal_of, unmoved
from bridge.conformance.forms import other_forms
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.rpc.errors import DOMAIN, STATUS_DETAILS_KEY
from bridge.rpc.limits import MAX_ERROR_TEXT_CHARS
from bridge.rpc.methods import request_classes
from bridge.rpc.roles import default_roles
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import identifier_service_pb2 as identifiers
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.identifier_pb2 import Identifier
from bridge.v1.transaction_pb2 import CreateClientAct, SignedAct
from bridge.wire import encode

_LEDGER = ("relayer", "relayer_key", "authority", "authority_key")

RANDOM_REQUESTS = 12
"""Requests of random bytes to each method that a role may call."""

MAX_STATUS_BYTES = 8 * 1024
"""Largest status of a refusal, in bytes, however long what was sent: it travels in trailers."""

LEAKS = re.compile(
    r"Traceback|\.py\b|\bFile \"|0x[0-9a-f]{6,}|sqlite|sqlalchemy|psycopg|postgres|SELECT |INSERT |"
    r"(?:/[\w.-]+){3,}|[A-Z]\w+Error\(|passphrase|BEGIN [A-Z ]*KEY",
    re.IGNORECASE,
)
"""What of a program's inside a text may show: traces, files, addresses, databases, keys."""

Call = Callable[[], object]


def _status(call: Call, message: str) -> tuple[grpc.StatusCode, status_pb2.Status, error_details_pb2.ErrorInfo]:
    """Code, status and the one ErrorInfo of a call that is refused; Failed when there is none, or another number."""
    try:
        answer = call()
    except grpc.RpcError as error:
        ended: Any = error
        trailers: dict[str, bytes] = dict(ended.trailing_metadata() or ())
        code: grpc.StatusCode = ended.code()
    else:
        expect(False, message, got=f"OK {answer}", expected="a refusal")
        raise AssertionError
    data = trailers.get(STATUS_DETAILS_KEY, b"")
    expect(bool(data), f"{message}: the status travels in {STATUS_DETAILS_KEY}", got=sorted(trailers), expected="it")
    status = status_pb2.Status.FromString(data)
    infos = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    expect_equal((len(infos), len(status.details)), (1, 1), f"{message}: exactly one ErrorInfo")
    info = error_details_pb2.ErrorInfo()
    infos[0].Unpack(info)
    return code, status, info


def _says(call: Call, reason: Reason, code: grpc.StatusCode, kind: str, message: str) -> error_details_pb2.ErrorInfo:
    """Failed unless a refusal has this reason, this code and this class; its ErrorInfo."""
    got, status, info = _status(call, message)
    expect_equal(info.domain, DOMAIN, f"{message}: the domain")
    expect_equal(info.reason, str(reason), f"{message}: the reason")
    expect_equal(got, code, f"{message}: the code")
    expect_equal(status.code, code.value[0], f"{message}: the code in the status")
    expect_equal(info.metadata.get("error_class"), kind, f"{message}: the class says who acts")
    expect(bool(status.message), f"{message}: a text for people", got=status.message, expected="some text")
    return info


@case(
    "LIM-030",
    "MUST answer bytes that are wrong with INVALID_ARGUMENT and a DecodeError",
    clauses=("RPC-1", "RPC-2"),
    negative=True,
    needs=("relayer", "platform"),
)
def lim_030(kit: Kit) -> None:
    code, kind = grpc.StatusCode.INVALID_ARGUMENT, "DecodeError"
    desk, names = kit.cargo(), kit.identifier()
    nothing, unknown = cargo.GetRecordRequest(), Identifier(scheme="no-such-scheme", value="x")
    with unmoved(kit):
        method = "bridge.v1.LedgerService/ListClients"
        _says(lambda: kit.call_bytes(method, b"\xff"), Reason.MALFORMED_MESSAGE, code, kind, "no message")
        _says(lambda: desk.GetRecord(nothing), Reason.FIELD_REQUIRED, code, kind, "no name")
        _says(
            lambda: names.ResolveIdentifier(identifiers.ResolveIdentifierRequest(identifier=unknown)),
            Reason.SCHEME_UNKNOWN,
            code,
            kind,
            "no scheme",
        )


@case(
    "LIM-031",
    "MUST answer what is not there with NOT_FOUND",
    clauses=("RPC-1", "RPC-2"),
    negative=True,
    needs=("relayer", "platform"),
)
def lim_031(kit: Kit) -> None:
    code, kind = grpc.StatusCode.NOT_FOUND, "NotFoundError"
    ledger, desk = kit.ledger(), kit.cargo()
    absent = cargo.GetRecordRequest(record_id="KITCB-1999-000000001")
    with unmoved(kit):
        packets = api.ListPacketsRequest(client_id="nobody-at-all")
        _says(lambda: ledger.ListPackets(packets), Reason.CLIENT_NOT_FOUND, code, kind, "no client")
        headers = api.GetHeadersRequest(heights=[2**62])
        _says(lambda: ledger.GetHeaders(headers), Reason.HEIGHT_NOT_FOUND, code, kind, "no height")
        _says(lambda: desk.GetRecord(absent), Reason.RECORD_NOT_FOUND, code, kind, "no record")


@case(
    "LIM-032",
    "MUST answer what proves nothing with INVALID_ARGUMENT and a VerificationError",
    clauses=("RPC-1", "RPC-2", "RPC-5"),
    negative=True,
    needs=_LEDGER,
)
def lim_032(kit: Kit) -> None:
    """A refusal that the ledger reports by its reason alone has the class its reason belongs to."""
    other = kit.shared()
    signed = kit.act(_creation(kit, kit.session.fresh_name("kit-never")))
    unsigned = SignedAct(act=signed.act)
    signed.signatures[0].signature = other.authority.sign(b"another message")
    code, kind = grpc.StatusCode.INVALID_ARGUMENT, "VerificationError"
    door = kit.ledger("authority")
    with unmoved(kit, other.client_id):
        for act, reason in ((signed, Reason.SIGNATURE_INVALID), (unsigned, Reason.AUTHORITY_SIGNATURE_MISSING)):
            _says(
                lambda each=act: door.CreateClient(api.CreateClientRequest(act=each)),  # type: ignore[misc]
                reason,
                code,
                kind,
                "an act without its signature",
            )


def _creation(kit: Kit, client_id: str) -> CreateClientAct:
    return CreateClientAct(
        ledger_id=kit.target.ledger_id,
        client_id=client_id,
        anchor=kit.shared().anchor(),
        trusting_period_seconds=86_400,
        clock_drift_seconds=10,
        trust_level_numerator=1,
        trust_level_denominator=3,
    )


@case(
    "LIM-033",
    "MUST answer another thing under a taken name with ALREADY_EXISTS",
    clauses=("RPC-1", "RPC-2", "CLI-4"),
    negative=True,
    needs=_LEDGER,
)
def lim_033(kit: Kit) -> None:
    other = kit.shared()
    act = _creation(kit, other.client_id)
    act.trusting_period_seconds += 1
    request = api.CreateClientRequest(act=kit.act(act))
    with unmoved(kit, other.client_id):
        _says(
            lambda: kit.ledger("authority").CreateClient(request),
            Reason.CLIENT_EXISTS,
            grpc.StatusCode.ALREADY_EXISTS,
            "AlreadyExistsError",
            "a client id is used once",
        )


@case(
    "LIM-034",
    "MUST answer what needs another step first with FAILED_PRECONDITION",
    clauses=("RPC-1", "RPC-2"),
    negative=True,
    needs=_LEDGER,
)
def lim_034(kit: Kit) -> None:
    act = _creation(kit, kit.session.fresh_name("kit-never"))
    act.anchor.profile = "no-such-profile"
    request = api.CreateClientRequest(act=kit.act(act))
    with unmoved(kit):
        _says(
            lambda: kit.ledger("authority").CreateClient(request),
            Reason.PROFILE_UNKNOWN,
            grpc.StatusCode.FAILED_PRECONDITION,
            "PreconditionError",
            "a profile is installed first",
        )


@case(
    "LIM-035",
    "MUST answer what is too much with RESOURCE_EXHAUSTED and say how much was allowed",
    clauses=("RPC-1", "RPC-2"),
    negative=True,
    needs=("relayer",),
)
def lim_035(kit: Kit) -> None:
    with unmoved(kit):
        info = _says(
            lambda: kit.ledger().ProveEntries(api.ProveEntriesRequest(count=100_000)),
            Reason.LIMIT_EXCEEDED,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "LimitError",
            "too many entries",
        )
    expect_equal(info.metadata.get("got"), "100000", "what was got is told")
    expect(info.metadata.get("limit", "").isdigit(), "the limit is told", got=dict(info.metadata), expected="limit")


@case(
    "LIM-036",
    "MUST say in an error's metadata which field is wrong and what it held",
    clauses=("RPC-2",),
    negative=True,
    needs=("relayer",),
)
def lim_036(kit: Kit) -> None:
    with unmoved(kit):
        info = _says(
            lambda: kit.ledger().ListClients(api.ListClientsRequest(page_size=-3)),
            Reason.INVALID_FIELD,
            grpc.StatusCode.INVALID_ARGUMENT,
            "DecodeError",
            "a negative page size",
        )
    expect_equal((info.metadata.get("field"), info.metadata.get("got")), ("page_size", "-3"), "the facts are told")


@case(
    "LIM-037",
    "MUST keep a refusal short, however long what was sent",
    clauses=("RPC-2",),
    negative=True,
    needs=("relayer", "platform"),
)
def lim_037(kit: Kit) -> None:
    long = "x" * 100_000
    calls: dict[str, Call] = {
        "a client id": lambda: kit.ledger().ListPackets(api.ListPacketsRequest(client_id=long)),
        "a record id": lambda: kit.cargo().GetRecord(cargo.GetRecordRequest(record_id=long)),
        "a scheme": lambda: kit.identifier().ResolveIdentifier(
            identifiers.ResolveIdentifierRequest(identifier=Identifier(scheme=long, value=long))
        ),
        "a page token": lambda: kit.ledger().ListClients(api.ListClientsRequest(page_token=long)),
    }
    with unmoved(kit):
        for name, call in calls.items():
            _, status, info = _status(call, f"{name} of 100,000 characters")
            texts = [status.message, *info.metadata.values()]
            longest = max(len(text) for text in texts)
            expect(
                longest <= MAX_ERROR_TEXT_CHARS and status.ByteSize() <= MAX_STATUS_BYTES,
                f"a refusal of {name} is short",
                got=f"{longest} characters, {status.ByteSize()} bytes",
                expected=f"{MAX_ERROR_TEXT_CHARS} characters, {MAX_STATUS_BYTES} bytes at most",
            )


def _methods(kit: Kit) -> list[tuple[str, str]]:
    """Every unary method with an identity that may call it."""
    known = [role for role in default_roles() if role in kit.target.roles]
    found = []
    for method in sorted(request_classes()):
        roles = [role for role in known if method in default_roles()[role]]
        if roles and "/Watch" not in method and "Relayer" not in method:
            found.append((method, roles[0]))
    if not found:
        raise NotRun("the target.toml has no identity of a shipped role")
    return found


def _require_ours(error: grpc.RpcError, what: str) -> None:
    """Failed when a refusal is a bug's, or shows something of the inside."""
    refusal = refusal_of(error)
    bugs = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS, grpc.StatusCode.UNAVAILABLE)
    expect(refusal.code not in bugs, f"{what} is refused on purpose", got=refusal, expected="a reason of its own")
    leak = LEAKS.search(str(refusal.error))
    expect(leak is None, f"the refusal of {what} shows nothing of the inside", got=refusal, expected="no such text")


@case(
    "LIM-038",
    "MUST refuse random bytes to every method for a reason, and fail at none",
    clauses=("RPC-3", "GAT-3"),
    negative=True,
)
def lim_038(kit: Kit) -> None:
    with unmoved(kit):
        for method, role in _methods(kit):
            for _ in range(RANDOM_REQUESTS):
                data = kit.random.randbytes(kit.random.choice((1, 2, 5, 20, 200)))
                try:
                    kit.call_bytes(method, data, role)
                except grpc.RpcError as error:
                    _require_ours(error, f"{data[:20].hex()} to {method}")


@case(
    "LIM-039",
    "MUST refuse an empty request, or answer it, at every method, and fail at none",
    clauses=("RPC-3",),
    negative=True,
)
def lim_039(kit: Kit) -> None:
    """Every message inside is there and empty; then the same in every other form."""
    with unmoved(kit):
        for method, role in _methods(kit):
            request = request_classes()[method]()
            for field in request.DESCRIPTOR.fields:
                if field.cpp_type == field.CPPTYPE_MESSAGE and not field.is_repeated:
                    getattr(request, field.name).SetInParent()
            for data in (b"", encode(request), *(form.data for form in other_forms(request))):
                try:
                    kit.call_bytes(method, data, role)
                except grpc.RpcError as error:
                    _require_ours(error, f"an empty {method}")
