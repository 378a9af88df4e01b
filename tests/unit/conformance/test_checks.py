"""What cases assert with: a verdict carries got and expected, and a refusal is known by its reason."""

from __future__ import annotations

import grpc
import pytest

from bridge.conformance.checks import (
    MAX_SHOWN_CHARACTERS,
    Failed,
    expect_equal,
    issue_refused,
    issue_taken,
    item_applied,
    item_noop,
    item_refused,
    refused,
    show,
    unmoved,
)
from bridge.errors import PreconditionError, Reason
from bridge.rpc.errors import STATUS_DETAILS_KEY, status_of
from bridge.v1.cargo_service_pb2 import IssueResult
from bridge.v1.transaction_pb2 import ITEM_STATE_APPLIED, ITEM_STATE_NOOP, ITEM_STATE_REFUSED, ItemResult


class Refusal(grpc.RpcError):
    """An RPC error as grpc raises it."""

    def __init__(self, code: grpc.StatusCode, trailers: tuple[tuple[str, bytes], ...] = (), details: str = "") -> None:
        self._code, self._trailers, self._details = code, trailers, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return self._trailers

    def details(self) -> str:
        return self._details


def raising(error: Exception) -> None:
    raise error


def frozen() -> None:
    status = status_of(PreconditionError(Reason.CLIENT_FROZEN, "it is frozen"))
    raising(Refusal(grpc.StatusCode.FAILED_PRECONDITION, ((STATUS_DETAILS_KEY, status.SerializeToString()),)))


def test_a_refusal_is_known_by_its_reason() -> None:
    found = refused(frozen, Reason.CLIENT_EXPIRED, Reason.CLIENT_FROZEN, code=grpc.StatusCode.FAILED_PRECONDITION)
    assert (found.reason, found.code) == (Reason.CLIENT_FROZEN, grpc.StatusCode.FAILED_PRECONDITION)


def test_an_answer_is_no_refusal() -> None:
    with pytest.raises(Failed) as caught:
        refused(lambda: "taken", Reason.CLIENT_FROZEN)
    assert (caught.value.got, caught.value.expected) == ("OK taken", "CLIENT_FROZEN")


@pytest.mark.parametrize(
    ("reasons", "code"),
    [((Reason.CLIENT_EXPIRED,), None), ((Reason.CLIENT_FROZEN,), grpc.StatusCode.NOT_FOUND)],
)
def test_another_reason_or_code_is_not_the_refusal(reasons: tuple[Reason, ...], code: grpc.StatusCode | None) -> None:
    with pytest.raises(Failed) as caught:
        refused(frozen, *reasons, code=code)
    assert "FAILED_PRECONDITION CLIENT_FROZEN" in caught.value.got


def test_a_bare_transport_failure_is_not_taken_for_a_refusal_by_reason() -> None:
    with pytest.raises(Failed):
        refused(lambda: raising(Refusal(grpc.StatusCode.UNAVAILABLE, details="gone")), Reason.CLIENT_FROZEN)


def test_items_and_records_are_judged_by_state_and_reason() -> None:
    item_applied(ItemResult(state=ITEM_STATE_APPLIED))
    item_noop(ItemResult(state=ITEM_STATE_NOOP))
    item_refused(ItemResult(state=ITEM_STATE_REFUSED, reason="PROOF_INVALID"), Reason.PROOF_INVALID)
    issue_taken(IssueResult(local_record_id="X"))
    issue_refused(IssueResult(reason="VERSION_GAP"), Reason.VERSION_GAP)
    wrong = [
        lambda: item_applied(ItemResult(state=ITEM_STATE_NOOP)),
        lambda: item_noop(ItemResult(state=ITEM_STATE_APPLIED)),
        lambda: item_refused(ItemResult(state=ITEM_STATE_APPLIED), Reason.PROOF_INVALID),
        lambda: item_refused(ItemResult(state=ITEM_STATE_REFUSED, reason="X"), Reason.PROOF_INVALID),
        lambda: issue_taken(IssueResult(reason="VERSION_GAP")),
        lambda: issue_refused(IssueResult(local_record_id="X"), Reason.VERSION_GAP),
        lambda: issue_refused(IssueResult(reason="X"), Reason.VERSION_GAP),
    ]
    for check in wrong:
        with pytest.raises(Failed):
            check()


def test_values_are_shown_short() -> None:
    assert show(b"\x01" * 100).startswith("100 bytes 0101")
    assert len(show("x" * 5_000)) == MAX_SHOWN_CHARACTERS
    with pytest.raises(Failed, match="the height: got 2, expected 3"):
        expect_equal(2, 3, "the height")


class Moving:
    """A kit of which only the snapshot is asked."""

    def __init__(self, *snapshots: dict[str, object]) -> None:
        self.snapshots = list(snapshots)

    def snapshot(self, client_id: str | None) -> dict[str, object]:
        return self.snapshots.pop(0)


def test_what_moved_is_named() -> None:
    with unmoved(Moving({"entries": 1}, {"entries": 1})):  # type: ignore[arg-type]
        pass
    with pytest.raises(Failed, match="state did not move: entries"), unmoved(Moving({"entries": 1}, {"entries": 2})):  # type: ignore[arg-type]
        pass
    with pytest.raises(Failed, match="c state"), unmoved(Moving({}, {"c state": "ACTIVE"})):  # type: ignore[arg-type]
        pass
