"""Judges a document of a known type: its field table, the rules between its fields, and its parties' identifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.cargo.findings import MAX_FINDINGS, Finding, error
from bridge.cargo.parties import check_parties
from bridge.cargo.schemas.fields import Fields, check_fields
from bridge.cargo.schemas.shipment_documents import ARRIVAL_NOTICE, BOOKING
from bridge.cargo.schemas.trade_documents import (
    CERTIFICATE_OF_ORIGIN,
    COMMERCIAL_INVOICE,
    CUSTOMS_DECLARATION,
    PACKING_LIST,
    WAREHOUSE_RECEIPT,
)
from bridge.cargo.schemas.transport_document import HOUSE_BILL, SHIPPING_INSTRUCTION, TRANSPORT_DOCUMENT
from bridge.cargo.schemas.transport_event import event_table
from bridge.cargo.schemas.transport_rules import check_rules
from bridge.errors import DecodeError, Reason
from bridge.v1.cargo_pb2 import RecordType

TABLES: Mapping[int, Fields] = {
    RecordType.RECORD_TYPE_BILL_OF_LADING: TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING: HOUSE_BILL,
    RecordType.RECORD_TYPE_SEA_WAYBILL: TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_BOOKING: BOOKING,
    RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION: SHIPPING_INSTRUCTION,
    RecordType.RECORD_TYPE_ARRIVAL_NOTICE: ARRIVAL_NOTICE,
    RecordType.RECORD_TYPE_COMMERCIAL_INVOICE: COMMERCIAL_INVOICE,
    RecordType.RECORD_TYPE_PACKING_LIST: PACKING_LIST,
    RecordType.RECORD_TYPE_CUSTOMS_DECLARATION: CUSTOMS_DECLARATION,
    RecordType.RECORD_TYPE_CERTIFICATE_OF_ORIGIN: CERTIFICATE_OF_ORIGIN,
    RecordType.RECORD_TYPE_WAREHOUSE_RECEIPT: WAREHOUSE_RECEIPT,
}
"""Field table by record type; a transport event has one by its form."""

RULES: Mapping[int, Callable[[dict[str, Any]], list[Finding]]] = {
    RecordType.RECORD_TYPE_BILL_OF_LADING: check_rules,
    RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING: check_rules,
    RecordType.RECORD_TYPE_SEA_WAYBILL: check_rules,
    RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION: check_rules,
}
"""Rules between fields by record type."""


TITLES: Mapping[int, str] = {
    RecordType.RECORD_TYPE_BILL_OF_LADING: "BOL",
    RecordType.RECORD_TYPE_SEA_WAYBILL: "SWB",
}
"""Type code that the document itself must give."""


def validate_document(document: dict[str, Any], record_type: int) -> list[Finding]:
    """[SCH-3] Findings on a document of this type, at most MAX_FINDINGS, those of fields before those of rules.

    Raises DecodeError INVALID_FIELD for a record type that does not exist; nothing else, whatever the document holds.
    """
    if record_type == RecordType.RECORD_TYPE_TRANSPORT_EVENT:
        table = event_table(document)
    elif record_type in TABLES:
        table = TABLES[record_type]
    else:
        raise DecodeError(Reason.INVALID_FIELD, "record type has no known value", field="type", got=record_type)
    findings = check_fields(document, table)
    code = TITLES.get(record_type)
    if code is not None and document.get("transportDocumentTypeCode") != code:
        findings.append(error("/transportDocumentTypeCode", Reason.INVALID_FIELD, f"must be {code} for this type"))
    rules = RULES.get(record_type)
    if rules is not None:
        findings += rules(document)
    findings += check_parties(document)
    if len(findings) > MAX_FINDINGS:
        # What refuses is kept: a hundred warnings must not hide one error.
        findings.sort(key=lambda finding: not finding.refuses)
    return findings[:MAX_FINDINGS]
