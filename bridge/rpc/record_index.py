"""What records can be found by beside their key and ids: the identifiers of their statement that name one thing."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.cargo.schemes import SCHEMES, Kind
from bridge.crypto.ports import Suite
from bridge.crypto.suites import suite
from bridge.errors import BridgeError, DecodeError, Reason
from bridge.ledger.prepared import PreparedItem, PreparedTransaction
from bridge.ledger.rows import ClientRow
from bridge.ledger.state import State
from bridge.ledger.storage import Attachment
from bridge.v1.cargo_pb2 import Statement

MAX_INDEXED = 24
"""Identifiers of one record that are indexed: a consignment's first containers, vessel, parties and references."""

INDEXED_KINDS = frozenset({Kind.PARTY, Kind.EQUIPMENT, Kind.VESSEL, Kind.DOCUMENT})
"""Kinds of identifiers that name one thing; a place or a commodity is shared by thousands of records."""


def indexed_identifiers(statement: Statement) -> tuple[tuple[str, str], ...]:
    """[IDX-1] The (scheme, value) pairs a record is found by: equipment, vessel, references, parties; each once."""
    facts = statement.facts
    found: dict[tuple[str, str], None] = {}
    for group in (facts.equipment, facts.vessel_identifiers, facts.references):
        for identifier in group:
            found[(identifier.scheme, identifier.value)] = None
    for party in facts.parties:
        for identifier in party.identifiers:
            found[(identifier.scheme, identifier.value)] = None
    return tuple(pair for pair in found if _is_indexed(pair[0]))[:MAX_INDEXED]


def require_indexed(scheme: str) -> str:
    """[IDX-2] A scheme that records can be found by; DecodeError SCHEME_UNKNOWN or INVALID_FIELD otherwise."""
    if scheme not in SCHEMES:
        raise DecodeError(Reason.SCHEME_UNKNOWN, "no such scheme", field="identifier.scheme", got=scheme[:40])
    if not _is_indexed(scheme):
        detail = "records are found by what names one thing, such as a container, not by a place or commodity"
        raise DecodeError(Reason.INVALID_FIELD, detail, field="identifier.scheme", got=scheme)
    return scheme


def _is_indexed(scheme: str) -> bool:
    known = SCHEMES.get(scheme)
    return known is not None and known.kind in INDEXED_KINDS


def arrival_attachments(state: State, transaction: PreparedTransaction) -> Sequence[Attachment]:
    """[IDX-3] Attachments that index the records a delivery brings; decoded already, so this costs a lookup each.

    A record that is refused is dropped with its attachment, since no version is written. Never raises.
    """
    found: list[Attachment] = []
    for operation in transaction.operations:
        if not operation.runs:
            continue
        client = state.get(ClientRow, (operation.client_id,))
        if client is None:
            continue
        home = suite(client.suite)
        for run in operation.runs:
            for item in run.items:
                attachment = _arrival(operation.client_id, item, home)
                if attachment is not None:
                    found.append(attachment)
    return found


def _arrival(client_id: str, item: PreparedItem, home: Suite) -> Attachment | None:
    if item.record is None:
        return None
    try:
        _, statement = item.record.opened()
        key, digest = item.record.digests(home)
    except BridgeError:
        return None  # execution says why, and writes no version
    identifiers = indexed_identifiers(statement)
    if not identifiers:
        return None
    return Attachment(client_id, key, statement.version, digest, identifiers=identifiers)
