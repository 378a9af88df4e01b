"""SqlState answers as MemoryState does, on both databases, and reads no more than it has to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from bridge.clock import Nanos
from bridge.errors import BridgeError, Reason
from bridge.ledger.rows import ROW_TYPES, ConsensusRow, KeyRow, PacketRow, ReceiptRow, Row, VersionRow
from bridge.ledger.state import MemoryState, Overlay
from bridge.store.codec import CODECS, insert_sql
from bridge.store.database import Database
from bridge.store.state import CACHE_ROWS, PeekState, SqlState


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = Database.open(store_url, "hk-1")
    yield opened
    opened.close()


def put(database: Database, *rows: Row) -> None:
    with database.writer().begin():
        for row in rows:
            codec = CODECS[type(row)]
            database.writer().exec_driver_sql(insert_sql(codec.table, database.dialect, "replace"), [codec.encode(row)])


def sample(row_type: type[Row], number: int = 1) -> Row:
    values: dict[str, Any] = {"str": f"文-{number}", "int": number, "bytes": bytes([number]) * 40, "bool": True}
    return row_type(*(values[str(field.type)] for field in fields(row_type)))  # type: ignore[arg-type]


def key_row(key_id: str, revoked: bool = False) -> KeyRow:
    return KeyRow("", "member", key_id, "sha256-ed25519", b"k" * 32, revoked)


def consensus(height: int, client_id: str = "client-0") -> ConsensusRow:
    return ConsensusRow(client_id, height, Nanos(height * 10), b"h" * 32, b"r" * 32, b"n" * 32, b"")


def test_every_row_comes_back_as_it_was_put(database: Database) -> None:
    for row_type in ROW_TYPES:
        row = sample(row_type)
        put(database, row, sample(row_type, 2))
        assert SqlState(database).get(row_type, row.key) == row
        assert PeekState(database, SqlState(database)).get(row_type, row.key) == row
        assert SqlState(database).get(row_type, sample(row_type, 3).key) is None
        database.writer().rollback()


def test_extremes_of_numbers_and_bytes_survive(database: Database) -> None:
    row = ReceiptRow("c", 2**63 - 1, -(2**63), bytes(range(256)) * 1000)
    put(database, row)
    assert SqlState(database).get(ReceiptRow, row.key) == row


def test_a_prefetch_reads_in_few_statements_and_knows_what_is_not_there(database: Database) -> None:
    rows = [ReceiptRow("c", n, 1, b"a") for n in range(1, 1000, 2)]
    put(database, *rows)
    state = SqlState(database)
    statements: list[str] = []
    event.listen(database.writer(), "before_cursor_execute", lambda _c, _k, sql, *_: statements.append(sql))
    database.writer().begin()
    statements.clear()
    state.prefetch(ReceiptRow, [("c", n) for n in range(1, 1001)])
    assert len(statements) == 4
    found = [state.get(ReceiptRow, ("c", n)) for n in range(1, 1001)]
    assert len(statements) == 4
    assert [row for row in found if row is not None] == rows
    database.writer().rollback()


def test_a_prefetch_uses_the_primary_key(tmp_path: Any) -> None:
    database = Database.open(str(tmp_path / "ledger.db"), "hk-1")
    for row_type in ROW_TYPES:
        codec = CODECS[row_type]
        sql = codec.select_sql(database.dialect, 2)
        with database.reader() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).all()
        assert any("SEARCH t USING" in str(step) for step in plan), row_type
        assert not any("SCAN t" in str(step) for step in plan), row_type
    database.close()


def test_neighbours_share_all_of_the_key_but_its_last_part(database: Database) -> None:
    put(database, consensus(5), consensus(9), consensus(7, "client-1"))
    state = SqlState(database)
    assert state.floor(ConsensusRow, ("client-0", 8)) == consensus(5)
    assert state.floor(ConsensusRow, ("client-0", 4)) is None
    assert state.ceiling(ConsensusRow, ("client-0", 6)) == consensus(9)
    assert state.ceiling(ConsensusRow, ("client-0", 9)) == consensus(9)
    assert state.ceiling(ConsensusRow, ("client-0", 10)) is None
    database.writer().rollback()


@settings(max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    put_keys=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 12)), max_size=8),
    asked=st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 13)),
)
def test_it_answers_as_the_memory_state_does(tmp_path: Any, put_keys: list[Any], asked: Any) -> None:
    database = Database.open(str(tmp_path / "ledger.db"), "hk-1")
    with database.writer().begin():
        database.writer().exec_driver_sql("DELETE FROM consensus_states")
    rows = [consensus(height, client_id) for client_id, height in put_keys]
    put(database, *rows)
    memory = MemoryState()
    overlay = Overlay(memory)
    for row in rows:
        overlay.put(row)
    memory.write(overlay)
    for state in (SqlState(database), PeekState(database, SqlState(database))):
        assert state.get(ConsensusRow, asked) == memory.get(ConsensusRow, asked)
        assert state.floor(ConsensusRow, asked) == memory.floor(ConsensusRow, asked)
        assert state.ceiling(ConsensusRow, asked) == memory.ceiling(ConsensusRow, asked)
        assert list(state.scan(ConsensusRow, asked[:1])) == memory.scan(ConsensusRow, asked[:1])
    database.close()


def test_what_a_block_wrote_replaces_what_was_cached(database: Database) -> None:
    put(database, key_row("k"))
    state = SqlState(database)
    assert state.get(KeyRow, ("", "member", "k")) == key_row("k")
    assert state.get(KeyRow, ("", "member", "new")) is None
    overlay = Overlay(state)
    overlay.put(key_row("k", revoked=True))
    overlay.put(key_row("new"))
    state.settle(overlay)
    assert state.get(KeyRow, ("", "member", "k")) == key_row("k", revoked=True)
    assert state.get(KeyRow, ("", "member", "new")) == key_row("new")
    database.writer().rollback()


def test_absence_is_forgotten_after_the_block(database: Database) -> None:
    state = SqlState(database)
    assert state.get(KeyRow, ("", "member", "k")) is None
    database.writer().rollback()
    state.trim()
    put(database, key_row("k"))
    assert state.get(KeyRow, ("", "member", "k")) == key_row("k")
    database.writer().rollback()


def test_the_cache_is_bounded(database: Database) -> None:
    state = SqlState(database)
    overlay = Overlay(state)
    count = CACHE_ROWS[VersionRow] + 100
    for number in range(count):
        overlay.put(VersionRow("", b"%d" % number, 1, b"", b"", b"p", "c", number, 1, 1))
    state.settle(overlay)
    kept = [n for n in range(count) if state.peek(VersionRow, ("", b"%d" % n, 1)) is not None]
    assert kept == list(range(100, count))


def test_a_flipped_byte_is_refused_when_the_row_is_read(database: Database) -> None:
    row = PacketRow("c", 1, b"\x01" * 32, "cargo", 1, b"", b"", 0)
    put(database, row)
    with database.writer().begin():
        mark = "%s" if database.dialect.name == "postgresql" else "?"
        database.writer().exec_driver_sql(f"UPDATE packets SET commitment = {mark}", (b"\x01" * 31 + b"\x00",))
    for state in (SqlState(database), PeekState(database, SqlState(database))):
        with pytest.raises(BridgeError) as refused:
            state.get(PacketRow, row.key)
        assert refused.value.reason is Reason.STORAGE_CORRUPT
        assert refused.value.facts["table"] == "packets"
    database.writer().rollback()


def test_a_changed_scalar_is_refused_too(database: Database) -> None:
    for change in ("revoked = true", "suite = 'sm3-sm2'", "key_id = 'other'"):
        put(database, key_row("k"))
        with database.writer().begin():
            database.writer().exec_driver_sql(f"UPDATE member_keys SET {change}")
        with pytest.raises(BridgeError) as refused:
            list(SqlState(database).scan(KeyRow, ("", "member")))
        assert refused.value.reason is Reason.STORAGE_CORRUPT
        database.writer().rollback()
        with database.writer().begin():
            database.writer().exec_driver_sql("DELETE FROM member_keys")
