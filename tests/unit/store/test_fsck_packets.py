"""The checker holds sent packets against their entries, their outcomes and the acts that closed them [STO-10]."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.crypto.suites import suite
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.ledger.rows import HOME, PacketRow
from bridge.protocol.acknowledgements import EXPIRED_ACKNOWLEDGEMENT
from bridge.protocol.packets import PacketState
from bridge.rpc.changes import RecordChanges
from bridge.store.codec import CODECS
from bridge.store.database import Database
from bridge.store.fsck import check_ledger
from bridge.store.fsck_packets import misstated_packets
from bridge.store.ledger_store import LedgerStore
from bridge.store.queries import StoreQueries
from tests.sim.harness import SimLedger, World
from tests.sim.test_closing import closing, stranded

CLOSED, ACCEPTED, COMMITTED = (
    PacketState.CLOSED_BY_AUTHORITIES,
    PacketState.ACCEPTED,
    PacketState.COMMITTED,
)


class Closed:
    """A Hong Kong ledger over SQL with one packet accepted, one closed by authorities, and one waiting."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "hk.db"
        self.database = Database.open(f"sqlite:///{self.file}", "hk-trade-1")
        self.store = LedgerStore(self.database)
        self.world = World(validators=1, stores=(self.store, None))
        first, _ = stranded(self.world, self.ledger, 2)
        self.act = closing(self.world, self.ledger, [first])
        assert self.ledger.submit(self.act)[0].code == 0
        self.sequence = first.sequence

    @property
    def ledger(self) -> SimLedger:
        return self.world.hk

    def edit(self, sequence: int, **over: object) -> None:
        """Rewrite a packet's row with a right digest, as somebody who edits the file on purpose would."""
        codec = CODECS[PacketRow]
        with sqlite3.connect(self.file) as connection:
            for name, value in over.items():
                connection.execute(f"UPDATE packets SET {name} = ? WHERE sequence = ?", (value, sequence))
            (row,) = connection.execute("SELECT * FROM packets WHERE sequence = ?", (sequence,)).fetchall()
            digest = codec.digest(row[:-1])
            connection.execute("UPDATE packets SET row_digest = ? WHERE sequence = ?", (digest, sequence))
        connection.close()

    def findings(self) -> list[str]:
        return [f"{place}: {detail}" for place, detail in misstated_packets(self.database)]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Closed]:
    made = Closed(tmp_path)
    yield made
    made.store.close()


def test_a_ledger_with_closed_packets_is_sound(closed: Closed) -> None:
    assert [packet.state for packet in closed.ledger.packets()] == [ACCEPTED] * 3 + [CLOSED, COMMITTED]
    ledger = closed.ledger
    found = check_ledger(
        closed.database, ledger.new_format(MemoryHighWaterMark()), ledger.profile, lambda name: suite(name).hash
    )
    assert list(found) == []


def test_a_closing_that_no_act_made_is_found(closed: Closed) -> None:
    closed.edit(closed.sequence + 1, state=CLOSED.value)
    place = "packets sh-0 5: no act of the authorities closed it"
    assert closed.findings() == [place, "clients sh-0: 0 packets wait, not 1"]


def test_a_closing_that_was_undone_is_found(closed: Closed) -> None:
    closed.edit(closed.sequence, state=COMMITTED.value)
    assert closed.findings() == ["clients sh-0: 2 packets wait, not 1"]


@pytest.mark.parametrize(
    ("state", "acknowledgement"),
    [
        (CLOSED, EXPIRED_ACKNOWLEDGEMENT),
        (ACCEPTED, EXPIRED_ACKNOWLEDGEMENT),
        (ACCEPTED, b""),
        (ACCEPTED, b"\xff"),
        (9, b""),
    ],
)
def test_a_state_that_contradicts_its_acknowledgement_is_found(
    closed: Closed, state: int, acknowledgement: bytes
) -> None:
    closed.edit(closed.sequence, state=int(state), acknowledgement=acknowledgement)
    assert closed.findings() == ["packets sh-0 4: state and acknowledgement say different things"]


def test_a_packet_that_is_not_its_entrys_is_found(closed: Closed) -> None:
    closed.edit(closed.sequence, commitment=bytes(32))
    assert closed.findings() == ["packets sh-0 4: the commitment is not that of an entry"]


def test_who_watches_records_hears_of_a_closing_once(closed: Closed) -> None:
    ledger, queries = closed.ledger, StoreQueries(closed.database)
    changes = RecordChanges(queries, closed.store.reader)
    assert ledger.submit(closed.act)[0].noop
    told = [_versions(changes, height) for height in range(1, closed.store.reader.latest_height() + 1)]
    assert [each for each in told if each] == [[("BL-0", 1)], [("BL-1", 1)], [("BL-0", 1)]]


def _versions(changes: RecordChanges, height: int) -> list[tuple[str, int]]:
    return [(record.reference, key[2]) for record, key in changes.of_block(height) if key[0] == HOME]
