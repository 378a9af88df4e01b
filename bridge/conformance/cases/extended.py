"""Extended: batches, ranges, headers that skip and that fill in, and ledgers of many validators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.conformance.carriage import accepted, carry, deliver, familiar, proven, receipt, sent_packet, trust, verdict
from bridge.conformance.case import Level, case
from bridge.conformance.checks import (
    expect,
    expect_equal,
    issue_refused,
    issue_taken,
    item_applied,
    item_noop,
    item_refused,
    unmoved,
)
from bridge.conformance.counterparty.forgery import Votes
from bridge.conformance.issuing import item_of, prepare
from bridge.conformance.kit import Kit
from bridge.conformance.naming import CASE_NEEDS
from bridge.errors import PreconditionError, Reason
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.rpc.limits import MAX_RECORDS_PER_CALL
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import EntryRun

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.counterparty.packets import Written

_SEEDED = (*CASE_NEEDS, "seed")

MANY_VALIDATORS = 64
"""Validators of a large ledger: as many as every profile takes."""

_TOO_FEW = (Reason.INSUFFICIENT_QUORUM, Reason.NOT_ENOUGH_TRUST)
"""One validator of four: a profile with a trust level asks for that first."""

MANY_BLOCKS = 120
"""Blocks that one header skips."""


def _batch(kit: Kit, count: int) -> list[cargo.IssueItem]:
    other = kit.shared()
    return [item_of(kit, prepare(kit, None, other), other) for _ in range(count)]


def _issue(kit: Kit, items: list[cargo.IssueItem]) -> list[cargo.IssueResult]:
    answer = kit.cargo().IssueRecords(cargo.IssueRecordsRequest(records=items))
    expect_equal(len(answer.results), len(items), "every record is answered")
    return list(answer.results)


@case(
    "EXT-001",
    "MUST take 256 records in a call, each with its own id and the sequences without gaps",
    clauses=("CGO-1", "SEND-2", "RID-3"),
    level=Level.EXTENDED,
    needs=_SEEDED,
)
def ext_001(kit: Kit) -> None:
    """Then the same call again: every record is answered with its first result."""
    items = _batch(kit, MAX_RECORDS_PER_CALL)
    first = kit.client(kit.shared().client_id).next_sequence
    results = _issue(kit, items)
    for result in results:
        issue_taken(result)
    sequences = [result.sequence for result in results]
    expect_equal(sequences, list(range(first, first + len(items))), "sequences in the order of the call")
    expect_equal(len({result.local_record_id for result in results}), len(items), "each record has an id of its own")
    with unmoved(kit, kit.shared().client_id):
        again = _issue(kit, items)
    same = [(result.local_record_id, result.sequence, result.noop) for result in again]
    expect_equal(same, [(each.local_record_id, each.sequence, True) for each in results], "the first results again")


@case(
    "EXT-002",
    "MUST refuse the bad half of a large batch, number the good half without gaps, and leave nothing of the bad",
    clauses=("CGO-1", "APP-1", "APP-7"),
    negative=True,
    level=Level.EXTENDED,
    needs=_SEEDED,
)
def ext_002(kit: Kit) -> None:
    items = _batch(kit, 64)
    first = kit.client(kit.shared().client_id).next_sequence
    for place in range(0, 64, 4):
        items[place].timeout_seconds = 1
        items[place + 1].seed = bytes(32)
    results = _issue(kit, items)
    good = []
    for place, result in enumerate(results):
        if place % 4 == 0:
            issue_refused(result, Reason.TIMEOUT_INVALID)
        elif place % 4 == 1:
            issue_refused(result, Reason.DOCUMENT_ROOT_MISMATCH)
        else:
            issue_taken(result)
            good.append(result.sequence)
    expect_equal(good, list(range(first, first + len(good))), "the good ones follow each other")
    expect_equal(kit.client(kit.shared().client_id).next_sequence, first + len(good), "nothing else was sent")


def _records(kit: Kit, other: Counterparty, count: int) -> list[Written]:
    name = kit.session.fresh_name("KIT")
    values = [other.record(f"{name}-{number}").value for number in range(count)]
    return [other.packet(encode_payload(CARGO_PORT, value)) for value in values]


@case(
    "EXT-003",
    "MUST take 256 packets in one delivery, and answer each in order",
    clauses=("DEL-2", "DEL-3", "RECV-1"),
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_003(kit: Kit) -> None:
    other = familiar(kit)
    written = _records(kit, other, 256)
    results = carry(kit, other, *written)
    ids = [receipt(accepted(result)) for result in results]
    expect_equal(
        [result.sequence for result in results], [each.sequence for each in written], "one answer each, in order"
    )
    expect_equal(len(set(ids)), len(ids), "each record has an id of its own")


@case(
    "EXT-004",
    "MUST refuse the one forged packet among 64 with its run, and take the other runs",
    clauses=("DEL-3", "DEL-7"),
    negative=True,
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_004(kit: Kit) -> None:
    other = familiar(kit)
    written = [other.commit(each)[0] for each in _records(kit, other, 16)]
    runs = [proven(kit, other, each)[0] for each in written]
    forged = 7
    wrong = EntryRun()
    wrong.CopyFrom(runs[forged])
    packet = other.packet(encode_payload(CARGO_PORT, b"another value"), sequence=written[forged].sequence)
    wrong.items[0].packet = packet.body
    results = deliver(kit, other, [*runs[:forged], wrong, *runs[forged + 1 :]])
    for place, result in enumerate(results):
        if place == forged:
            item_refused(result, Reason.PROOF_INVALID)
        else:
            accepted(result)
    accepted(deliver(kit, other, [runs[forged]])[0], "the right packet is still taken")


@case(
    "EXT-005",
    "MUST take headers, packets and acknowledgements of one direction in one call, headers first",
    clauses=("DEL-2", "DEL-3", "DEL-5", "ACK-2"),
    level=Level.EXTENDED,
    needs=_SEEDED,
)
def ext_005(kit: Kit) -> None:
    other = familiar(kit)
    issued = [kit.issue(counterparty=other) for _ in range(3)]
    closing = [other.acknowledgement(each.sequence) for each in issued]
    records = _records(kit, other, 3)
    mixed = [each for pair in zip(closing, records, strict=True) for each in pair]
    written = other.commit(*mixed)
    trusted = kit.client(other.client_id).latest_height
    headers, runs = other.delivery(*written, trusted_height=trusted)
    answer = kit.deliver(other, headers=headers, runs=runs)
    expect_equal(len(answer.headers), len(headers), "every header is answered")
    for result in (*answer.headers, *answer.items):
        item_applied(result)
    expect_equal([each.sequence for each in answer.items], [each.sequence for each in written], "items in order")
    again = kit.deliver(other, headers=headers, runs=runs)
    for result in (*again.headers, *again.items):
        item_noop(result)
    for each in issued:
        expect_equal(sent_packet(kit, other, each.sequence).state, api.PACKET_STATE_ACCEPTED, "the packet is closed")


def _of_each_profile(kit: Kit, **options: Any) -> list[Counterparty]:
    return [kit.counterparty(profile_id=profile_id, confirmed=False, **options) for profile_id in kit.profiles]


@case(
    "EXT-006",
    "MUST believe 64 headers in one delivery, each from the one before",
    clauses=("UPD-9", "UPD-11", "DEL-2"),
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_006(kit: Kit) -> None:
    for other in _of_each_profile(kit):
        start = other.height
        for _ in range(64):
            other.advance()
        headers = [other.update(height, height - 1) for height in range(start + 1, start + 65)]
        for result in kit.deliver(other, headers=headers).headers:
            item_applied(result)
        expect_equal(kit.client(other.client_id).latest_height, start + 64, "the newest height")


@case(
    "EXT-007",
    "MUST believe one header that skips many",
    clauses=("UPD-10", "UPD-11"),
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_007(kit: Kit) -> None:
    for other in _of_each_profile(kit):
        start = other.height
        for _ in range(MANY_BLOCKS):
            other.advance()
        item_applied(kit.deliver(other, headers=[other.update(other.height, start)]).headers[0])
        expect_equal(kit.client(other.client_id).latest_height, start + MANY_BLOCKS, "the newest height")


@case(
    "EXT-008",
    "MUST believe a header below the newest, prove entries under it, and leave the newest as it is",
    clauses=("UPD-10", "UPD-11", "DEL-4", "LED-6"),
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_008(kit: Kit) -> None:
    for other in _of_each_profile(kit):
        start = other.height
        written = other.register_issuer()
        for _ in range(6):
            other.advance()
        item_applied(kit.deliver(other, headers=[other.update(other.height, start)]).headers[0])
        newest = kit.client(other.client_id)
        run = _earliest(other, written)
        with unmoved(kit, other.client_id):
            item_refused(deliver(kit, other, [run])[0], Reason.CONSENSUS_STATE_NOT_FOUND)
        filled = kit.deliver(other, headers=[other.update(run.proof_height, start)], runs=[run])
        item_applied(filled.headers[0], "a header below the newest is believed")
        accepted(filled.items[0], "and proves what it committed to")
        after = kit.client(other.client_id)
        expect_equal(after.latest_header_hash, newest.latest_header_hash, "the newest stays")
        request = api.ListClientsRequest(client_id=other.client_id, floor_height=other.height - 1)
        floor = kit.ledger().ListClients(request).clients[0].floor
        expect_equal(floor.height, run.proof_height, "the trusted state at or below a height is told")


def _earliest(other: Counterparty, written: Written) -> EntryRun:
    """A run under the first header that proves it: its own block's, or the one after it."""
    try:
        return other.prove(written.position, 1, written.height)[0]
    except PreconditionError:
        return other.prove(written.position, 1, written.height + 1)[0]


