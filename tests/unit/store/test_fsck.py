"""The checker passes a sound ledger and names what is broken in one that is not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bridge.crypto.suites import suite
from bridge.errors import BridgeError, Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.light_client.profiles import profile
from bridge.store.codec import CODECS
from bridge.store.database import Database
from bridge.store.fsck import Finding, check_ledger, check_rows
from bridge.store.ledger_store import LedgerStore
from bridge.store.reader import BLOCKS, ENTRIES, SEALS, TRANSACTIONS
from tests.unit.store.kit import LEDGER_ID, Bench, attachment, now


@pytest.fixture(params=["cometbft", "chainmaker"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, request.param)
    with bench.run() as running:
        running.issue("a", "b", attachments=[attachment("a")])
        running.issue("c")
        running.engine.commit_block([], now(30))
    return bench


def check(bench: Bench) -> list[Finding]:
    database = Database.open(bench.url, LEDGER_ID)
    try:
        fresh = bench.format(MemoryHighWaterMark())
        return list(check_ledger(database, fresh, profile(bench.kind), lambda name: suite(name).hash))
    finally:
        database.close()


def edit(bench: Bench, statement: str, *parameters: object) -> None:
    with sqlite3.connect(bench.url.removeprefix("sqlite:///")) as connection:
        connection.execute(statement, parameters)
    connection.close()


def reseal(bench: Bench, table: str, where: str = "true") -> None:
    """Make row digests right again, as somebody who rewrites the file on purpose would."""
    codecs = {codec.table.name: codec for codec in (*CODECS.values(), BLOCKS, SEALS, TRANSACTIONS, ENTRIES)}
    codec = codecs[table]
    with sqlite3.connect(bench.url.removeprefix("sqlite:///")) as connection:
        keys = " AND ".join(f"{name} = ?" for name in codec.key_names)
        for row in connection.execute(f"SELECT * FROM {table} WHERE {where}").fetchall():
            values = row[: len(codec.key_names)]
            connection.execute(f"UPDATE {table} SET row_digest = ? WHERE {keys}", (codec.digest(row[:-1]), *values))
    connection.close()


def test_a_sound_ledger_has_no_findings(bench: Bench) -> None:
    assert check(bench) == []


def test_a_sound_ledger_on_postgresql_has_no_findings(tmp_path: Path, postgres_cluster: object) -> None:
    bench = Bench(tmp_path, url=postgres_cluster.new_database())  # type: ignore[attr-defined]
    with bench.run() as running:
        running.issue("a", "b")
    assert check(bench) == []


FLIPS = [
    ("blocks", "header"),
    ("blocks", "root"),
    ("seals", '"commit"'),
    ("transactions", "submitted"),
    ("entries", "body"),
    ("entries", "path"),
    ("record_versions", "payload"),
    ("packets", "commitment"),
    ("validator_set_blobs", "validators"),
]


@pytest.mark.parametrize(("table", "column"), [*FLIPS, ("documents", "document"), ("documents", "seed")])
def test_a_flipped_byte_is_found_in_its_table(bench: Bench, table: str, column: str) -> None:
    if table == "documents" and bench.kind == "chainmaker":
        pytest.skip("the kit's attachment is for the other suite")
    edit(bench, f"UPDATE {table} SET {column} = CAST(substr({column}, 1, 3) || x'5a' || substr({column}, 5) AS BLOB)")
    findings = check(bench)
    assert (table, Reason.STORAGE_CORRUPT) in {(finding.place, finding.reason) for finding in findings}


TAMPERED = [
    ("entries", "body = (SELECT body FROM entries WHERE position = 1)", "position = 0", Reason.COMMITMENT_MISMATCH),
    ("entries", "value = zeroblob(32)", "position = 0", Reason.COMMITMENT_MISMATCH),
    ("transactions", "submitted = CAST(submitted || x'1a00' AS BLOB)", "height = 2", Reason.MALFORMED_MESSAGE),
    ("record_versions", "digest = zeroblob(32)", "sequence = 1", Reason.STORAGE_CORRUPT),
    ("blocks", "time = time + 1", "height = 3", None),
    ("blocks", "root = zeroblob(32)", "height = 3", Reason.HEADER_HASH_MISMATCH),
    ("seals", '"commit" = (SELECT "commit" FROM seals WHERE height = 1)', "height = 2", None),
]


@pytest.mark.parametrize(("table", "change", "where", "reason"), TAMPERED)
def test_tampering_with_a_right_row_digest_is_found_by_the_ledgers_own_rules(
    bench: Bench, table: str, change: str, where: str, reason: Reason | None
) -> None:
    edit(bench, f"UPDATE {table} SET {change} WHERE {where}")
    reseal(bench, table)
    database = Database.open(bench.url, LEDGER_ID)
    assert list(check_rows(database)) == []
    database.close()
    findings = check(bench)
    assert findings
    if reason is not None:
        assert reason in {finding.reason for finding in findings}


@pytest.mark.parametrize("table", ["blocks", "seals", "entries", "transactions"])
def test_a_missing_row_is_found(bench: Bench, table: str) -> None:
    column = "position" if table == "entries" else "height"
    edit(bench, f"DELETE FROM {table} WHERE {column} = 2")
    assert ("blocks", Reason.STORAGE_CORRUPT) in {(finding.place, finding.reason) for finding in check(bench)}


def test_a_flipped_byte_anywhere_in_the_file_is_found_or_harmless(bench: Bench) -> None:
    """Each flip is found by the checker, refuses to open, or lies in a place that holds nothing."""
    path = Path(bench.url.removeprefix("sqlite:///"))
    sound = path.read_bytes()
    found = 0
    used = [position for position, byte in enumerate(sound) if byte]
    for position in used[100 :: len(used) // 24]:
        content = bytearray(sound)
        content[position] ^= 0x10
        path.write_bytes(content)
        if is_refused(bench):
            found += 1
        else:
            assert readable_rows(path) == readable_rows_of(sound, path.with_name("sound.db"))
        path.write_bytes(sound)
    assert found >= 3


def is_refused(bench: Bench) -> bool:
    try:
        return bool(check(bench))
    except BridgeError:
        return True


def readable_rows(path: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        tables = [t for (t,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows = [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    connection.close()
    return rows


def readable_rows_of(content: bytes, path: Path) -> list[tuple[object, ...]]:
    path.write_bytes(content)
    return readable_rows(path)


@pytest.mark.parametrize("change", ["value = 'CSQU3054384'", "scheme = 'IMO'", "local_id = 'T-9'"])
def test_an_identifier_that_leads_astray_is_found(tmp_path: Path, change: str) -> None:
    bench = Bench(tmp_path)
    with bench.run() as running:
        running.issue("a", attachments=[attachment("a")])
    edit(bench, f"UPDATE record_identifiers SET {change} WHERE scheme = 'ISO6346'")
    assert [finding.place.split()[0] for finding in check(bench)] == ["record_identifiers"]


def test_a_ledger_with_a_flipped_leaf_does_not_start(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with bench.run() as running:
        running.issue("a", "b")
        running.engine.commit_block([], now(30))
    edit(bench, "UPDATE entries SET leaf = zeroblob(32) WHERE position = 1")
    with pytest.raises(BridgeError) as refused:
        bench.run()
    assert refused.value.reason is Reason.STORAGE_CORRUPT


def test_a_genesis_that_is_not_the_first_block_is_found(bench: Bench) -> None:
    edit(bench, "UPDATE meta SET value = 'ff' WHERE key = 'genesis'")
    assert [finding.reason for finding in check(bench)] == [Reason.STORAGE_CORRUPT]


def test_a_read_of_a_flipped_block_is_refused(bench: Bench) -> None:
    edit(bench, "UPDATE blocks SET header = header || x'00' WHERE height = 2")
    store = LedgerStore(Database.open(bench.url, LEDGER_ID))
    with pytest.raises(BridgeError) as refused:
        store.reader.block(2)
    assert refused.value.reason is Reason.STORAGE_CORRUPT
    assert store.reader.block(1).height == 1
    store.close()
