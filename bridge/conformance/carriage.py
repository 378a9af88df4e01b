"""Carries what a counterparty committed to over to the target, and says what became of each item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from bridge.conformance.checks import expect, expect_equal, fail, item_applied, item_refused, unmoved
from bridge.errors import BridgeError, Reason
from bridge.protocol.acknowledgements import decode_acknowledgement
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1 import admin_service_pb2 as admin_api
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import identifier_service_pb2 as identifier_api
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.packet_pb2 import OUTCOME_EXPIRED, OUTCOME_REJECTED, Acknowledgement, Outcome, Payload, RecordReceipt
from bridge.v1.transaction_pb2 import ITEM_STATE_REFUSED, Delivery, EntryRun, ItemResult, Operation, PauseAct
from bridge.wire import decode_strict, timestamp_of

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.counterparty.packets import Written
    from bridge.conformance.kit import Kit

T = TypeVar("T")

PAGE_SIZE = 500
"""Items asked for at a time, the most a page holds."""

RACERS = 8
"""Calls that are under way at the same time where several are to meet."""

FIRST: dict[str, Any] = {"role": "relayer", "member": "relayer_key"}
"""Who delivers unless a case says otherwise: its identity, and the member it submits as."""

SECOND: dict[str, Any] = {"role": "second-relayer", "member": "second_relayer_key"}
"""Who delivers where a second relayer does."""

_INTRODUCED: WeakSet[Counterparty] = WeakSet()


def trust(kit: Kit, other: Counterparty, *heights: int) -> None:
    """Have the target trust these heights of the counterparty; Failed when it refuses an honest header."""
    headers = [header for height in sorted(set(heights)) for header in other.headers(height)]
    for result in kit.deliver(other, headers=headers).headers:
        expect(
            result.state != ITEM_STATE_REFUSED, "an honest header is believed", got=result.reason, expected="APPLIED"
        )


def placed(other: Counterparty, *written: Written) -> list[Written]:
    """The same things with their places: what no block holds yet stands in one new block."""
    waiting = [each for each in written if each.position < 0]
    found = iter(other.commit(*waiting) if waiting else ())
    return [next(found) if each.position < 0 else each for each in written]


def proven(kit: Kit, other: Counterparty, *written: Written) -> list[EntryRun]:
    """Runs that prove these things, each under a height that the target trusts by now."""
    runs = other.runs(*placed(other, *written))
    trust(kit, other, *(run.proof_height for run in runs))
    return runs


def deliver(kit: Kit, other: Counterparty, runs: Sequence[EntryRun], **options: Any) -> list[ItemResult]:
    """Deliver runs alone; one result for each item, or Failed."""
    items = list(kit.deliver(other, runs=runs, **options).items)
    expect_equal(len(items), sum(len(run.items) for run in runs), "every item is answered, in order")
    return items


def carry(kit: Kit, other: Counterparty, *written: Written) -> list[ItemResult]:
    """Commit to these things where that is not done yet, prove and deliver them; results in the order of entries."""
    return deliver(kit, other, proven(kit, other, *written))


def refuse_runs(
    kit: Kit,
    other: Counterparty,
    runs: Sequence[EntryRun],
    *reasons: Reason,
    what: str = "",
    honest: EntryRun | None = None,
) -> None:
    """Failed unless every item of the runs is refused with one of the reasons and nothing moved.

    Where the honest run is given, it must be taken afterwards: what was wrong was then what was changed in it.
    """
    with unmoved(kit, other.client_id):
        for item in deliver(kit, other, runs):
            item_refused(item, *reasons, message=what or "the item is refused")
    if honest is not None:
        for item in deliver(kit, other, [honest]):
            item_applied(item, "the honest twin of what was refused is taken")


def outcome(result: ItemResult) -> Acknowledgement:
    """The acknowledgement that answers a packet; Failed when its bytes are none."""
    try:
        return decode_acknowledgement(result.acknowledgement)
    except BridgeError as error:
        fail("an acknowledgement in its one form answers", got=error, expected="an acknowledgement")


def verdict(result: ItemResult) -> str:
    """How a packet ended, in a word: ACCEPTED, EXPIRED, the code it was rejected with, or the reason of a refusal."""
    if result.state == ITEM_STATE_REFUSED:
        return f"REFUSED {result.reason}"
    answer = outcome(result)
    return answer.code if answer.outcome == OUTCOME_REJECTED else Outcome.Name(answer.outcome).removeprefix("OUTCOME_")


def accepted(result: ItemResult, message: str = "the packet is accepted") -> Acknowledgement:
    """Failed unless a packet took effect now and was accepted."""
    item_applied(result, message)
    expect_equal(verdict(result), "ACCEPTED", message)
    return outcome(result)


def receipt(answer: Acknowledgement) -> str:
    """The local record id that an accepted record packet was answered with; Failed when there is none."""
    try:
        return decode_strict(RecordReceipt, answer.result).local_record_id
    except BridgeError as error:
        fail("an accepted record is answered with a receipt", got=error, expected="a RecordReceipt")


def effects(kit: Kit, other: Counterparty) -> dict[str, object]:
    """What the applications of the target hold of a counterparty: records, members, mappings."""
    return {
        "records": tuple(
            (each.local_record_id, each.latest_version, each.statement, each.signature)
            for each in records_of(kit, other)
        ),
        "members": tuple(each.registration.SerializeToString() for each in members_of(kit, other)),
        "mappings": tuple(each.mapping.SerializeToString() for each in mappings_of(kit, other)),
    }


@contextmanager
def without_effect(kit: Kit, other: Counterparty, what: str = "a packet that is not accepted") -> Iterator[None]:
    """Failed when the applications of the target hold something else of a counterparty after the block."""
    before = effects(kit, other)
    yield
    after = effects(kit, other)
    for name, value in before.items():
        expect_equal(after[name], value, f"{what} leaves no {name} behind")


def ends(kit: Kit, other: Counterparty, written: Written, *verdicts: str, what: str = "") -> ItemResult:
    """Carry a packet; Failed unless it ends now in one of these verdicts, in one acknowledgement, without an effect."""
    before, entries = answers(kit, other), kit.info.entry_count
    with without_effect(kit, other):
        (result,) = carry(kit, other, written)
    item_applied(result, "a packet that was proven ends now")
    expect(
        verdict(result) in verdicts, what or "how the packet ends", got=verdict(result), expected=" or ".join(verdicts)
    )
    new = answers(kit, other)[len(before) :]
    expect_equal([item.sequence for item in new], [written.sequence], "one acknowledgement is written for the packet")
    expect_equal(new[0].body, result.acknowledgement, "the acknowledgement written is the one that was answered")
    expect_equal(kit.info.entry_count, entries + 1, "the acknowledgement is the one entry that is written")
    return result


def rejected(kit: Kit, other: Counterparty, written: Written, *reasons: Reason, what: str = "") -> None:
    """Carry a packet; Failed unless it is REJECTED with one of the reasons and has no effect."""
    answer = outcome(ends(kit, other, written, *reasons, what=what))
    expect_equal(answer.outcome, OUTCOME_REJECTED, "the outcome is REJECTED")
    expect_equal(answer.result, b"", "a rejection carries no result")


def expired(kit: Kit, other: Counterparty, written: Written) -> None:
    """Carry a packet; Failed unless it ends as EXPIRED and has no effect."""
    expect_equal(outcome(ends(kit, other, written, "EXPIRED")).outcome, OUTCOME_EXPIRED, "the outcome is EXPIRED")


def introduce(kit: Kit, other: Counterparty) -> Counterparty:
    """The counterparty, with its own issuer known to the target."""
    if other not in _INTRODUCED:
        accepted(carry(kit, other, other.register_issuer())[0], "a registration that the authority signed is accepted")
        _INTRODUCED.add(other)
    return other


def familiar(kit: Kit) -> Counterparty:
    """The counterparty that cases share which do not break it, with its issuer known to the target."""
    return introduce(kit, kit.shared())


def reference(kit: Kit) -> str:
    """A record reference that nothing used before."""
    return kit.session.fresh_name("KIT").upper()


def record_payload(kit: Kit, other: Counterparty, **over: object) -> Payload:
    """The payload of a new record, with these fields replaced."""
    payload = encode_payload(CARGO_PORT, other.record(reference(kit)).value)
    for field, value in over.items():
        setattr(payload, field, value)
    return payload


def record_packet(kit: Kit, other: Counterparty) -> Written:
    """A packet with a new record, which no block holds yet."""
    return other.packet(record_payload(kit, other))


def answers(kit: Kit, other: Counterparty) -> list[api.PacketItem]:
    """Every acknowledgement the target wrote for a counterparty, by position."""
    return _packets(kit, other, api.PACKET_KIND_ACKNOWLEDGEMENT)


def sent(kit: Kit, other: Counterparty) -> list[api.PacketItem]:
    """Every packet the target sent to a counterparty, by position."""
    return _packets(kit, other, api.PACKET_KIND_SENT)


def sent_packet(kit: Kit, other: Counterparty, sequence: int) -> api.PacketItem:
    """One packet the target sent; Failed when it is not listed."""
    request = api.ListPacketsRequest(client_id=other.client_id, kind=api.PACKET_KIND_SENT, sequences=[sequence])
    items = kit.ledger().ListPackets(request).items
    expect_equal([item.sequence for item in items], [sequence], "a packet that was sent is listed")
    return items[0]


def state_name(item: api.PacketItem) -> str:
    """How far a sent packet has come, in a word."""
    return api.PacketState.Name(item.state).removeprefix("PACKET_STATE_")


def records_of(kit: Kit, other: Counterparty) -> list[cargo_api.Record]:
    """Records of a counterparty as the target holds them."""
    found: list[cargo_api.Record] = []
    token = ""
    while True:
        request = cargo_api.ListRecordsRequest(home_ledger_id=other.ledger_id, page_size=PAGE_SIZE, page_token=token)
        page = kit.cargo().ListRecords(request)
        found += page.records
        token = page.next_page_token
        if not token:
            return found


def record_of(kit: Kit, record_id: str, version: int = 0) -> cargo_api.Record:
    """One record of the target by its local id."""
    return kit.cargo().GetRecord(cargo_api.GetRecordRequest(record_id=record_id, version=version)).record


def members_of(kit: Kit, other: Counterparty) -> list[admin_api.MemberEntry]:
    """Members of a counterparty as the target holds them."""
    return [each for each in member_entries(kit) if each.origin_client_id == other.client_id]


def member_entries(kit: Kit) -> list[admin_api.MemberEntry]:
    """Every member the target holds, its own and those of counterparties."""
    found: list[admin_api.MemberEntry] = []
    token = ""
    while True:
        page = kit.admin("platform").ListMembers(admin_api.ListMembersRequest(page_size=PAGE_SIZE, page_token=token))
        found += page.members
        token = page.next_page_token
        if not token:
            return found


def mappings_of(kit: Kit, other: Counterparty) -> list[identifier_api.MappingEntry]:
    """Mappings that a counterparty's authority registered, as the target holds them."""
    found: list[identifier_api.MappingEntry] = []
    token = ""
    while True:
        request = identifier_api.ListMappingsRequest(page_size=PAGE_SIZE, page_token=token)
        page = kit.identifier().ListMappings(request)
        found += [each for each in page.mappings if each.origin_ledger_id == other.ledger_id]
        token = page.next_page_token
        if not token:
            return found