@case(
    "EXT-009",
    "MUST refuse a wrong header below the newest, and one that starts where the client trusts nothing",
    clauses=("UPD-2", "UPD-10"),
    negative=True,
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_009(kit: Kit) -> None:
    for other in _of_each_profile(kit):
        start = other.height
        for _ in range(6):
            other.advance()
        trust(kit, other, other.height)
        unknown = (Reason.CONSENSUS_STATE_NOT_FOUND,)
        wrong: list[tuple[bytes, tuple[Reason, ...]]] = [
            (other.forge(start + 3, trusted_height=start, votes=Votes.BAD), (Reason.SIGNATURE_INVALID,)),
            (other.forge(start + 3, trusted_height=start, signers=[0]), _TOO_FEW),
            (other.update(start + 4, start + 2), unknown),
            (other.update(start - 1, 0), unknown),
        ]
        with unmoved(kit, other.client_id):
            answer = kit.deliver(other, headers=[header for header, _ in wrong])
            for (_, reasons), result in zip(wrong, answer.headers, strict=True):
                item_refused(result, *reasons, message=f"a header that is refused with {reasons[0]}")


@case(
    "EXT-010",
    "MUST follow a ledger of 64 validators",
    clauses=("UPD-11", "CMT-16", "CMK-8", "CMK-9"),
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_010(kit: Kit) -> None:
    for other in _of_each_profile(kit, powers=(1,) * MANY_VALIDATORS):
        start = other.height
        for result in carry(kit, other, other.register_issuer()):
            accepted(result)
        expect(kit.client(other.client_id).latest_height > start, "it is followed", got=start, expected="more")


@case(
    "EXT-011",
    "MUST refuse a header of a ledger of 64 validators that 42 signed, and believe one that 43 signed",
    clauses=("CMT-16", "CMK-8"),
    negative=True,
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_011(kit: Kit) -> None:
    """Two thirds of 64 are 42.67: 42 are too few by less than one."""
    for other in _of_each_profile(kit, powers=(1,) * MANY_VALIDATORS):
        other.advance()
        few, enough = (other.forge(other.height, signers=range(count)) for count in (42, 43))
        with unmoved(kit, other.client_id):
            item_refused(kit.deliver(other, headers=[few]).headers[0], Reason.INSUFFICIENT_QUORUM)
        item_applied(kit.deliver(other, headers=[enough]).headers[0])


@case(
    "EXT-012",
    "MUST follow validators through five changes, every one of them another set",
    clauses=("UPD-12", "CMT-15", "CMK-12"),
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_012(kit: Kit) -> None:
    for other in _of_each_profile(kit):
        trusted = other.height
        for _ in range(5):
            other.rotate()
            other.advance()
        headers = other.headers(other.height, trusted)
        expect(len(headers) > 1, "every change has its header", got=len(headers), expected="two or more")
        for result in kit.deliver(other, headers=headers).headers:
            item_applied(result)
        (result,) = carry(kit, other, other.register_issuer())
        expect_equal(verdict(result), "ACCEPTED", "the last set is believed")
