"""REL: what a relayer does between two healthy ledgers, and how it does it."""

from __future__ import annotations

import time

from bridge.conformance.case import Level, Mode, case
from bridge.conformance.checks import expect, expect_equal
from bridge.conformance.relayer.estate import KEY_ID, RELAYER
from bridge.conformance.relayer.journal import ACKNOWLEDGEMENT, PACKET, delivered, noops, violations
from bridge.conformance.relayer.kit import RelayerKit
from bridge.protocol.packets import PacketState

IDLE_SECONDS = 2.0
"""How long an idle relayer is watched."""

IDLE_CALLS_PER_SECOND = 20.0
"""Most calls a second to both ledgers while nothing is to be done: sweeps and looks, but no spinning."""

DELAY_SECONDS = 5.0
"""Longest time from a block to the delivery of its packet while all is well: what a reader waits for."""

BATCH = 40
"""Packets sent at once."""

BATCH_DELIVERIES = 8
"""Most deliveries for them: the fixed cost of a delivery is shared, or a backlog never ends."""

DEADLINE_SECONDS = 120.0
"""Longest deadline of a call; a relayer that waits longer for one answer carries nothing meanwhile."""

STOP_SECONDS = 10.0
"""Longest time a relayer may take to stop when told to."""


@case(
    "REL-001", "MUST deliver a packet of the first ledger to the second", clauses=("DEL-5", "RECV-1"), mode=Mode.RELAYER
)
def rel_001(kit: RelayerKit) -> None:
    kit.received(kit.b, kit.a.issue())


@case(
    "REL-002", "MUST deliver a packet of the second ledger to the first", clauses=("DEL-5", "RECV-1"), mode=Mode.RELAYER
)
def rel_002(kit: RelayerKit) -> None:
    kit.received(kit.a, kit.b.issue())


@case("REL-003", "MUST bring each acknowledgement back, both ways", clauses=("ACK-2",), mode=Mode.RELAYER)
def rel_003(kit: RelayerKit) -> None:
    kit.crosses()


