"""Limits of a call: sizes at and above them, counts, streams of one caller.

The limits are those the programs ship with. A deployment may lower some; one that does is not the one to test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, refusal_of, refused, unmoved
from bridge.conformance.connection import CALL_SECONDS
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.ledger.prepared import MAX_DELIVERED_HEADERS, MAX_DELIVERED_ITEMS
from bridge.rpc import limits
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import Delivery, EntryRun, Operation, RunItem, Transaction
from bridge.wire import encode

_LEDGER = ("relayer", "relayer_key", "authority", "authority_key")
_DELIVER = "bridge.v1.LedgerService/Deliver"

MANY_METADATA_BYTES = 64 * 1024
"""Bytes of headers in one call: four times what is allowed, so that no rounding lets them in."""


def _request_of(size: int) -> bytes:
    """A DeliverRequest of exactly so many bytes; its transaction's body is no message."""
    for body in range(size - 16, size):
        data = encode(api.DeliverRequest(transaction=Transaction(body=b"\xff" * body)))
        if len(data) == size:
            return data
    raise AssertionError("every size can be made")


def _too_many(kit: Kit, call: Callable[[], object], message: str, *, client_id: str | None = None) -> None:
    with unmoved(kit, client_id):
        refused(call, Reason.LIMIT_EXCEEDED, code=grpc.StatusCode.RESOURCE_EXHAUSTED, message=message)


@case("LIM-001", "MUST read a request of the largest size", clauses=("WIRE-4", "GAT-3"), needs=("relayer",))
def lim_001(kit: Kit) -> None:
    """It is refused for what it holds, and so was read."""
    data = _request_of(limits.MAX_MESSAGE_BYTES)
    refused(lambda: kit.call_bytes(_DELIVER, data), Reason.MALFORMED_MESSAGE, message="4 MiB are read")


@case("LIM-002", "MUST refuse a request above the largest size", clauses=("WIRE-4",), negative=True, needs=("relayer",))
def lim_002(kit: Kit) -> None:
    for size in (limits.MAX_MESSAGE_BYTES + 1, 2 * limits.MAX_MESSAGE_BYTES):
        _too_many(kit, lambda each=size: kit.call_bytes(_DELIVER, _request_of(each)), f"{size} bytes are too many")  # type: ignore[misc]


@case(
    "LIM-003",
    "MUST refuse a small compressed request that unpacks above the largest size",
    clauses=("WIRE-4",),
    negative=True,
    needs=("relayer",),
)
def lim_003(kit: Kit) -> None:
    call = kit.channel("relayer").unary_unary(f"/{_DELIVER}", request_serializer=bytes, response_deserializer=bytes)
    data = encode(api.DeliverRequest(transaction=Transaction(body=b"\xff" * (4 * limits.MAX_MESSAGE_BYTES))))
    _too_many(
        kit,
        lambda: call(data, timeout=CALL_SECONDS, compression=grpc.Compression.Gzip),
        "what is unpacked is bounded too",
    )


@case("LIM-004", "MUST refuse a call with too large headers", clauses=("WIRE-4",), negative=True)
def lim_004(kit: Kit) -> None:
    method = "/bridge.v1.LedgerService/GetLedgerInfo"
    call = kit.channel(kit.any_role).unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
    padding = (("x-padding", "a" * MANY_METADATA_BYTES),)
    _too_many(kit, lambda: call(b"", timeout=CALL_SECONDS, metadata=padding), "headers are bounded")


@case(
    "LIM-005",
    "MUST refuse to make more than 64 headers in a call",
    clauses=("LED-1",),
    negative=True,
    needs=("relayer",),
)
def lim_005(kit: Kit) -> None:
    heights = range(1, limits.MAX_HEIGHTS_PER_CALL + 2)
    _too_many(kit, lambda: kit.ledger().GetHeaders(api.GetHeadersRequest(heights=heights)), "65 headers are too many")


@case(
    "LIM-006",
    "MUST refuse headers of no height, of heights that do not rise, and of heights that are not there",
    clauses=("LED-1",),
    negative=True,
    needs=("relayer",),
)
def lim_006(kit: Kit) -> None:
    newest = kit.info.height
    ledger = kit.ledger()
    with unmoved(kit):
        for trusted, heights in ((0, []), (1, [1]), (0, [2, 1]), (0, [1, 1]), (5, [3])):
            request = api.GetHeadersRequest(trusted_height=trusted, heights=heights)
            refused(
                lambda each=request: ledger.GetHeaders(each),  # type: ignore[misc]
                Reason.NON_INCREASING_HEIGHT,
                code=grpc.StatusCode.INVALID_ARGUMENT,
            )
        beyond = api.GetHeadersRequest(trusted_height=newest, heights=[newest + 1_000])
        refused(lambda: ledger.GetHeaders(beyond), Reason.HEIGHT_NOT_FOUND, code=grpc.StatusCode.NOT_FOUND)


@case(
    "LIM-007",
    "MUST refuse to list more than 500 packets by their sequences",
    clauses=("LED-2",),
    negative=True,
    needs=_LEDGER,
)
def lim_007(kit: Kit) -> None:
    client_id, most = kit.shared().client_id, limits.MAX_SEQUENCES_PER_CALL
    kit.ledger().ListPackets(api.ListPacketsRequest(client_id=client_id, sequences=range(1, most + 1)))
    above = api.ListPacketsRequest(client_id=client_id, sequences=range(1, most + 2))
    _too_many(kit, lambda: kit.ledger().ListPackets(above), "501 packets are too many", client_id=client_id)


