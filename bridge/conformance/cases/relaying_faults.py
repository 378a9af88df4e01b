"""REL: what a relayer does when ledgers fail, stall, restart, lie or close their doors."""

from __future__ import annotations

from typing import Any

from bridge.conformance.case import Mode, case
from bridge.conformance.checks import NotRun, expect, expect_equal
from bridge.conformance.relayer.door import UNLIMITED, Fault
from bridge.conformance.relayer.journal import PACKET, delivered, refusals
from bridge.conformance.relayer.kit import RelayerKit
from bridge.conformance.relayer.trouble import pause, tick
from bridge.errors import Reason
from bridge.v1 import ledger_service_pb2 as api

STALE_SECONDS = 8.0
"""How long a stale page is shown: relayers leave a young packet to whoever's turn it is for a few seconds."""

OUTAGE_SECONDS = 2.0
"""How long a ledger is out of order."""

OUTAGE_CALLS_PER_SECOND = 15.0
"""Most calls a second to a ledger that refuses every one: a relayer that spins keeps it from coming back."""

KNOCKS_PER_SECOND = 10.0
"""Most connections a second to a door that is closed."""

RETRIES_PER_SECOND = 2.0
"""Most deliveries a second of an item that is refused each time."""

STALL_SECONDS = 6.0
"""How long a call goes unanswered; well below any sensible deadline, so that only others can be carried meanwhile."""

UNAVAILABLE = Reason.LEDGER_UNAVAILABLE


