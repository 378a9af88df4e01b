"""Bringing the schema up to date at start-up, and refusing a database that a newer program wrote."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from bridge.errors import PreconditionError, Reason
from bridge.store.migrations import REVISIONS

_HEAD = REVISIONS[-1]


def upgrade_schema(engine: Engine, ledger_id: str) -> None:
    """[STO-7] Upgrade to this program's schema in one transaction and bind the database to `ledger_id`.

    Raises PreconditionError SCHEMA_NEWER when the database is at a revision this program does not know, and
    LEDGER_ID_MISMATCH when it belongs to another ledger.
    """
    with engine.begin() as connection:
        current = _revision(connection)
        if current is not None and current not in REVISIONS:
            raise PreconditionError(
                Reason.SCHEMA_NEWER, "a newer program wrote this database; upgrade this one", got=current, known=_HEAD
            )
        if current != _HEAD:
            _run_alembic(connection)
        _bind(connection, ledger_id)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_alembic(connection: Connection) -> None:
    # Imported here: an up-to-date database, which is every start but the first, does not pay for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _bind(connection: Connection, ledger_id: str) -> None:
    bound = connection.execute(text("SELECT value FROM meta WHERE key = 'ledger_id'")).scalar()
    if bound is None:
        connection.execute(text("INSERT INTO meta (key, value) VALUES ('ledger_id', :value)"), {"value": ledger_id})
    elif bound != ledger_id:
        raise PreconditionError(
            Reason.LEDGER_ID_MISMATCH, "the database belongs to another ledger", got=bound, expected=ledger_id
        )