@case(
    "LIM-008",
    "MUST refuse to prove more than 512 entries, none, or some that are not there",
    clauses=("LED-4",),
    negative=True,
    needs=("relayer",),
)
def lim_008(kit: Kit) -> None:
    ledger, entries = kit.ledger(), kit.info.entry_count
    above = api.ProveEntriesRequest(count=limits.MAX_ENTRIES_PER_PROOF + 1)
    _too_many(kit, lambda: ledger.ProveEntries(above), "513 entries are too many")
    refused(lambda: ledger.ProveEntries(api.ProveEntriesRequest()), Reason.FIELD_REQUIRED)
    for first, count in ((entries + 1_000, 1), (entries + 1_000, 2), (2**63 - 1, 1), (2**63 - 1, 512)):
        beyond = api.ProveEntriesRequest(first_position=first, count=count)
        refused(
            lambda each=beyond: ledger.ProveEntries(each),  # type: ignore[misc]
            Reason.PACKET_NOT_FOUND,
            code=grpc.StatusCode.NOT_FOUND,
        )


@case(
    "LIM-009",
    "MUST refuse more than 256 records in a call, and none",
    clauses=("CGO-1",),
    negative=True,
    needs=("platform",),
)
def lim_009(kit: Kit) -> None:
    above = cargo.IssueRecordsRequest(records=[cargo.IssueItem()] * (limits.MAX_RECORDS_PER_CALL + 1))
    _too_many(kit, lambda: kit.cargo().IssueRecords(above), "257 records are too many")
    with unmoved(kit):
        refused(lambda: kit.cargo().IssueRecords(cargo.IssueRecordsRequest()), Reason.FIELD_REQUIRED)


@case(
    "LIM-010",
    "MUST refuse a delivery with more than 64 headers",
    clauses=("APP-2", "DEL-2"),
    negative=True,
    needs=_LEDGER,
)
def lim_010(kit: Kit) -> None:
    other, most = kit.shared(), MAX_DELIVERED_HEADERS
    answer = kit.deliver(other, headers=[b"x"] * most)
    expect_equal(len(answer.headers), most, "each of 64 headers is answered")
    _too_many(
        kit,
        lambda: kit.deliver(other, headers=[b"x"] * (most + 1)),
        "65 headers are too many",
        client_id=other.client_id,
    )


@case(
    "LIM-011",
    "MUST refuse a delivery with more than 2,048 items or runs",
    clauses=("APP-2", "DEL-2"),
    negative=True,
    needs=_LEDGER,
)
def lim_011(kit: Kit) -> None:
    other, most = kit.shared(), MAX_DELIVERED_ITEMS
    item = RunItem(opaque=b"\x01" * 32)
    height = kit.client(other.client_id).latest_height
    answer = kit.deliver(other, runs=[EntryRun(proof_height=height, items=[item] * most)])
    expect_equal(len(answer.items), most, "each of 2,048 items is answered")
    for runs in (
        [EntryRun(proof_height=height, items=[item] * (most + 1))],
        [EntryRun(proof_height=height, items=[item] * most), EntryRun(proof_height=height, items=[item])],
        [EntryRun()] * (most + 1),
    ):
        _too_many(
            kit,
            lambda each=runs: kit.deliver(other, runs=each),  # type: ignore[misc]
            "2,049 are too many",
            client_id=other.client_id,
        )


@case(
    "LIM-012",
    "MUST refuse a delivery call whose transaction holds anything but one delivery",
    clauses=("LED-5", "APP-2"),
    negative=True,
    needs=_LEDGER,
)
def lim_012(kit: Kit) -> None:
    other = kit.shared()
    one = Operation(deliver=Delivery(client_id=other.client_id))
    with unmoved(kit, other.client_id):
        for operations in (
            [],
            [one, one],
            [Operation()],
            [Operation(set_pause=b"x")],
            [one, Operation(set_pause=b"x")],
        ):
            request = api.DeliverRequest(transaction=kit.transaction(operations))
            refused(
                lambda each=request: kit.ledger().Deliver(each),  # type: ignore[misc]
                Reason.INVALID_FIELD,
                code=grpc.StatusCode.INVALID_ARGUMENT,
            )


@case(
    "LIM-014",
    "MUST refuse more than 16 streams of one caller, and let in the next when one has ended",
    clauses=("ADM-2",),
    negative=True,
    needs=("auditor",),
)
def lim_014(kit: Kit) -> None:
    def watch() -> Any:
        return kit.ledger("auditor").WatchBlocks(api.WatchBlocksRequest())

    streams = [watch() for _ in range(limits.MAX_WATCHES_PER_CALLER)]
    try:
        for stream in streams:
            next(stream)
        _too_many(kit, lambda: next(watch()), "17 streams are too many")
        next(streams[0])
    finally:
        for stream in streams:
            stream.cancel()
    for _ in range(100):  # the end of a stream takes a moment to arrive
        last = watch()
        try:
            next(last)
        except grpc.RpcError as error:
            expect_equal(refusal_of(error).reason, Reason.LIMIT_EXCEEDED, "only the limit may refuse a stream")
        else:
            return
        finally:
            last.cancel()
    expect(False, "streams that ended make room", got="LIMIT_EXCEEDED", expected="a notice")
