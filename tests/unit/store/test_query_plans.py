"""Questions that are asked all the time walk an index in the order they want, however many rows there are."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite

from bridge.ledger.types import KIND_PACKET
from bridge.store.database import Database
from bridge.store.queries import StoreQueries

QUESTIONS = {
    "entries": (lambda q: q.entries("c", KIND_PACKET, 5, 10), "INTEGER PRIMARY KEY"),
    "entries by sequence": (lambda q: q.entries_by_sequence("c", KIND_PACKET, [1, 2]), "entries_by_client"),
    "pending packets": (lambda q: q.pending_packets("c", 10, 5), "packets_pending"),
    "records": (lambda q: q.records(10, "HKCB-2026-000000009", newest_first=True), "records_local_id"),
    "records of one origin": (lambda q: q.records(10, "x", origin="", newest_first=True), "records_local_id"),
    "records by id": (lambda q: q.records_by_id("x"), "records_local_id"),
    "records by the other side's id": (lambda q: q.records_by_id("x"), "records_counterparty_id"),
    "records by reference": (lambda q: q.records_by_reference("x"), "records_reference"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_plan_is_an_index(tmp_path: Path, name: str) -> None:
    question, index = QUESTIONS[name]
    path = tmp_path / "ledger.db"
    database = Database.open(str(path), "test-1")
    queries = StoreQueries(database)
    asked: list[str] = []

    def note(_codec, query):
        asked.append(str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})))
        return []

    queries._read = note
    question(queries)
    database.close()
    with sqlite3.connect(path) as connection:
        plan = " ".join(row[3] for each in asked for row in connection.execute("EXPLAIN QUERY PLAN " + each))
    assert index in plan
    assert "SCAN records" not in plan
    assert "SCAN entries" not in plan
    if name in ("entries", "pending packets", "records", "records of one origin"):
        assert "TEMP B-TREE" not in plan
