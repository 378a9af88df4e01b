"""Keep which documents were erased, when and by whom."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXT: Any = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_INTEGER: Any = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table of erasures."""
    op.create_table(
        "erasures",
        sa.Column("origin", _TEXT, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("record_key", sa.LargeBinary(), primary_key=True, nullable=False, autoincrement=False),
        sa.Column("version", _INTEGER, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("time", _INTEGER, nullable=False),
        sa.Column("caller", _TEXT, nullable=False),
        sa.Column("row_digest", sa.LargeBinary(), nullable=False),
    )
