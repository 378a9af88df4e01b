"""REL: light clients that age, expire, freeze or follow other validators; and what a relayer tells its operator."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from bridge.conformance.case import Level, Mode, case
from bridge.conformance.checks import expect, expect_equal, refused
from bridge.conformance.relayer.kit import ASK_SECONDS, RelayerKit
from bridge.conformance.relayer.ledger import SimulatedLedger
from bridge.conformance.relayer.trouble import freeze, rotate, tick
from bridge.conformance.relayer.world import TRUSTING_PERIOD_SECONDS
from bridge.errors import Reason
from bridge.ledger.rows import ClientRow, ConsensusRow
from bridge.v1 import relayer_service_pb2 as api

AGED_SECONDS = TRUSTING_PERIOD_SECONDS * 5 // 6
"""Age of a client that must be refreshed now: five sixths of its trusting period have passed."""

EXPIRED_SECONDS = TRUSTING_PERIOD_SECONDS + 3600
"""Age of a client that expired an hour ago."""

STANDING_SECONDS = 4.5
"""How long a relayer is watched that must not deliver."""

LAST_DELIVERIES = 2
"""Deliveries a relayer may make until it knows that a client takes none."""


@case(
    "REL-041",
    "MUST refresh a client that nothing else updates before it expires",
    clauses=("UPD-7", "UPD-11"),
    mode=Mode.RELAYER,
)
def rel_041(kit: RelayerKit) -> None:
    kit.renew(backdated_seconds=AGED_SECONDS)
    before = [_latest(each) for each in (kit.a, kit.b)]
    for ledger in (kit.a, kit.b):
        tick(ledger)
        kit.world.await_provable(ledger)
    kit.start()
    kit.wait(
        lambda: all(_latest(each) > height for each, height in zip((kit.a, kit.b), before, strict=True)),
        "both clients trust a newer header",
    )
    kit.crosses()


@case(
    "REL-042",
    "MUST find the way over a change of validators that happened while it was away",
    clauses=("CMT-15", "CMK-10", "CMK-11", "ROT-1"),
    mode=Mode.RELAYER,
)
def rel_042(kit: RelayerKit) -> None:
    kit.wear()
    kit.relayer.kill()
    for ledger in (kit.a, kit.b):
        rotate(ledger)
        kit.world.await_provable(ledger)
    sent = [(ledger, ledger.issue()) for ledger in (kit.a, kit.b)]
    kit.start()
    for ledger, sequences in sent:
        kit.closed(ledger, sequences)


@case(
    "REL-043",
    "MUST follow changes of validators that happen while it runs",
    clauses=("CMT-13", "CMK-12", "ROT-1"),
    mode=Mode.RELAYER,
)
def rel_043(kit: RelayerKit) -> None:
    kit.wear()
    kit.crosses()
    for ledger in (kit.a, kit.b):
        rotate(ledger)
    kit.crosses()


@case(
    "REL-044",
    "MUST stop delivering to a ledger whose client is frozen, and leave the packets pending",
    clauses=("CLI-2", "DEL-4", "MIS-4"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_044(kit: RelayerKit) -> None:
    kit.wear()
    freeze(kit.world, kit.b)
    _stands(kit, "CLIENT_FROZEN", kit.a.issue())


@case(
    "REL-045",
    "MUST deliver the other way while one client is frozen",
    clauses=("CLI-2", "DEL-5"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_045(kit: RelayerKit) -> None:
    kit.wear()
    kit.relayer.kill()
    sequences = kit.b.issue()
    freeze(kit.world, kit.b)
    kit.start()
    kit.received(kit.a, sequences)


@case(
    "REL-046",
    "MUST stop delivering to a ledger whose client has expired, and leave the packets pending",
    clauses=("UPD-7", "CLI-2", "DEL-4"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_046(kit: RelayerKit) -> None:
    kit.renew(backdated_seconds=EXPIRED_SECONDS, waiting=1)
    kit.start()
    kit.wait(lambda: bool(kit.calls("ListClients", kit.b)), "it looks at the clients")
    _stands(kit, "CLIENT_EXPIRED", kit.world.waiting)


@case("REL-051", "MUST tell its operator of both routes and clients", clauses=("ROL-1", "UPD-8"), mode=Mode.RELAYER)
def rel_051(kit: RelayerKit) -> None:
    kit.crosses()
    routes = {f"{kit.a.ledger_id}>{kit.b.ledger_id}", f"{kit.b.ledger_id}>{kit.a.ledger_id}"}
    status = _status(kit)
    expect_equal({route.route for route in status.routes}, routes, "routes")
    for route in status.routes:
        expect_equal(route.client_state, "ACTIVE", f"client of {route.route}")
        expect(route.reachable, f"{route.route} is reachable", got=route.last_error, expected="reachable")
        expect(route.expiry_seconds > 0, "time until expiry", got=route.expiry_seconds, expected="above 0")
        expect_equal(route.pending_count, 0, f"packets pending on {route.route}")
        expect(route.delivered_count > 0, "packets delivered", got=route.delivered_count, expected="above 0")


@case(
    "REL-052",
    "MUST refuse to answer a caller without a role",
    clauses=("ROL-1", "GAT-1"),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_052(kit: RelayerKit) -> None:
    _status(kit)
    door = kit.status_door("stranger")
    refused(
        lambda: door.GetStatus(api.GetStatusRequest(), timeout=ASK_SECONDS),
        Reason.CALLER_NOT_ALLOWED,
        code=grpc.StatusCode.PERMISSION_DENIED,
    )


@case(
    "REL-053",
    "MUST refuse to be steered by a caller who may only look",
    clauses=("ROL-1",),
    negative=True,
    mode=Mode.RELAYER,
)
def rel_053(kit: RelayerKit) -> None:
    _status(kit)
    door = kit.status_door("monitor")
    refused(lambda: door.SetPaused(api.SetPausedRequest(paused=True), timeout=ASK_SECONDS), Reason.CALLER_NOT_ALLOWED)
    kit.crosses()


@case(
    "REL-054",
    "MUST carry nothing on a paused route, and carry what waited once it is resumed",
    clauses=("ROL-1",),
    negative=True,
    level=Level.EXTENDED,
    mode=Mode.RELAYER,
)
def rel_054(kit: RelayerKit) -> None:
    _status(kit)
    door = kit.status_door()
    door.SetPaused(api.SetPausedRequest(paused=True), timeout=ASK_SECONDS)
    sequences = kit.a.issue()
    begun = kit.rest(2.0)
    made = [each for each in kit.deliveries(kit.b) if each.call.at >= begun]
    waiting = door.ListPending(api.ListPendingRequest(), timeout=ASK_SECONDS)
    door.SetPaused(api.SetPausedRequest(paused=False), timeout=ASK_SECONDS)
    kit.closed(kit.a, sequences)
    expect_equal(len(made), 0, "deliveries while paused")
    got = [(packet.sequence, packet.reason) for packet in waiting.packets]
    expect_equal(got, [(sequences[0], "ROUTE_PAUSED")], "what waited, and why")


@case(
    "REL-055",
    "MUST follow a packet step by step when asked",
    clauses=("ROL-1", "LED-2"),
    level=Level.EXTENDED,
    mode=Mode.RELAYER,
)
def rel_055(kit: RelayerKit) -> None:
    (sequence,) = kit.a.issue()
    kit.closed(kit.a, [sequence])
    request = api.TracePacketRequest(ledger_id=kit.a.ledger_id, sequence=sequence)
    steps = kit.status_door().TracePacket(request, timeout=ASK_SECONDS).steps
    got = [(step.step, step.done) for step in steps]
    wanted = [(step, True) for step in ("sent", "provable", "trusted", "received", "acknowledged")]
    expect_equal(got, wanted, "steps of the packet")
    unknown = api.TracePacketRequest(ledger_id=kit.a.ledger_id, sequence=sequence + 1000)
    refused(
        lambda: kit.status_door().TracePacket(unknown, timeout=ASK_SECONDS),
        Reason.PACKET_NOT_FOUND,
        code=grpc.StatusCode.NOT_FOUND,
    )


@case(
    "REL-056",
    "MUST clear everything pending when told to, and report its progress to the end",
    clauses=("ROL-1", "LED-2"),
    level=Level.EXTENDED,
    mode=Mode.RELAYER,
)
def rel_056(kit: RelayerKit) -> None:
    kit.crosses()
    kit.a.issue(50)
    answers = list(kit.status_door().ClearPackets(api.ClearPacketsRequest(), timeout=3 * ASK_SECONDS))
    finished = {answer.route: answer for answer in answers if answer.finished}
    expect_equal(len(finished), 2, "routes that finished")
    for route, answer in finished.items():
        expect_equal(answer.done_count, answer.total_count, f"packets done on {route}")
    kit.settled()


def _latest(ledger: SimulatedLedger) -> int:
    row = ledger.node.queries.get(ClientRow, (ledger.client_id,))
    return row.latest_height if row is not None else 0


def _status(kit: RelayerKit) -> api.GetStatusResponse:
    """The relayer's status once it answers; a relayer that has just started takes a moment."""
    answers: list[api.GetStatusResponse] = []
    door = kit.status_door()

    def answered() -> bool:
        try:
            answers.append(door.GetStatus(api.GetStatusRequest(), timeout=ASK_SECONDS))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                return False
            raise
        return True

    kit.wait(answered, "the relayer answers its operator")
    return answers[-1]


