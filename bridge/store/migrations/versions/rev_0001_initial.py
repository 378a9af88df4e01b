"""Create every table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TYPES: dict[str, Any] = {
    "text": sa.String().with_variant(sa.String(collation="C"), "postgresql"),
    "int": sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
    "bool": sa.Boolean(),
    "blob": sa.LargeBinary(),
}

_TABLES = {
    "blocks": (
        "height:int* time:int header:blob header_hash:blob validators_hash:blob root:blob "
        "next_validators_hash:blob extra:blob rotation:blob transaction_count:int entry_count:int "
        "provable_count:int row_digest:blob"
    ),
    "clients": (
        "client_id:text* tracked_ledger_id:text profile:text suite:text frozen:bool latest_height:int "
        "trusting_period:int clock_drift:int trust_numerator:int trust_denominator:int counterparty_client_id:text "
        "next_sequence:int authority_suite:text authority_public_key:blob evidence:blob pending_count:int "
        "trusted_from:int row_digest:blob"
    ),
    "consensus_states": (
        "client_id:text* height:int* time:int header_hash:blob root:blob next_validators_hash:blob update:blob "
        "row_digest:blob"
    ),
    "counters": "name:text* value:int row_digest:blob",
    "documents": "origin:text* record_key:blob* version:int* document:blob seed:blob row_digest:blob",
    "entries": (
        "position:int* height:int transaction_index:int event_index:int kind:int client_id:text sequence:int "
        "port:text path:blob value:blob body:blob leaf:blob row_digest:blob"
    ),
    "exports": (
        "client_id:text* sequence:int* record_key:blob version:int type:int pointers:text legal_basis:blob "
        "height:int time:int row_digest:blob"
    ),
    "mappings": (
        "side:text* scheme:text* value:text* other_scheme:text other_value:text revision:int state:int origin:text "
        "mapping:blob signature:blob row_digest:blob"
    ),
    "member_keys": "origin:text* member_id:text* key_id:text* suite:text public_key:blob revoked:bool row_digest:blob",
    "members": (
        "origin:text* member_id:text* revision:int state:int registration:blob signature:blob packet_sequence:int "
        "row_digest:blob"
    ),
    "meta": "key:text* value:text",
    "packets": (
        "client_id:text* sequence:int* commitment:blob port:text state:int acknowledgement:blob record_key:blob "
        "record_version:int row_digest:blob"
    ),
    "pauses": "client_id:text* port:text* paused:bool act_time:int row_digest:blob",
    "receipts": "client_id:text* sequence:int* outcome:int acknowledgement:blob row_digest:blob",
    "record_identifiers": "scheme:text* value:text* local_id:text*",
    "record_versions": (
        "origin:text* record_key:blob* version:int* digest:blob previous_digest:blob payload:blob client_id:text "
        "sequence:int height:int time:int row_digest:blob"
    ),
    "records": (
        "origin:text* record_key:blob* type:int reference:text local_id:text counterparty_id:text "
        "latest_version:int status:int client_id:text row_digest:blob"
    ),
    "seals": "height:int* commit:blob row_digest:blob",
    "transactions": (
        "height:int* transaction_index:int* submitted:blob form:blob code:int reason:text detail:text data:blob "
        "submitter_suite:text submitter_key:blob row_digest:blob"
    ),
    "validator_set_blobs": "hash:blob* validators:blob row_digest:blob",
    "validator_sets": "set_number:int* validators:blob height:int row_digest:blob",
}
"""Columns as `name:type`, a star behind those of the primary key."""

_WITHOUT_ROWID = ("packets", "receipts", "record_identifiers")

_INDEXES = (
    ("entries_by_client", "entries", ("client_id", "kind", "sequence"), ""),
    ("exports_height", "exports", ("height",), ""),
    ("packets_pending", "packets", ("client_id", "sequence"), "state = 1"),
    ("record_versions_height", "record_versions", ("height",), ""),
    ("records_counterparty_id", "records", ("counterparty_id",), "counterparty_id <> ''"),
    ("records_local_id", "records", ("local_id",), ""),
    ("records_reference", "records", ("reference",), ""),
)
"""Name, table, columns and condition."""


def upgrade() -> None:
    """Create every table and index."""
    for table, columns in _TABLES.items():
        options: dict[str, Any] = {"sqlite_with_rowid": False} if table in _WITHOUT_ROWID else {}
        op.create_table(table, *(_column(*column.split(":")) for column in columns.split()), **options)
    for name, table, names, condition in _INDEXES:
        where: dict[str, Any] = (
            {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)} if condition else {}
        )
        op.create_index(name, table, list(names), **where)


def _column(name: str, kind: str) -> sa.Column[Any]:
    key = kind.endswith("*")
    return sa.Column(name, _TYPES[kind.rstrip("*")], primary_key=key, nullable=False, autoincrement=False)