@case(
    "REL-021",
    "MUST deliver again what a ledger refused as unavailable before it took effect",
    clauses=("CAL-2", "DEL-1"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_021(kit: RelayerKit) -> None:
    faults = [ledger.spoil(Fault("Deliver", 1, refuse=UNAVAILABLE)) for ledger in (kit.a, kit.b)]
    kit.crosses()
    expect_equal([fault.met for fault in faults], [1, 1], "deliveries that met the fault")


@case(
    "REL-022",
    "MUST find out what became of a delivery whose answer was lost, and go on",
    clauses=("SEQ-1", "RECV-3"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_022(kit: RelayerKit) -> None:
    faults = [ledger.spoil(Fault("Deliver", 1, lose=True)) for ledger in (kit.a, kit.b)]
    sent = [(ledger, ledger.issue()) for ledger in (kit.a, kit.b)]
    for ledger, sequences in sent:
        kit.closed(ledger, sequences)
    expect_equal([fault.met for fault in faults], [1, 1], "deliveries that met the fault")
    kit.crosses()


@case(
    "REL-023",
    "MUST carry other packets while one delivery goes unanswered",
    clauses=("GAT-2", "CAL-2"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_023(kit: RelayerKit) -> None:
    fault = kit.b.spoil(Fault("Deliver", 1, stall=STALL_SECONDS, refuse=UNAVAILABLE))
    first = kit.a.issue()
    kit.wait(lambda: fault.met == 1, "the first packet's delivery hangs")
    took = kit.received(kit.b, kit.a.issue())
    expect(took < STALL_SECONDS, "the next packet does not wait for it", got=f"{took:.1f} s", expected="less")
    kit.world.heal()
    kit.closed(kit.a, first)


@case(
    "REL-024",
    "MUST go on after the streams of blocks broke, with what came meanwhile",
    clauses=("LED-3", "SEQ-4"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_024(kit: RelayerKit) -> None:
    for ledger in (kit.a, kit.b):
        ledger.spoil(Fault("WatchBlocks/notice", 1, refuse=UNAVAILABLE))
        ledger.spoil(Fault("WatchBlocks", 2, refuse=UNAVAILABLE))
    kit.crosses()
    kit.crosses()


@case(
    "REL-025",
    "SHOULD call a ledger that refuses every call less and less often",
    clauses=("CAL-3", "ADM-1"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_025(kit: RelayerKit) -> None:
    kit.out_of_order(kit.b)
    sequences = kit.a.issue()
    begun = kit.rest(OUTAGE_SECONDS)
    rate = sum(call.at >= begun for call in kit.calls(ledger=kit.b)) / OUTAGE_SECONDS
    kit.world.heal()
    kit.closed(kit.a, sequences)
    expect(
        rate <= OUTAGE_CALLS_PER_SECOND,
        "it does not spin against a ledger that is out of order",
        got=f"{rate:.0f} calls a second",
        expected=f"at most {OUTAGE_CALLS_PER_SECOND:.0f}",
    )


@case(
    "REL-026",
    "MUST keep running while a ledger cannot be reached, and carry what waits once it can",
    clauses=("CAL-3",),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_026(kit: RelayerKit) -> None:
    with kit.knocks(kit.b) as knocks:
        sequences = kit.a.issue()
        kit.rest(OUTAGE_SECONDS)
        rate = len(knocks) / OUTAGE_SECONDS
        expect(kit.relayer.running, "it keeps running", got=f"exit {kit.relayer.exit_code}", expected="running")
    kit.closed(kit.a, sequences)
    expect(
        rate <= KNOCKS_PER_SECOND,
        "it does not hammer a closed door",
        got=f"{rate:.0f} connections a second",
        expected=f"at most {KNOCKS_PER_SECOND:.0f}",
    )


@case("REL-027", "MUST survive a restart of both ledgers", clauses=("EMB-1", "CAL-3"), negative=True, mode=Mode.RELAYER)
def rel_027(kit: RelayerKit) -> None:
    for ledger in (kit.a, kit.b):
        ledger.stop()
        ledger.start()
    kit.crosses()
    expect(kit.relayer.running, "it keeps running", got=f"exit {kit.relayer.exit_code}", expected="running")


@case(
    "REL-028",
    "MUST resume after being killed in the middle of its work, and lose and double nothing",
    clauses=("RECV-2", "RECV-3", "RID-3"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_028(kit: RelayerKit) -> None:
    sequences = kit.a.issue(300)
    kit.wait(lambda: bool(kit.deliveries(kit.b)), "the work begins")
    kit.relayer.kill()
    kit.start()
    kit.closed(kit.a, sequences)
    expect_equal(kit.a.pending(), 0, "packets pending on the source")


@case(
    "REL-029",
    "MUST wait for a ledger that is not there yet when it starts",
    clauses=("CAL-3",),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_029(kit: RelayerKit) -> None:
    kit.relayer.kill()
    with kit.knocks(kit.a) as knocks:
        sequences = kit.b.issue()
        kit.start()
        kit.wait(lambda: len(knocks) > 1, "it tries to reach the ledger again and again")
        expect(kit.relayer.running, "it keeps running", got=f"exit {kit.relayer.exit_code}", expected="running")
    kit.closed(kit.b, sequences)


@case(
    "REL-030",
    "MUST NOT deliver between ledgers one of which answers with another ledger id",
    clauses=("UPD-3",),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_030(kit: RelayerKit) -> None:
    def another(_request: Any, answer: api.GetLedgerInfoResponse) -> None:
        answer.ledger_id = "test-kit-c"

    kit.relayer.kill()
    fault = kit.a.spoil(Fault("GetLedgerInfo", UNLIMITED, alter=another))
    sequences = kit.a.issue()
    kit.start()
    kit.wait(lambda: fault.met > 0, "it asks who the ledger is")
    kit.rest(1.0)
    made = len(kit.deliveries())
    kit.world.heal()
    kit.closed(kit.a, sequences)
    expect_equal(made, 0, "deliveries while another ledger answered")


@case(
    "REL-031",
    "SHOULD verify headers itself and submit none that does not verify, and MUST go on when they do again",
    clauses=("UPD-9", "CMT-16"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_031(kit: RelayerKit) -> None:
    given: list[bytes] = []

    def broken(_request: Any, answer: api.GetHeadersResponse) -> None:
        for index, header in enumerate(answer.headers):
            answer.headers[index] = _with_a_bit_turned(header)
            given.append(answer.headers[index])

    kit.a.spoil(Fault("GetHeaders", 2, alter=broken))
    sequences = kit.a.issue()
    kit.closed(kit.a, sequences)
    expect(bool(given), "it asked for a header while they were wrong", got="no call", expected="a call")
    submitted = [header for each in kit.deliveries(kit.b) for header in each.delivery.headers if header in given]
    expect_equal(len(submitted), 0, "wrong headers that it submitted all the same")


@case(
    "REL-032",
    "MUST NOT be kept from its work by a page that lists packets twice or packets that were never sent",
    clauses=("LED-2", "DEL-6"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_032(kit: RelayerKit) -> None:
    def lying(_request: Any, answer: api.ListPacketsResponse) -> None:
        honest = list(answer.items)
        answer.items.extend(honest)
        for item in honest:
            answer.items.add().CopyFrom(item)
            answer.items[-1].sequence += 1_000_000
            answer.items[-1].position += 1_000_000

    for ledger in (kit.a, kit.b):
        ledger.spoil(Fault("ListPackets", UNLIMITED, alter=lying))
    sequences = kit.a.issue(2)
    kit.received(kit.b, sequences)
    kit.world.heal()
    kit.settled()
    twice = {sequence: times for sequence, times in delivered(kit.deliveries(kit.b), PACKET).items() if times > 2}
    expect_equal(twice, {}, "packets delivered more than twice")


@case(
    "REL-033",
    "MUST NOT deliver a packet again and again that a stale page shows as pending",
    clauses=("LED-2", "RECV-3"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_033(kit: RelayerKit) -> None:
    pages: list[api.ListPacketsResponse] = []

    def stale(request: api.ListPacketsRequest, answer: api.ListPacketsResponse) -> None:
        if not request.pending_only or request.sequences:
            return
        if answer.items and not pages:
            pages.append(api.ListPacketsResponse())
            pages[0].CopyFrom(answer)
        elif pages:
            answer.CopyFrom(pages[0])

    kit.relayer.kill()
    sequences = kit.a.issue(2)
    kit.a.spoil(Fault("ListPackets", UNLIMITED, alter=stale))
    kit.start()
    kit.closed(kit.a, sequences)
    begun = kit.rest(STALE_SECONDS)
    if not pages:
        raise NotRun("the relayer asks for no page of pending packets")
    late = [each for each in kit.deliveries(kit.b) if each.call.at >= begun]
    expect_equal(dict(delivered(late, PACKET)), {}, "packets delivered after they were closed")


@case(
    "REL-034",
    "MUST carry everything else while items are refused, retry those at leisure, and carry them in the end",
    clauses=("PAU-1", "DEL-1", "DEL-3"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_034(kit: RelayerKit) -> None:
    pause(kit.b, "cargo", paused=True)
    sequences = kit.a.issue(2)
    kit.wait(lambda: bool(refusals(kit.deliveries(kit.b))), "the packets are refused while their port is paused")
    begun = kit.rest(OUTAGE_SECONDS)
    tries = [each for each in kit.deliveries(kit.b) if each.call.at >= begun and refusals([each])]
    pause(kit.b, "cargo", paused=False)
    kit.closed(kit.a, sequences)
    kit.closed(kit.b, kit.b.issue())
    expect(
        len(tries) <= RETRIES_PER_SECOND * OUTAGE_SECONDS,
        "refused items are not tried without rest",
        got=f"{len(tries)} deliveries in {OUTAGE_SECONDS:.0f} s",
        expected=f"at most {RETRIES_PER_SECOND:.0f} a second",
    )


@case(
    "REL-035",
    "MUST deliver nothing that its headers do not prove when it is given headers of lower heights than it asked for",
    clauses=("DEL-4", "LED-1"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_035(kit: RelayerKit) -> None:
    def stale(request: api.GetHeadersRequest, answer: api.GetHeadersResponse) -> None:
        trusted = request.trusted_height
        for index, height in enumerate(request.heights):
            if trusted < height - 1:
                answer.headers[index] = kit.a.node.engine.update(height - 1, trusted)
            trusted = height

    kit.relayer.kill()
    for _ in range(3):
        tick(kit.a)
    sequences = kit.a.issue()
    fault = kit.a.spoil(Fault("GetHeaders", 2, alter=stale))
    kit.start()
    kit.closed(kit.a, sequences)
    expect(fault.met > 0, "it asked for a header while they were stale", got=fault.met, expected="above 0")
    refused = [item.reason for item in refusals(kit.deliveries(kit.b))]
    expect_equal(refused, [], "items it delivered without the header that proves them")


def _with_a_bit_turned(header: bytes) -> bytes:
    """A header update with one bit turned where it hurts and cannot be overlooked: in its middle."""
    place = len(header) // 2
    return header[:place] + bytes([header[place] ^ 1]) + header[place + 1 :]
