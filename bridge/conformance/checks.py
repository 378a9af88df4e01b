"""What cases assert with: a verdict always carries what was got and what was expected.

A refusal is read from the google.rpc.ErrorInfo in the status details, as any client would; its reason is compared, not
its text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

import grpc

from bridge.errors import BridgeError, Reason
from bridge.rpc.errors import error_from_rpc
from bridge.v1.cargo_service_pb2 import IssueResult
from bridge.v1.transaction_pb2 import (
    ITEM_STATE_APPLIED,
    ITEM_STATE_NOOP,
    ITEM_STATE_REFUSED,
    ItemResult,
    ItemState,
)

if TYPE_CHECKING:
    from bridge.conformance.kit import Kit

T = TypeVar("T")

MAX_SHOWN_CHARACTERS = 600
"""Longest text of a value in a verdict, in characters: a person reads it; the bytes are in the dump."""


class Failed(Exception):
    """The target is wrong: what was got, and what was expected."""

    def __init__(self, message: str, *, got: object, expected: object) -> None:
        super().__init__(message)
        self.message = message
        self.got = show(got)
        self.expected = show(expected)

    def __str__(self) -> str:
        return f"{self.message}: got {self.got}, expected {self.expected}"


class NotRun(Exception):
    """The case cannot be run on this target, and says what is missing; it counts neither for nor against it."""


class Unsupported(Exception):
    """The target does not declare what the case is about."""


@dataclass(frozen=True, slots=True)
class BridgeRefusal:
    """A refusal as a client sees it."""

    reason: Reason
    code: grpc.StatusCode
    error: BridgeError

    def __str__(self) -> str:
        return f"{self.code.name} {self.error}"


def show(value: object) -> str:
    """A value as a verdict prints it."""
    if isinstance(value, bytes | bytearray):
        text = f"{len(value)} bytes {value[:64].hex()}{'...' if len(value) > 64 else ''}"
    elif isinstance(value, grpc.RpcError):
        text = describe(value)
    else:
        text = str(value)
    text = " ".join(text.split())
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 3] + "..."


def describe(error: grpc.RpcError) -> str:
    """A failed call in one line: code, reason where there is one, text."""
    return str(refusal_of(error))


def refusal_of(error: grpc.RpcError) -> BridgeRefusal:
    """The refusal that an RPC error carries; a bare transport failure reads as what it means to a client."""
    bridge_error = error_from_rpc(error)
    code: grpc.StatusCode = error.code()  # type: ignore[attr-defined, unused-ignore]
    return BridgeRefusal(bridge_error.reason, code, bridge_error)


def fail(message: str, *, got: object, expected: object) -> NoReturn:
    """The verdict that the target is wrong."""
    raise Failed(message, got=got, expected=expected)


def expect(condition: bool, message: str, *, got: object, expected: object) -> None:
    """Failed unless the condition holds."""
    if not condition:
        fail(message, got=got, expected=expected)


def expect_equal(got: object, expected: object, message: str) -> None:
    """Failed unless the two are equal."""
    expect(got == expected, message, got=got, expected=expected)


def refused(
    call: Callable[[], T], *reasons: Reason, code: grpc.StatusCode | None = None, message: str = "the call is refused"
) -> BridgeRefusal:
    """Run the call; Failed unless the target refuses it with one of the reasons (and with the code, when given)."""
    wanted = " or ".join(reasons) or "a refusal"
    try:
        answer = call()
    except grpc.RpcError as error:
        refusal = refusal_of(error)
    else:
        fail(message, got=f"OK {show(answer)}", expected=wanted)
    if reasons and refusal.reason not in reasons:
        fail(message, got=refusal, expected=wanted)
    if code is not None and refusal.code is not code:
        fail(message, got=refusal, expected=f"{code.name} {wanted}")
    return refusal


def item_refused(result: ItemResult, *reasons: Reason, message: str = "the item is refused") -> None:
    """Failed unless a delivered item was refused with one of the reasons."""
    right = result.state == ITEM_STATE_REFUSED and (not reasons or result.reason in reasons)
    expect(right, message, got=_item(result), expected=f"REFUSED {' or '.join(reasons)}".rstrip())


def item_applied(result: ItemResult, message: str = "the item takes effect") -> None:
    """Failed unless a delivered item took effect now."""
    expect(result.state == ITEM_STATE_APPLIED, message, got=_item(result), expected="APPLIED")


def item_noop(result: ItemResult, message: str = "the item had taken effect before") -> None:
    """Failed unless a delivered item is answered as known."""
    expect(result.state == ITEM_STATE_NOOP, message, got=_item(result), expected="NOOP")


def issue_refused(result: IssueResult, *reasons: Reason, message: str = "the record is refused") -> None:
    """Failed unless a record was refused with one of the reasons."""
    right = bool(result.reason) and (not reasons or result.reason in reasons)
    got = f"{result.reason}: {result.detail}" if result.reason else f"taken as {result.local_record_id}"
    expect(right, message, got=got, expected=" or ".join(reasons) or "a refusal")


def issue_taken(result: IssueResult, message: str = "the record is taken") -> None:
    """Failed unless a record was taken."""
    expect(not result.reason, message, got=f"{result.reason}: {result.detail}", expected="a local record id")


@contextmanager
def unmoved(kit: Kit, client_id: str | None = None) -> Iterator[None]:
    """Failed when the target's visible state differs after the block.

    Looked at: the number of entries, the newest records, and the clients of this case (or `client_id` alone): state,
    newest height and root, next sequence, pending packets. Heights of the target itself may rise: a block may be cut
    for a transaction whose items were refused.
    """
    before = kit.snapshot(client_id)
    yield
    after = kit.snapshot(client_id)
    for name in sorted(before.keys() | after.keys()):
        expect_equal(after.get(name, "nothing"), before.get(name, "nothing"), f"state did not move: {name}")


def _item(result: ItemResult) -> str:
    return f"{ItemState.Name(result.state).removeprefix('ITEM_STATE_')} {result.reason}".rstrip()
