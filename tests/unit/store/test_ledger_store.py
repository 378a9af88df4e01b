"""A block is stored whole or not at all, whatever breaks; what lies beside a record is bound to its version."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bridge.errors import BridgeError, LedgerUnavailableError, LimitError, PreconditionError, Reason, StateChangedError
from bridge.ledger.rows import HOME, PacketRow, RecordRow, VersionRow
from bridge.ledger.types import KIND_PACKET
from bridge.store.faults import NO_FAULTS, Faults
from bridge.store.queries import StoreQueries
from tests.unit.store.kit import CLIENT, Bench, Running, attachment, record_key
from tests.unit.store.postgres import Cluster


@pytest.fixture(params=["cometbft-sqlite", "chainmaker-sqlite", "cometbft-postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    kind, database = request.param.split("-")
    url = request.getfixturevalue("postgres_cluster").new_database() if database == "postgresql" else ""
    return Bench(tmp_path, kind, url)


def counts(running: Running) -> dict[str, int]:
    tables = ("blocks", "seals", "transactions", "entries", "records", "record_versions", "documents", "exports")
    assert running.store is not None
    with running.store.database.reader() as connection:
        return {t: connection.exec_driver_sql(f"SELECT count(*) FROM {t}").scalar() or 0 for t in tables}


def test_a_block_comes_back_as_it_was_made(bench: Bench) -> None:
    with bench.run() as running:
        running.issue("a", "b")
        running.issue("c")
        reader = running.engine.store.reader
        assert reader.latest_height() == 3
        block = reader.block(2)
        assert (block.height, block.entry_count) == (2, 2)
        assert block.commit
        assert block.consensus.header_hash == block.header_hash
        entries = reader.entries(1, 10)
        assert [(e.position, e.height, e.transaction_index, e.event_index) for e in entries] == [
            (1, 2, 0, 1),
            (2, 3, 0, 0),
        ]
        assert [e.written.sequence for e in entries] == [2, 3]
        forms = reader.transaction_forms(2)
        assert len(forms) == 1
        assert bool(forms[0]) == (bench.kind == "chainmaker")


def test_a_height_that_is_not_there_is_said_so(bench: Bench) -> None:
    with bench.run() as running:
        for height in (0, 2, 99):
            with pytest.raises(BridgeError) as refused:
                running.engine.store.reader.block(height)
            assert refused.value.reason is Reason.HEIGHT_NOT_FOUND


def test_a_second_writer_stops_the_first_and_nothing_is_signed_twice(tmp_path: Path, store_url: str) -> None:
    bench = Bench(tmp_path, url=store_url)
    with bench.run() as running:
        running.issue("a")
        bench.mark_path = tmp_path / "copied mark"
        bench.mark_path.write_bytes((tmp_path / "mark").read_bytes())
        with bench.run() as other:
            other.issue("b")
            before = counts(other)
        with pytest.raises(StateChangedError) as refused:
            running.issue("c")
        assert refused.value.reason is Reason.STATE_CHANGED
        with pytest.raises(PreconditionError) as stopped:
            running.issue("c")
        assert stopped.value.reason is Reason.DOUBLE_SIGN_REFUSED
        assert counts(running) == before


def test_attachments_are_stored_with_the_version_they_belong_to(tmp_path: Path, store_url: str) -> None:
    with Bench(tmp_path, url=store_url).run() as running:
        running.issue("a", "b", attachments=[attachment("a"), attachment("a"), attachment("never")])
        assert running.store is not None
        queries = StoreQueries(running.store.database)
        document = queries.document(HOME, record_key("a"), 1)
        assert document is not None
        assert document.document == b'{"reference": "a"}'
        assert document.seed == bytes(32)
        assert queries.document(HOME, record_key("b"), 1) is None
        assert queries.document(HOME, record_key("never"), 1) is None
        (export,) = queries.exports(10)
        assert (export.client_id, export.sequence, export.height, export.version) == (CLIENT, 1, 2, 1)
        assert json.loads(export.pointers) == ["/a", "/b"]
        assert [r.reference for r in queries.records(10, identifier=("BL", "a"))] == ["a"]
        assert queries.records(10, identifier=("BL", "never")) == []


def test_an_attachment_of_another_statement_is_dropped(tmp_path: Path, store_url: str) -> None:
    with Bench(tmp_path, url=store_url).run() as running:
        running.issue("a", attachments=[attachment("a", digest=hashlib.sha256(b"forged").digest())])
        assert counts(running)["documents"] == counts(running)["exports"] == 0
        running.issue("a", attachments=[attachment("a")])
        assert counts(running)["documents"] == counts(running)["exports"] == 0


def test_queries_find_records_entries_and_packets(tmp_path: Path, store_url: str) -> None:
    with Bench(tmp_path, url=store_url).run() as running:
        running.issue("a", "b")
        running.issue("c")
        assert running.store is not None
        queries = StoreQueries(running.store.database)
        assert [r.reference for r in queries.records_by_id("T-2")] == ["b"]
        assert [r.local_id for r in queries.records_by_reference("c")] == ["T-3"]
        assert [r.local_id for r in queries.records(2)] == ["T-1", "T-2"]
        assert [r.local_id for r in queries.records(2, after="T-2", origin=HOME, record_type=1)] == ["T-3"]
        assert queries.records(2, origin="client-0") == []
        assert [v.sequence for v in queries.versions_after(1)] == [1, 2]
        assert [v.sequence for v in queries.versions_after(2)] == [3]
        assert queries.versions_after(3) == []
        assert [e.position for e in queries.entries(CLIENT, KIND_PACKET, 1, 10)] == [1, 2]
        assert [e.position for e in queries.entries_by_sequence(CLIENT, KIND_PACKET, [3, 1])] == [0, 2]
        assert [p.sequence for p in queries.pending_packets(CLIENT, 2)] == [1, 2]
        assert [p.sequence for p in queries.pending_packets(CLIENT, 2, after_sequence=2)] == [3]
        assert [n.height for n in queries.notices(1, 10)] == [2, 3]
        assert [n.entry_count for n in queries.notices(1, 10)] == [2, 3]
        page = queries.page(PacketRow, 2)
        assert [p.sequence for p in page] == [1, 2]
        assert [p.sequence for p in queries.page(PacketRow, 2, after=page[-1].key)] == [3]
        assert queries.page(PacketRow, 2, prefix=("other",)) == []
        assert queries.get(RecordRow, (HOME, b"none")) is None
        assert len(queries.many(VersionRow, [(HOME, record_key(r), 1) for r in "abz"])) == 2


def test_a_full_disk_refuses_a_block_whole_and_the_service_goes_on(tmp_path: Path) -> None:
    with Bench(tmp_path).run() as running:
        running.issue("a")
        assert running.store is not None
        database = running.store.database
        pages = database.writer().exec_driver_sql("PRAGMA page_count").scalar()
        database.writer().rollback()
        database.driver_execute(f"PRAGMA max_page_count = {pages + 2}")
        before, mark = counts(running), running.mark.latest()
        for _ in range(2):
            with pytest.raises(LimitError) as refused:
                running.issue(*(f"many-{n}" for n in range(500)), attachments=[attachment("many-1")])
            assert refused.value.reason is Reason.STORAGE_FULL
            assert counts(running) == before
            assert running.mark.latest() == mark
        assert running.engine.store.reader.block(2).entry_count == 1
        assert [r.noop for r in running.issue("a")] == [True]
        database.driver_execute("PRAGMA max_page_count = 1000000")
        results = running.issue(*(f"many-{n}" for n in range(500)), attachments=[attachment("many-1")])
        assert len(results) == 500
        assert not any(r.noop for r in results)
        assert counts(running)["records"] == 501


class Crash(BaseException):
    """The process is gone."""


class FailAt:
    """Breaks one step, the n-th time it comes by, before or after it happened."""

    def __init__(self, step: str, number: int, *, applied: bool, error: BaseException) -> None:
        self._step, self._number, self._applied, self._error = step, number, applied, error
        self.fired = False

    def before(self, step: str) -> None:
        if step == self._step and not self._applied:
            self._fire()

    def after(self, step: str) -> None:
        if step == self._step and self._applied:
            self._fire()

    def _fire(self) -> None:
        self._number -= 1
        if self._number == 0:
            self.fired = True
            raise self._error


def issue_all(bench: Bench, faults: Faults) -> None:
    with bench.run(faults) as running:
        for reference in ("a", "b", "c"):
            running.issue(reference)


STEPS = [(step, applied) for step in ("write_block", "write_seal") for applied in (False, True)]


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(("step", "applied"), STEPS)
def test_a_crash_at_any_durable_step_loses_nothing_and_doubles_nothing(
    bench: Bench, step: str, applied: bool, number: int
) -> None:
    faults = FailAt(step, number, applied=applied, error=Crash())
    with pytest.raises(Crash):
        issue_all(bench, faults)
    assert faults.fired
    issue_all(bench, NO_FAULTS)
    with bench.run() as running:
        reader = running.engine.store.reader
        height = reader.latest_height()
        assert [e.written.sequence for e in reader.entries(0, 10)] == [1, 2, 3]
        assert running.mark.latest() == (height, reader.block(height).header_hash)
        numbers = counts(running)
        assert numbers["blocks"] == numbers["seals"] == height
        assert numbers["records"] == numbers["record_versions"] == numbers["entries"] == 3


@pytest.mark.parametrize(("step", "applied"), STEPS)
def test_an_unclear_answer_of_the_database_is_settled(bench: Bench, step: str, applied: bool) -> None:
    error = LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "connection lost")
    faults = FailAt(step, 2, applied=applied, error=error)
    with bench.run(faults) as running:
        if (step, applied) == ("write_block", False):
            with pytest.raises(LedgerUnavailableError):
                running.issue("a")
            assert running.engine.tip.height == 1
        assert [r.sequence for r in running.issue("a")] == [1]
        assert faults.fired
        assert running.engine.tip.height == 2
        assert [r.sequence for r in running.issue("b")] == [2]
        assert counts(running)["records"] == 2


def test_a_database_restored_from_a_backup_signs_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with bench.run() as running:
        running.issue("a")
        running.issue("b")
    backup = (tmp_path / "ledger.db").read_bytes()
    with bench.run() as running:
        running.issue("c")
    (tmp_path / "ledger.db").write_bytes(backup)
    with pytest.raises(BridgeError) as refused:
        bench.run()
    assert refused.value.reason is Reason.DOUBLE_SIGN_REFUSED
    (tmp_path / "ledger.db").unlink()
    with pytest.raises(BridgeError) as refused:
        bench.run()
    assert refused.value.reason is Reason.DOUBLE_SIGN_REFUSED


def test_a_lost_mark_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with bench.run() as running:
        running.issue("a")
    bench.mark_path.unlink()
    with pytest.raises(BridgeError) as refused:
        bench.run()
    assert refused.value.reason is Reason.DOUBLE_SIGN_REFUSED


def test_a_torn_log_loses_only_what_was_not_acknowledged(tmp_path: Path) -> None:
    """The tail of the write-ahead log is cut as a power failure might: an unsynced seal goes, its block does not."""
    bench = Bench(tmp_path)
    running = bench.run()
    running.issue("a")
    height = running.engine.tip.height
    copy = tmp_path / "copy"
    copy.mkdir()
    wal = (tmp_path / "ledger.db-wal").read_bytes()
    frame = 24 + 8192
    (copy / "ledger.db").write_bytes((tmp_path / "ledger.db").read_bytes())
    (copy / "ledger.db-wal").write_bytes(wal[: len(wal) - frame // 2])
    (copy / "mark").write_bytes(bench.mark_path.read_bytes())
    running.close()
    bench.url, bench.mark_path = f"sqlite:///{copy / 'ledger.db'}", copy / "mark"
    with bench.run() as again:
        assert again.engine.tip.height == height
        assert [r.noop for r in again.issue("a")] == [True]


def test_readers_do_not_wait_for_the_writer(tmp_path: Path, store_url: str) -> None:
    with Bench(tmp_path, url=store_url).run() as running:
        assert running.store is not None
        running.store.database.writer().exec_driver_sql("UPDATE meta SET value = 'x' WHERE key = 'genesis'")
        assert running.engine.store.reader.latest_height() == 1
        running.store.abandon()


def test_a_lost_connection_is_said_and_the_next_call_heals(tmp_path: Path, postgres_cluster: Cluster) -> None:
    url = postgres_cluster.new_database()
    with Bench(tmp_path, url=url).run() as running:
        running.issue("a")
        postgres_cluster.disconnect_everybody()
        with pytest.raises(LedgerUnavailableError) as refused:
            running.issue("b")
        assert refused.value.reason is Reason.LEDGER_UNAVAILABLE
        assert [r.sequence for r in running.issue("b")] == [2]
        assert running.engine.store.reader.latest_height() == 3
