"""Random schedules from a seed: whatever relayers do, nothing is lost, doubled or told in two ways."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from bridge.ledger.types import KIND_PACKET
from bridge.protocol.acts import sign_act
from bridge.protocol.packets import PacketState
from bridge.store.database import Database
from bridge.store.ledger_store import LedgerStore
from bridge.v1.cargo_pb2 import RECORD_ACT_AMENDED, RECORD_ACT_VOIDED
from bridge.v1.transaction_pb2 import Delivery, Operation, PauseAct
from bridge.wire import encode, timestamp_of
from tests.sim.harness import HOUR, SimLedger, World
from tests.sim.invariants import violations
from tests.sim.looks import states, verdicts
from tests.sim.records import Record

SEEDS = range(8)
STEPS = 60


class Schedule:
    """One seed's world and what has happened in it."""

    def __init__(self, seed: int, world: World | None = None) -> None:
        self.random = Random(seed)
        self.world = world or World(validators=1)
        self.chains: dict[str, list[Record]] = {}
        self.delivered: list[tuple[SimLedger, Delivery]] = []
        self.seen: Counter[str] = Counter()

    def step(self) -> None:
        """Do one thing, chosen by chance."""
        choose = self.random.choices(
            [self.issue, self.deliver, self.replay, self.wait, self.race, self.pause], [8, 8, 3, 3, 1, 1]
        )[0]
        self.world.clock.advance(self.random.randrange(1, 2 * 10**9))
        choose(self.random.choice([self.world.hk, self.world.sh]))
        assert violations(self.world) == []

    def issue(self, ledger: SimLedger) -> None:
        """A new record, the next version of one, a repetition, or nonsense."""
        reference = f"{ledger.ledger_id[:2]}-{self.random.randrange(6)}"
        chain = self.chains.setdefault(reference, [])
        kind = self.random.choice(["next", "next", "next", "again", "gap"])
        if kind == "again" and chain:
            record = self.random.choice(chain)
        else:
            version = len(chain) + 1 + (kind == "gap")
            act = None if version == 1 else self.random.choice([RECORD_ACT_AMENDED] * 5 + [RECORD_ACT_VOIDED])
            previous = chain[-1].digest if chain else b"\3" * 32 if version > 1 else b""
            record = ledger.record(reference, version, previous, act=act)
        timeout = ledger.seconds() + self.random.choice([30, HOUR, HOUR])
        result = ledger.issue(record, timeout)
        self.seen[result.reason or ("again" if result.noop else "issued")] += 1
        if result.code == 0 and not result.noop:
            chain.append(record)

    def deliver(self, source: SimLedger) -> None:
        """Some of what is unseen, in some order, perhaps in pieces."""
        unseen = self.world.unseen(source)
        if not unseen:
            return
        some = self.random.sample(unseen, self.random.randint(1, len(unseen)))
        if self.random.random() < 0.5:
            some.sort(key=lambda entry: entry.position)
        delivery = self.world.delivery(source, some)
        if self.random.random() < 0.1:
            del delivery.headers[:]
        self.submit(source, delivery)

    def submit(self, source: SimLedger, delivery: Delivery) -> None:
        """Deliver, and remember it for a replay."""
        result = self.world.deliver(source, delivery)
        self.seen.update(states(result))
        self.seen.update(verdicts(result))
        self.delivered.append((source, delivery))

    def replay(self, _: SimLedger) -> None:
        """An old delivery once more."""
        if self.delivered:
            source, delivery = self.random.choice(self.delivered)
            result = self.world.deliver(source, delivery)
            self.seen.update(f"replay {state}" for state in states(result))

    def wait(self, ledger: SimLedger) -> None:
        """Time passes; once in a while so much that packets expire."""
        ledger.tick(self.random.choice([1, 5, 40]))

    def race(self, source: SimLedger) -> None:
        """Two relayers deliver the same in one block."""
        unseen = self.world.unseen(source)
        if not unseen:
            return
        destination = self.world.other(source)
        delivery = Operation(deliver=self.world.delivery(source, unseen))
        first = destination.transaction(delivery, member="relayer")
        self.world.clock.advance(1)
        destination.commit(first, destination.transaction(delivery, member="relayer"))
        self.seen["race"] += 1

    def pause(self, ledger: SimLedger) -> None:
        """Pause the cargo port, or resume it."""
        act = PauseAct(
            ledger_id=ledger.ledger_id,
            client_id=ledger.client_id,
            port="cargo",
            paused=self.random.random() < 0.4,
            act_time=timestamp_of(self.world.clock.now()),
        )
        self.set_pause(ledger, act)

    def set_pause(self, ledger: SimLedger, act: PauseAct) -> None:
        """Submit the act."""
        signed = encode(sign_act(act, (ledger.ledger_id, ledger.authority)))
        assert ledger.submit(Operation(set_pause=signed))[0].code == 0
        self.seen["paused" if act.paused else "resumed"] += 1

    def heal(self) -> None:
        """Stop the faults: resume the ports and relay until nothing is left."""
        self.world.clock.advance(10**9)
        for ledger in (self.world.hk, self.world.sh):
            act = PauseAct(ledger_id=ledger.ledger_id, client_id=ledger.client_id, port="cargo", paused=False)
            act.act_time.CopyFrom(timestamp_of(self.world.clock.now()))
            self.set_pause(ledger, act)
        self.world.settle(8)
        assert violations(self.world) == []
        for ledger in (self.world.hk, self.world.sh):
            assert [p for p in ledger.packets() if p.state == PacketState.COMMITTED] == []
            assert not self.world.unseen(ledger)


def play(seed: int, world: World | None = None) -> Schedule:
    schedule = Schedule(seed, world)
    for _ in range(STEPS):
        schedule.step()
    schedule.heal()
    return schedule


_COVERED: Counter[str] = Counter()


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_doubled_or_told_in_two_ways(seed: int) -> None:
    schedule = play(seed)
    _COVERED.update(schedule.seen)
    entries = schedule.world.hk.store.reader.entries(0, 1 << 30)
    assert len([entry for entry in entries if entry.written.kind == KIND_PACKET]) == len(schedule.world.hk.packets())


def test_a_schedule_over_sql_does_the_same_as_in_memory(tmp_path: Path) -> None:
    names = ("hk-trade-1", "sh-trade-1")
    databases = [Database.open(f"sqlite:///{tmp_path / name}.db", name) for name in names]
    hk, sh = (LedgerStore(database) for database in databases)
    over_sql = play(99, World(validators=1, stores=(hk, sh)))
    in_memory = play(99)
    assert over_sql.seen == in_memory.seen
    for side in ("hk", "sh"):
        left, right = getattr(over_sql.world, side), getattr(in_memory.world, side)
        assert [(p.sequence, p.state, p.port) for p in left.packets()] == [
            (p.sequence, p.state, p.port) for p in right.packets()
        ]
        ids = [
            sorted((r.reference, r.local_id, r.counterparty_id, r.latest_version) for r in x.records())
            for x in (left, right)
        ]
        assert ids[0] == ids[1]
    hk.close()
    sh.close()


def test_the_schedules_reach_the_corners() -> None:
    if len(_COVERED) == 0:
        pytest.skip("the schedules ran in another process")
    for corner in (
        "APPLIED",
        "replay NOOP",
        "ACCEPTED",
        "EXPIRED",
        "PORT_PAUSED",
        "CONSENSUS_STATE_NOT_FOUND",
        "again",
        "race",
    ):
        assert _COVERED[corner], corner
