"""Errors there and back: every class, every reason, and what a bare transport failure means."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2

from bridge import errors
from bridge.errors import BridgeError, DecodeError, LedgerUnavailableError, LimitError, Reason, VerificationError
from bridge.rpc.errors import DOMAIN, STATUS_DETAILS_KEY, code_of, error_from_rpc, status_of, status_of_bug, trailers_of
from bridge.rpc.reasons import CLASS_OF, error_of

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, BridgeError) and value is not BridgeError
]


def rpc_error(code: grpc.StatusCode, details: str = "", trailers=()) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details)


def there_and_back(error: BridgeError) -> BridgeError:
    code, text, trailers = trailers_of(status_of(error))
    return error_from_rpc(rpc_error(code, text, trailers))


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_and_every_reason_comes_back_as_itself(cls):
    for reason in Reason:
        back = there_and_back(cls(reason, "why", got=1, expected="two"))
        assert type(back) is cls
        assert (back.reason, back.detail, back.facts) == (reason, "why", {"got": "1", "expected": "two"})
    assert len(CLASSES) == 9


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DecodeError(Reason.MALFORMED_MESSAGE), "INVALID_ARGUMENT"),
        (LimitError(Reason.LIMIT_EXCEEDED), "RESOURCE_EXHAUSTED"),
        (VerificationError(Reason.PROOF_INVALID), "INVALID_ARGUMENT"),
        (errors.PreconditionError(Reason.CLIENT_FROZEN), "FAILED_PRECONDITION"),
        (errors.NotFoundError(Reason.RECORD_NOT_FOUND), "NOT_FOUND"),
        (errors.AlreadyExistsError(Reason.MAPPING_CONFLICT), "ALREADY_EXISTS"),
        (errors.StateChangedError(Reason.STATE_CHANGED), "ABORTED"),
        (errors.CallerNotAllowedError(Reason.CALLER_NOT_ALLOWED), "PERMISSION_DENIED"),
        (LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE), "UNAVAILABLE"),
        (LedgerUnavailableError(Reason.DEADLINE_EXCEEDED), "DEADLINE_EXCEEDED"),
        (errors.PreconditionError(Reason.METHOD_UNKNOWN), "UNIMPLEMENTED"),
        (errors.PreconditionError(Reason.STORAGE_CORRUPT), "DATA_LOSS"),
        (BridgeError(Reason.INTERNAL), "INTERNAL"),
    ],
)
def test_the_code_is_that_of_the_table(error, code):
    assert code_of(error).name == code


def test_a_status_has_exactly_one_error_info_with_all_facts():
    status = status_of(VerificationError(Reason.INSUFFICIENT_QUORUM, "too few", got=2, root=b"\xab"))
    assert len(status.details) == 1
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("INSUFFICIENT_QUORUM", DOMAIN)
    assert dict(info.metadata) == {
        "error_class": "VerificationError",
        "detail": "too few",
        "got": "2",
        "root": "ab",
    }


def test_facts_are_bounded_in_number_and_length():
    status = status_of(DecodeError(Reason.INVALID_FIELD, "x" * 10_000, **{f"f{n}": "y" * 10_000 for n in range(50)}))
    assert status.ByteSize() < 12_000


def test_a_bug_tells_nothing_of_itself():
    status = status_of_bug(ValueError("secret"), "bridge.v1.X/Y")
    assert "secret" not in str(status)
    assert status.code == grpc.StatusCode.INTERNAL.value[0]


@pytest.mark.parametrize(
    ("code", "cls", "reason"),
    [
        ("UNAVAILABLE", LedgerUnavailableError, Reason.LEDGER_UNAVAILABLE),
        ("CANCELLED", LedgerUnavailableError, Reason.LEDGER_UNAVAILABLE),
        ("DEADLINE_EXCEEDED", LedgerUnavailableError, Reason.DEADLINE_EXCEEDED),
        ("RESOURCE_EXHAUSTED", LimitError, Reason.LIMIT_EXCEEDED),
        ("UNKNOWN", BridgeError, Reason.INTERNAL),
        ("DATA_LOSS", BridgeError, Reason.INTERNAL),
    ],
)
def test_a_bare_code_means_what_the_transport_means_by_it(code, cls, reason):
    error = error_from_rpc(rpc_error(grpc.StatusCode[code], "text"))
    assert type(error) is cls
    assert error.reason == reason


@pytest.mark.parametrize("value", [b"\xff\xff", b"", b"\x1a\x02\x0a\x00"])
def test_trailers_that_are_not_ours_are_not_believed(value):
    error = error_from_rpc(rpc_error(grpc.StatusCode.NOT_FOUND, "x", [(STATUS_DETAILS_KEY, value)]))
    assert type(error) is BridgeError
    assert error.reason == Reason.INTERNAL


def test_a_reason_of_a_newer_server_is_kept_for_people():
    status = status_of(DecodeError(Reason.INVALID_FIELD, "why"))
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    info.reason = "FROM_THE_FUTURE"
    info.metadata["self"] = "odd"
    status.details[0].Pack(info)
    error = error_from_rpc(rpc_error(*trailers_of(status)))
    assert isinstance(error, DecodeError)
    assert error.facts["unknown_reason"] == "FROM_THE_FUTURE"


def test_every_reason_has_a_class_and_an_unknown_one_is_internal():
    assert set(CLASS_OF) == set(Reason)
    assert type(error_of("PROOF_INVALID")) is VerificationError
    assert error_of("NO_SUCH_REASON").reason == Reason.INTERNAL