@case(
    "REL-004",
    "MUST deliver a packet that timed out on its way, and bring back that it expired",
    clauses=("RECV-1", "ACK-2"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_004(kit: RelayerKit) -> None:
    kit.relayer.kill()
    (sequence,) = kit.a.issue(timeout_seconds=1)
    time.sleep(1.5)
    kit.start()
    kit.settled()
    row = kit.a.packet(sequence)
    expect_equal(row and PacketState(row.state), PacketState.EXPIRED, "the packet ended as expired")


@case(
    "REL-005",
    "SHOULD carry packets that wait together in few deliveries",
    clauses=("DEL-2", "DEL-3"),
    mode=Mode.RELAYER,
)
def rel_005(kit: RelayerKit) -> None:
    sequences = kit.a.issue(BATCH)
    kit.received(kit.b, sequences)
    made = [each for each in kit.deliveries(kit.b) if any(item.kind == PACKET for item in each.items)]
    expect(
        len(made) <= BATCH_DELIVERIES,
        f"{BATCH} packets of one block share deliveries",
        got=f"{len(made)} deliveries",
        expected=f"at most {BATCH_DELIVERIES}",
    )


@case(
    "REL-006",
    "SHOULD deliver a packet within five seconds of its block while all is well",
    clauses=("RECV-1", "LED-3"),
    mode=Mode.RELAYER,
)
def rel_006(kit: RelayerKit) -> None:
    for ledger, other in ((kit.a, kit.b), (kit.b, kit.a)):
        took = kit.received(other, ledger.issue())
        expect(took <= DELAY_SECONDS, "a packet is not kept waiting", got=f"{took:.1f} s", expected="5 s at most")


@case(
    "REL-007",
    "MUST ask who a ledger is before it uses it, and deliver only headers and proofs that the source gave",
    clauses=("DEL-4", "DEL-7", "LED-1", "LED-4"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_007(kit: RelayerKit) -> None:
    kit.relayer.kill()
    kit.start()
    kit.crosses()
    found = violations(kit.calls_since_start(), kit.other_names())
    expect(not found, "calls come in the order of the grammar", got="; ".join(found[:3]), expected="no violation")


@case("REL-008", "MUST set a deadline on every call", clauses=("GAT-2", "CAL-2"), negative=True, mode=Mode.RELAYER)
def rel_008(kit: RelayerKit) -> None:
    kit.crosses()
    for call in kit.calls():
        bounded = call.seconds_left is not None and call.seconds_left <= DEADLINE_SECONDS
        expect(
            bounded or call.method == "WatchBlocks",
            f"{call.method} has a deadline",
            got="none" if call.seconds_left is None else f"{call.seconds_left:.0f} s",
            expected=f"{DEADLINE_SECONDS:.0f} s at most",
        )


@case(
    "REL-009",
    "MUST submit under the member and key it was given for that ledger, and never under those of the other",
    clauses=("APP-8", "APP-9", "NOD-1"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_009(kit: RelayerKit) -> None:
    kit.crosses()
    for ledger in (kit.a, kit.b):
        made = kit.deliveries(ledger)
        expect(bool(made), f"something was delivered to {ledger.ledger_id}", got="nothing", expected="a delivery")
        for each in made:
            got = (each.body.ledger_id, each.body.member_id, each.body.key_id, each.call.outcome or "OK")
            expect_equal(got, (ledger.ledger_id, RELAYER, KEY_ID, "OK"), "ledger, member, key and answer")


@case(
    "REL-010",
    "MUST deliver each packet and each acknowledgement once while nothing fails",
    clauses=("DEL-1", "RECV-3", "ACK-3"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_010(kit: RelayerKit) -> None:
    sent = {kit.a.ledger_id: kit.a.issue(5), kit.b.ledger_id: kit.b.issue(5)}
    kit.settled()
    kit.rest(0.5)
    for source, destination in ((kit.a, kit.b), (kit.b, kit.a)):
        there = delivered(kit.deliveries(destination), PACKET)
        back = delivered(kit.deliveries(source), ACKNOWLEDGEMENT)
        wanted = dict.fromkeys(sent[source.ledger_id], 1)
        expect_equal(dict(there), wanted, f"packets of {source.ledger_id} by how often they were delivered")
        expect_equal(dict(back), wanted, f"acknowledgements for {source.ledger_id} by how often they were delivered")
    expect_equal(noops(kit.deliveries()), [], "items that had taken effect before")


@case(
    "REL-011",
    "SHOULD rest while nothing is to be done",
    clauses=("ADM-1",),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_011(kit: RelayerKit) -> None:
    begun = kit.rest(IDLE_SECONDS)
    calls = [call for call in kit.calls() if call.at >= begun]
    rate = len(calls) / IDLE_SECONDS
    expect(
        rate <= IDLE_CALLS_PER_SECOND,
        "an idle relayer asks little",
        got=f"{rate:.0f} calls a second",
        expected=f"at most {IDLE_CALLS_PER_SECOND:.0f}",
    )
    made = [call.method for call in calls if call.method == "Deliver"]
    expect_equal(made, [], "deliveries of nothing")


@case(
    "REL-012",
    "MUST leave alone what another relayer delivered, and bring back its acknowledgement",
    clauses=("DEL-1", "RECV-3"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_012(kit: RelayerKit) -> None:
    kit.relayer.kill()
    sequences = kit.a.issue(3)
    kit.world.carry(kit.a, sequences)
    kit.start()
    kit.closed(kit.a, sequences)
    again = delivered(kit.deliveries(kit.b), PACKET)
    expect_equal(dict(again), {}, "packets delivered again that the rival had delivered")


@case("REL-013", "MUST stop on SIGTERM within ten seconds, with exit code 0", clauses=("ADP-3",), mode=Mode.RELAYER)
def rel_013(kit: RelayerKit) -> None:
    took = kit.relayer.stop()
    expect(took <= STOP_SECONDS, "it stops when told to", got=f"{took:.1f} s", expected=f"{STOP_SECONDS:.0f} s")
    expect_equal(kit.relayer.exit_code, 0, "exit code")


@case(
    "REL-014",
    "MUST print no passphrase and no private key, whatever happens",
    clauses=("KEY-2", "GAT-4"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_014(kit: RelayerKit) -> None:
    kit.crosses()
    printed = kit.relayer.log.read_text(errors="replace")
    found = sum(secret in printed for secret in kit.secrets)
    expect_equal(found, 0, "secrets in its output since the run began")


@case(
    "REL-015",
    "MUST clear a backlog of more than one page that grew while it was away",
    clauses=("LED-2", "PAG-1"),
    mode=Mode.RELAYER,
)
def rel_015(kit: RelayerKit) -> None:
    kit.relayer.kill()
    sequences = kit.a.issue(600)
    kit.start()
    kit.closed(kit.a, sequences, seconds=30.0)


@case(
    "REL-016",
    "SHOULD carry new packets of one ledger while it clears a backlog of the other",
    clauses=("LED-2",),
    level=Level.EXTENDED,
    mode=Mode.RELAYER,
)
def rel_016(kit: RelayerKit) -> None:
    kit.relayer.kill()
    kit.a.issue(600)
    kit.start()
    kit.wait(lambda: bool(kit.deliveries(kit.b)), "the backlog begins to move")
    took = kit.received(kit.a, kit.b.issue())
    expect(took <= DELAY_SECONDS, "the other way is not blocked", got=f"{took:.1f} s", expected="5 s at most")
    kit.settled(30.0)
