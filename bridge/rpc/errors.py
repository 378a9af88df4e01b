"""Errors on the wire: BridgeError to google.rpc.Status with exactly one ErrorInfo, and back.

The table is docs/errors.md. What is not a BridgeError is a bug: the caller learns a trace id, the log learns the rest.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from bridge.errors import (
    AlreadyExistsError,
    BridgeError,
    CallerNotAllowedError,
    DecodeError,
    LedgerUnavailableError,
    LimitError,
    NotFoundError,
    PreconditionError,
    Reason,
    StateChangedError,
    VerificationError,
)
from bridge.rpc.limits import MAX_ERROR_FACTS, MAX_ERROR_TEXT_CHARS

_LOG = structlog.get_logger("bridge.rpc")

DOMAIN = "cargobridge"
"""ErrorInfo domain of every error of ours; reasons are unique within it."""

STATUS_DETAILS_KEY = "grpc-status-details-bin"
"""Trailer that carries the google.rpc.Status (grpcio-status uses the same)."""

_KIND = "error_class"
_DETAIL = "detail"

_CODES: tuple[tuple[type[BridgeError], grpc.StatusCode], ...] = (
    (LimitError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (DecodeError, grpc.StatusCode.INVALID_ARGUMENT),
    (VerificationError, grpc.StatusCode.INVALID_ARGUMENT),
    (PreconditionError, grpc.StatusCode.FAILED_PRECONDITION),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (AlreadyExistsError, grpc.StatusCode.ALREADY_EXISTS),
    (StateChangedError, grpc.StatusCode.ABORTED),
    (CallerNotAllowedError, grpc.StatusCode.PERMISSION_DENIED),
    (LedgerUnavailableError, grpc.StatusCode.UNAVAILABLE),
)
"""Class to code, the narrower class first."""

_BY_NAME: dict[str, type[BridgeError]] = {cls.__name__: cls for cls, _ in _CODES}

_BY_REASON: dict[Reason, grpc.StatusCode] = {
    Reason.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.METHOD_UNKNOWN: grpc.StatusCode.UNIMPLEMENTED,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
    Reason.STORAGE_CORRUPT: grpc.StatusCode.DATA_LOSS,
}
"""Reasons that say more than their class does."""

_FROM_CODE: dict[grpc.StatusCode, tuple[type[BridgeError], Reason]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (DecodeError, Reason.MALFORMED_MESSAGE),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (LimitError, Reason.LIMIT_EXCEEDED),
    grpc.StatusCode.UNIMPLEMENTED: (PreconditionError, Reason.METHOD_UNKNOWN),
    grpc.StatusCode.PERMISSION_DENIED: (CallerNotAllowedError, Reason.CALLER_NOT_ALLOWED),
    grpc.StatusCode.UNAUTHENTICATED: (CallerNotAllowedError, Reason.CERTIFICATE_INVALID),
    grpc.StatusCode.UNAVAILABLE: (LedgerUnavailableError, Reason.LEDGER_UNAVAILABLE),
    grpc.StatusCode.CANCELLED: (LedgerUnavailableError, Reason.LEDGER_UNAVAILABLE),
    grpc.StatusCode.DEADLINE_EXCEEDED: (LedgerUnavailableError, Reason.DEADLINE_EXCEEDED),
}
"""What a bare gRPC code means: an answer of the transport or of a peer that is not ours."""


def code_of(error: BridgeError) -> grpc.StatusCode:
    """[RPC-1] gRPC code of an error: by its reason where that says more, else by its class."""
    if (special := _BY_REASON.get(error.reason)) is not None:
        return special
    for cls, code in _CODES:
        if isinstance(error, cls):
            return code
    return grpc.StatusCode.INTERNAL


def status_of(error: BridgeError) -> status_pb2.Status:
    """[RPC-1] [RPC-2] Status with exactly one ErrorInfo{reason, domain, metadata}; every fact is in the metadata."""
    metadata = {_KIND: type(error).__name__}
    if error.detail:
        metadata[_DETAIL] = _cut(error.detail)
    for name, value in list(error.facts.items())[:MAX_ERROR_FACTS]:
        metadata[str(name)[:64]] = _cut(value.hex() if isinstance(value, bytes | bytearray) else str(value))
    packed = AnyMessage()
    packed.Pack(error_details_pb2.ErrorInfo(reason=str(error.reason), domain=DOMAIN, metadata=metadata))
    return status_pb2.Status(code=code_of(error).value[0], message=_cut(str(error)), details=[packed])


def status_of_bug(error: BaseException, method: str) -> status_pb2.Status:
    """[RPC-3] Status of anything that is not a BridgeError: INTERNAL and a trace id; the text stays in our log."""
    trace_id = secrets.token_hex(8)
    _LOG.error("rpc.bug", method=method, trace_id=trace_id, exc_info=error)
    bug = BridgeError(Reason.INTERNAL, "an error of ours; the log has it under the trace id", trace_id=trace_id)
    return status_of(bug)


def trailers_of(status: status_pb2.Status) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Code, text and trailing metadata that end a call with `status`."""
    return _CODE_BY_NUMBER[status.code], status.message, ((STATUS_DETAILS_KEY, status.SerializeToString()),)


def error_from_rpc(error: grpc.RpcError) -> BridgeError:
    """[RPC-4] The BridgeError a server raised, or what a transport failure means to a caller.

    DEADLINE_EXCEEDED, UNAVAILABLE and CANCELLED become LedgerUnavailableError: the outcome is unknown, so ask.
    """
    code: grpc.StatusCode = error.code()  # type: ignore[attr-defined, unused-ignore]
    details: str = error.details() or ""  # type: ignore[attr-defined, unused-ignore]
    trailers: Iterable[Any] = error.trailing_metadata() or ()  # type: ignore[attr-defined, unused-ignore]
    info = _error_info(trailers)
    if info is not None and info.domain == DOMAIN:
        return _rebuild(info, details)
    cls, reason = _FROM_CODE.get(code, (BridgeError, Reason.INTERNAL))
    return cls(reason, _cut(details), grpc_code=code.name)


def _error_info(trailers: Iterable[Any]) -> error_details_pb2.ErrorInfo | None:
    """The one ErrorInfo in the trailers; None where there is no well-formed one."""
    for key, value in trailers:
        if key != STATUS_DETAILS_KEY or not isinstance(value, bytes):
            continue
        try:
            status = status_pb2.Status.FromString(value)
            found = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
            if len(found) != 1:
                return None
            info = error_details_pb2.ErrorInfo()
            found[0].Unpack(info)
        except ProtobufDecodeError:
            return None
        return info
    return None


def _rebuild(info: error_details_pb2.ErrorInfo, text: str) -> BridgeError:
    facts = dict(info.metadata)
    cls = _BY_NAME.get(facts.pop(_KIND, ""), BridgeError)
    detail = facts.pop(_DETAIL, "")
    try:
        reason = Reason(info.reason)
    except ValueError:
        # A newer server knows reasons we do not: keep its word where people read it.
        return cls(Reason.INTERNAL, _cut(detail or text), unknown_reason=info.reason, **_named(facts))
    return cls(reason, detail, **_named(facts))


def _named(facts: dict[str, str]) -> dict[str, object]:
    """Facts a peer sent, under names that cannot shadow the constructor's own."""
    return {name: value for name, value in facts.items() if name not in ("self", "reason", "detail", "unknown_reason")}


def _cut(text: str) -> str:
    return text if len(text) <= MAX_ERROR_TEXT_CHARS else text[: MAX_ERROR_TEXT_CHARS - 3] + "..."


_CODE_BY_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