def set_pause(kit: Kit, other: Counterparty, port: str, *, paused: bool, time: int = 0) -> PauseAct:
    """Have the target's authority pause or resume a port of the counterparty's client; the act."""
    act = PauseAct(
        ledger_id=kit.target.ledger_id,
        client_id=other.client_id,
        port=port,
        paused=paused,
        act_time=timestamp_of(time or kit.clock.now()),
    )
    kit.admin().SetPause(admin_api.SetPauseRequest(act=kit.act(act)))
    return act


def delivery_request(
    kit: Kit,
    other: Counterparty,
    *,
    headers: Sequence[bytes] = (),
    runs: Sequence[EntryRun] = (),
    member: str = "relayer_key",
) -> api.DeliverRequest:
    """A signed delivery to be called later, or by several at once."""
    delivery = Delivery(client_id=other.client_id, headers=headers, runs=runs)
    return api.DeliverRequest(transaction=kit.transaction([Operation(deliver=delivery)], member))


def race(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make these calls at the same time; the answers in the order of the calls. Raises what a call raises."""
    with ThreadPoolExecutor(RACERS) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def racing_deliveries(
    kit: Kit, other: Counterparty, count: int, *, headers: Sequence[bytes] = (), runs: Sequence[EntryRun] = ()
) -> list[api.DeliverResponse]:
    """The same delivery so many times at once, by two relayers in turn; one answer for each."""
    first = delivery_request(kit, other, headers=headers, runs=runs)
    second = delivery_request(kit, other, headers=headers, runs=runs, member=SECOND["member"])
    doors = (kit.ledger(), first), (kit.ledger(SECOND["role"]), second)
    return race([partial(ledger.Deliver, request) for ledger, request in (doors * count)[:count]])


def _packets(kit: Kit, other: Counterparty, kind: api.PacketKind.ValueType) -> list[api.PacketItem]:
    found: list[api.PacketItem] = []
    token = ""
    while True:
        request = api.ListPacketsRequest(
            client_id=other.client_id, kind=kind, page_size=PAGE_SIZE, page_token=token, omit_bodies=False
        )
        page = kit.ledger().ListPackets(request)
        found += page.items
        token = page.next_page_token
        if not token:
            return found