def _stands(kit: RelayerKit, reason: str, sequences: Sequence[int]) -> None:
    """Nothing is delivered to the second ledger any more, and the operator is told why."""
    before = kit.b.node.queries.floor(ConsensusRow, (kit.b.client_id, 2**62))
    begun = kit.rest(STANDING_SECONDS)
    made = [each for each in kit.deliveries(kit.b) if each.call.at >= begun]
    expect(
        len(made) <= LAST_DELIVERIES,
        "it stops delivering",
        got=f"{len(made)} deliveries in {STANDING_SECONDS:.0f} s",
        expected=f"at most {LAST_DELIVERIES}",
    )
    expect(kit.relayer.running, "it keeps running", got=f"exit {kit.relayer.exit_code}", expected="running")
    expect_equal([kit.b.received(sequence) for sequence in sequences], [False] * len(sequences), "received packets")
    after = kit.b.node.queries.floor(ConsensusRow, (kit.b.client_id, 2**62))
    expect_equal(after, before, "what the client trusts did not move")
    status = _status(kit)
    route = next(each for each in status.routes if each.destination_ledger_id == kit.b.ledger_id)
    expect_equal(route.client_state, reason.removeprefix("CLIENT_"), "what the operator is told")
    waiting = kit.status_door().ListPending(api.ListPendingRequest(route=route.route), timeout=ASK_SECONDS)
    got = [(packet.sequence, packet.reason) for packet in waiting.packets]
    expect_equal(got, [(sequence, reason) for sequence in sequences], "what waits, and why")
