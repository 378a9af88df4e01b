"""Tables mirror the rows, migrations make exactly these tables, and a newer schema is left alone."""

from __future__ import annotations

import stat
from dataclasses import fields
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel, select

import bridge.store
from bridge.errors import BridgeError, PreconditionError, Reason
from bridge.ledger.rows import ROW_TYPES, Row
from bridge.store.database import Database
from bridge.store.migrations import REVISIONS
from bridge.store.tables import MIRRORS, Meta


@pytest.mark.parametrize(("model", "row_type"), list(zip(MIRRORS, ROW_TYPES, strict=True)), ids=lambda m: m.__name__)
def test_a_table_mirrors_its_row_class(model: type[SQLModel], row_type: type[Row]) -> None:
    table = model.__table__
    names = [field.name for field in fields(row_type)]
    assert table.name == row_type.table
    assert [column.name for column in table.columns] == [*names, "row_digest"]
    assert [column.name for column in table.primary_key] == names[: row_type.key_fields]
    assert not any(column.nullable for column in table.columns)


def test_there_is_a_table_for_every_row_class() -> None:
    assert len(MIRRORS) == len(ROW_TYPES) == 12


def test_migrations_make_exactly_the_declared_tables(store_url: str) -> None:
    database = Database.open(store_url, "hk-1")
    with database.reader() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    database.close()


def test_every_revision_is_known_and_packaged() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(bridge.store.__file__).parent / "migrations"))
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(revisions)) == REVISIONS


def test_a_database_opens_again_and_keeps_its_ledger(store_url: str) -> None:
    Database.open(store_url, "hk-1").close()
    database = Database.open(store_url, "hk-1")
    with database.session() as session:
        assert session.exec(select(Meta.value).where(Meta.key == "ledger_id")).one() == "hk-1"
    database.close()


def test_a_newer_schema_is_refused_and_untouched(store_url: str) -> None:
    database = Database.open(store_url, "hk-1")
    with database.writer().begin():
        database.writer().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for _ in range(2):
        with pytest.raises(PreconditionError) as refused:
            Database.open(store_url, "hk-1")
        assert refused.value.reason is Reason.SCHEMA_NEWER
        assert refused.value.facts["got"] == "9999"


def test_another_ledgers_database_is_refused(store_url: str) -> None:
    Database.open(store_url, "hk-1").close()
    with pytest.raises(PreconditionError) as refused:
        Database.open(store_url, "sh-1")
    assert refused.value.reason is Reason.LEDGER_ID_MISMATCH


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "nonsense://", "a://b://c"])
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(PreconditionError) as refused:
        Database.open(url, "hk-1")
    assert refused.value.reason is Reason.CONFIGURATION_INVALID


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError) as refused:
        Database.open(str(tmp_path / "none" / "ledger.db"), "hk-1")
    assert refused.value.reason is Reason.CONFIGURATION_INVALID


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(BridgeError) as refused:
        Database.open(str(path), "hk-1")
    assert refused.value.reason is Reason.STORAGE_CORRUPT


def test_sqlite_is_opened_durable_and_private(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    database = Database.open(str(path), "hk-1")
    found = {
        name: database.writer().exec_driver_sql(f"PRAGMA {name}").scalar()
        for name in ("journal_mode", "synchronous", "foreign_keys", "page_size", "busy_timeout", "wal_autocheckpoint")
    }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "page_size": 8192,
        "busy_timeout": 5000,
        "wal_autocheckpoint": 8000,
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    database.close()


def test_a_reader_cannot_write(store_url: str) -> None:
    database = Database.open(store_url, "hk-1")
    with pytest.raises(BridgeError), database.reader() as connection:
        connection.exec_driver_sql("DELETE FROM meta")
    with database.session() as session:
        assert session.exec(select(Meta.key)).all() == ["ledger_id"]
    database.close()


def test_postgres_writes_are_serializable(postgres_cluster: object) -> None:
    database = Database.open(postgres_cluster.new_database(), "hk-1")  # type: ignore[attr-defined]
    assert database.writer().exec_driver_sql("SHOW transaction_isolation").scalar() == "serializable"
    database.close()
