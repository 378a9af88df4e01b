"""Record versions of a counterparty: a small document, its root and disclosure, and a statement signed by an issuer.

Every field of the statement may be overridden; the signature is then made over what it became.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.cargo.disclosure import disclose
from bridge.cargo.document import load_document
from bridge.cargo.leaves import DocumentTree, document_root
from bridge.cargo.statement import statement_digest, statement_sign_bytes
from bridge.conformance.counterparty.members import Issuer
from bridge.crypto.suites import suite
from bridge.v1.cargo_pb2 import (
    LEGAL_BASIS_KIND_STATUTE,
    RECORD_ACT_AMENDED,
    RECORD_ACT_ISSUED,
    RECORD_TYPE_BILL_OF_LADING,
    FactDate,
    Facts,
    LegalBasis,
    Party,
    Place,
    RecordKey,
    RecordPayload,
    Statement,
)
from bridge.v1.identifier_pb2 import Identifier, Name
from bridge.wire import encode, timestamp_of

DISCLOSED = ("/transportDocumentReference", "/vesselName", "/carrierCode")
"""Fields of a document that are shown unless a case asks for others."""

HOME_RECORD_ID = "KITCB-2026-000000001"
"""Home record id that a counterparty gives its records; the target only keeps it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One version as signed: the packet value, its message, the statement and its digest, and the document's tree."""

    value: bytes
    payload: RecordPayload
    statement: Statement
    digest: bytes
    tree: DocumentTree


def sample_facts() -> Facts:
    """Facts of a small bill of lading, with a name in each script."""
    latin, hant, hans = "Harbour Trading Limited", "海港貿易有限公司", "上海进出口有限公司"
    return Facts(
        parties=[
            Party(role="shipper", names=[Name(script="Latn", text=latin), Name(script="Hant", text=hant)]),
            Party(role="consignee", names=[Name(script="Hans", text=hans)]),
        ],
        places=[
            Place(role="port-of-loading", identifier=Identifier(scheme="un-locode", value="HKHKG"), name="Hong Kong"),
            Place(role="port-of-discharge", identifier=Identifier(scheme="un-locode", value="CNSHA"), name="Shanghai"),
        ],
        vessel_name="MV PEARL",
        voyage="026E",
        dates=[FactDate(meaning="planned-departure", text="2026-11-20")],
    )


def sample_document(reference: str, version: int) -> dict[str, object]:
    """A small document."""
    return {
        "transportDocumentReference": reference,
        "carrierCode": "MAEU",
        "vesselName": "MV PEARL",
        "declaredValue": 1250 + version,
        "contact": {"name": "A. Person", "phone": "none"},
    }


def make_record(
    issuer: Issuer,
    reference: str,
    issue_time: int,
    *,
    version: int = 1,
    previous: bytes = b"",
    document: Mapping[str, object] | None = None,
    disclosed: tuple[str, ...] = DISCLOSED,
    home_record_id: str = HOME_RECORD_ID,
    **over: Any,
) -> Record:
    """A signed version of the record `reference`; `over` replaces fields of the statement before it is signed."""
    home = suite(issuer.signer.suite_id)
    text = json.dumps(document or sample_document(reference, version)).encode()
    tree = document_root(home, home.hash(f"{reference}/{version}".encode()), load_document(text).leaves)
    fields: dict[str, Any] = {
        "ledger_id": issuer.ledger_id,
        "key": RecordKey(issuer_scheme="scac", issuer="MAEU", type=RECORD_TYPE_BILL_OF_LADING, reference=reference),
        "version": version,
        "previous_digest": previous,
        "act": RECORD_ACT_ISSUED if version == 1 else RECORD_ACT_AMENDED,
        "document_root": tree.root,
        "document_leaf_count": len(tree.leaves),
        "facts": sample_facts(),
        "issuer_member_id": issuer.member_id,
        "issuer_key_id": issuer.key_id,
        "issue_time": timestamp_of(issue_time),
        "legal_basis": LegalBasis(kind=LEGAL_BASIS_KIND_STATUTE, citation="Cap. 593"),
    }
    statement = Statement(**(fields | over))
    body = encode(statement)
    payload = RecordPayload(
        statement=body,
        signature=issuer.signer.sign(statement_sign_bytes(statement.ledger_id, body)),
        disclosure=disclose(home, tree, lambda pointer: pointer in disclosed),
        home_record_id=home_record_id,
    )
    return Record(encode(payload), payload, statement, statement_digest(home, body), tree)
