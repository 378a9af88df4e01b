"""How a record looks: as plain values for machines, and in a few tables for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bridge.cargo.policy import record_type_name
from bridge.cli.output import print_line, print_table
from bridge.cli.record_desk import api_state
from bridge.clock import NANOS_PER_SECOND
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import LeafType, LegalBasisKind, RecordAct, Statement
from bridge.v1.identifier_pb2 import Identifier
from bridge.wire import nanos_from

_WORDS: dict[int, str] = {
    LeafType.LEAF_TYPE_TRUE: "true",
    LeafType.LEAF_TYPE_FALSE: "false",
    LeafType.LEAF_TYPE_NULL: "null",
    LeafType.LEAF_TYPE_EMPTY_OBJECT: "{}",
    LeafType.LEAF_TYPE_EMPTY_ARRAY: "[]",
}
"""Leaves whose type says it all."""


def statement_of(record: api.Record) -> Statement:
    """The record's statement, to be read and never written again."""
    return Statement.FromString(record.statement)


def summary(record: api.Record) -> dict[str, Any]:
    """What a list shows of a record."""
    statement = statement_of(record)
    key = statement.key
    return {
        "local_record_id": record.local_record_id,
        "counterparty_record_id": record.counterparty_record_id,
        "type": record_type_name(key.type),
        "reference": "/".join(part for part in (key.reference, key.sub_reference) if part),
        "issuer": f"{key.issuer_scheme}:{key.issuer}",
        "version": record.version,
        "latest_version": record.latest_version,
        "act": _word(RecordAct.Name(statement.act), "RECORD_ACT_"),
        "home_ledger_id": record.home_ledger_id,
        "packet_state": api_state(record.packet_state),
        "rejection_code": record.rejection_code,
        "block_time": time_text(nanos_from(record.block_time, "block_time")),
        "document_erased": time_text(nanos_from(record.erase_time, "erase_time"))
        if record.HasField("erase_time")
        else "",
    }


def details(record: api.Record) -> dict[str, Any]:
    """Everything the ledger tells about one version."""
    statement = statement_of(record)
    basis = statement.legal_basis
    return summary(record) | {
        "height": record.height,
        "client_id": record.client_id,
        "sequence": record.sequence,
        "issuer_member_id": statement.issuer_member_id,
        "issuer_key_id": statement.issuer_key_id,
        "issue_time": time_text(nanos_from(statement.issue_time, "issue_time")),
        "legal_basis": f"{_word(LegalBasisKind.Name(basis.kind), 'LEGAL_BASIS_KIND_')}:{basis.citation}",
        "document_root": statement.document_root.hex(),
        "document_leaf_count": statement.document_leaf_count,
        "previous_digest": statement.previous_digest.hex(),
        "identifiers": [resolved(each) for each in record.identifiers],
        "disclosed": {leaf.pointer: leaf_text(leaf.type, leaf.value) for leaf in record.disclosure.leaves},
    }


def resolved(identifier: api.ResolvedIdentifier) -> dict[str, str]:
    """An identifier as stated, its local form, and how it was found."""
    return {
        "stated": text_of(identifier.stated),
        "local": text_of(identifier.local),
        "resolution": _word(api.Resolution.Name(identifier.resolution), "RESOLUTION_"),
    }


def leaf_text(leaf_type: int, value: str) -> str:
    """A leaf's value for people; the type's own word where there is no text."""
    return _WORDS.get(leaf_type, value)


def text_of(identifier: Identifier) -> str:
    """SCHEME:VALUE."""
    return f"{identifier.scheme}:{identifier.value}"


def time_text(nanos: int) -> str:
    """RFC 3339 in UTC to the millisecond."""
    moment = datetime.fromtimestamp(nanos // NANOS_PER_SECOND, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanos % NANOS_PER_SECOND // 1_000_000:03d}Z"


def print_record(shown: dict[str, Any], versions: list[dict[str, Any]]) -> None:
    """One record in full: facts, versions, identifiers, disclosed fields."""
    left_out = ("identifiers", "disclosed")
    facts = [(name.replace("_", " "), str(value)) for name, value in shown.items() if name not in left_out and value]
    title = f"{shown['type']} {shown['reference']}, version {shown['version']} of {shown['latest_version']}"
    print_table(("fact", "value"), facts, title)
    if len(versions) > 1:
        columns = ("version", "act", "block_time", "packet_state", "document_erased")
        rows = [[str(each[column]) for column in columns] for each in versions]
        print_table(("version", "act", "written", "packet", "document erased"), rows, "versions")
    if shown["identifiers"]:
        found = [(each["stated"], each["local"], each["resolution"]) for each in shown["identifiers"]]
        print_table(("identifier as stated", "on this side", "how"), found, "identifiers")
    if shown["disclosed"]:
        print_table(("field", "value"), list(shown["disclosed"].items()), "disclosed fields")
    hidden = shown["document_leaf_count"] - len(shown["disclosed"])
    kept = "erased here with the document" if shown["document_erased"] else "kept by the issuer"
    print_line(f"{len(shown['disclosed'])} fields shown, {hidden} {kept}")


def print_records(records: list[dict[str, Any]]) -> None:
    """A table of records."""
    columns = ("local_record_id", "counterparty_record_id", "type", "reference", "version", "act", "packet_state")
    rows = [[str(each[column]) for column in columns] for each in records]
    print_table(("record", "on the other side", "type", "reference", "version", "act", "packet"), rows)


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", "-")
