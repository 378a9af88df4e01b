"""Erasing [ERA-1]: document and seed are gone, from the file and its log too; everything else stands."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

import bridge.store.database
from bridge.crypto.suites import suite
from bridge.errors import LedgerUnavailableError, Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.ledger.rows import HOME
from bridge.ledger.storage import Attachment
from bridge.light_client.profiles import profile
from bridge.store.database import Database
from bridge.store.erasing import DocumentEraser, Erased
from bridge.store.fsck import check_ledger
from bridge.store.queries import StoreQueries
from tests.unit.store.kit import LEDGER_ID, Bench, Running, attachment, now, record_key

WHO = "spiffe://hk.example/authority"
COUNT = 240


def document_mark(number: int) -> bytes:
    return b"HIDDEN-%06d" % number


def seed_of(number: int) -> bytes:
    return random.Random(number).randbytes(32)


def marked(number: int) -> Attachment:
    """A document that says its own mark many times, from a part of a page to several pages long."""
    size = (30, 300, 3000)[number % 3]
    return replace(attachment(f"r{number}"), document=document_mark(number) * size, seed=seed_of(number))


def eraser(running: Running) -> DocumentEraser:
    assert running.store is not None
    return DocumentEraser(running.store.database)


def queries(running: Running) -> StoreQueries:
    assert running.store is not None
    return StoreQueries(running.store.database)


def erase(running: Running, reference: str, version: int = 0, time: int = 77) -> Erased:
    return eraser(running).erase(HOME, record_key(reference), version, time, WHO)


def test_an_erased_document_is_gone_and_listed(tmp_path: Path, store_url: str) -> None:
    with Bench(tmp_path, url=store_url).run() as running:
        running.issue("a", "b", attachments=[attachment("a"), attachment("b")])
        assert erase(running, "a") == Erased((1,), ())
        ask = queries(running)
        keys = [(HOME, record_key(name), 1) for name in ("a", "b", "c")]
        assert [ask.document(*key) is not None for key in keys] == [False, True, False]
        assert ask.erasures(keys) == {keys[0]: 77}
        assert ask.erasures([]) == {}
        assert [record.reference for record in ask.records(10, identifier=("BL", "a"))] == ["a"]
        running.issue("c")


def test_erasing_again_changes_nothing(tmp_path: Path, store_url: str) -> None:
    with Bench(tmp_path, url=store_url).run() as running:
        running.issue("a", attachments=[attachment("a")])
        erase(running, "a", version=1)
        assert erase(running, "a", time=99) == Erased((), (1,))
        key = (HOME, record_key("a"), 1)
        assert queries(running).erasures([key]) == {key: 77}
        running.issue("a", attachments=[attachment("a")])
        assert queries(running).document(*key) is None


@pytest.mark.parametrize(("reference", "version"), [("never", 0), ("bare", 0), ("a", 2)])
def test_what_is_not_held_is_not_erased(tmp_path: Path, store_url: str, reference: str, version: int) -> None:
    with Bench(tmp_path, url=store_url).run() as running:
        running.issue("a", "bare", attachments=[attachment("a")])
        assert erase(running, reference, version) == Erased((), ())
        assert eraser(running).erase("hk-0", record_key("a"), 0, 77, WHO) == Erased((), ())
        assert queries(running).document(HOME, record_key("a"), 1) is not None


def test_no_byte_of_it_is_left_in_the_file_or_its_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    order = random.Random(5)
    numbers = order.sample(range(COUNT), COUNT)
    gone = sorted(order.sample(range(COUNT), COUNT // 3))
    with bench.run() as running:
        for start in range(0, COUNT, 20):
            batch = numbers[start : start + 20]
            running.issue(*(f"r{n}" for n in batch), attachments=[marked(n) for n in batch], at=20 + start)
        stored = files(tmp_path)
        assert all(document_mark(n) in stored and seed_of(n) in stored for n in range(COUNT))
        for number in gone:
            assert erase(running, f"r{number}") == Erased((1,), ())
        left = files(tmp_path)
        assert [n for n in gone if document_mark(n) in left or seed_of(n) in left] == []
        kept = set(range(COUNT)) - set(gone)
        assert [n for n in kept if queries(running).document(HOME, record_key(f"r{n}"), 1) is None] == []
        running.engine.commit_block([], now(400))
    assert [n for n in gone if document_mark(n) in files(tmp_path)] == []
    assert findings(bench) == []


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def findings(bench: Bench) -> list[str]:
    database = Database.open(bench.url, LEDGER_ID)
    try:
        fresh = bench.format(MemoryHighWaterMark())
        return [str(f) for f in check_ledger(database, fresh, profile(bench.kind), lambda name: suite(name).hash)]
    finally:
        database.close()


def test_a_log_that_readers_keep_busy_is_told_and_emptied_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge.store.database, "SQLITE_BUSY_MILLISECONDS", 20)
    with Bench(tmp_path).run() as running:
        running.issue("r0", attachments=[marked(0)])
        assert running.store is not None
        with running.store.database.reader() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM documents").all()
            with pytest.raises(LedgerUnavailableError) as caught:
                erase(running, "r0")
        assert caught.value.reason is Reason.LEDGER_UNAVAILABLE
        assert seed_of(0) in files(tmp_path)
        assert erase(running, "r0") == Erased((), (1,))
        assert seed_of(0) not in files(tmp_path)


def test_a_document_that_came_back_is_found(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with bench.run() as running:
        running.issue("a", "b", attachments=[attachment("a"), attachment("b")])
        running.engine.commit_block([], now(30))
        database = running.store.database if running.store is not None else None
        assert database is not None
        with database.reader() as connection:
            row = connection.exec_driver_sql("SELECT * FROM documents ORDER BY document LIMIT 1").one()
        erase(running, "a")
        writer = database.writer()
        writer.exec_driver_sql("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)", tuple(row))
        writer.commit()
    (found,) = findings(bench)
    assert "the document was erased and is there" in found
