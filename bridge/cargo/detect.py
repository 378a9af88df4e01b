"""Tells what record a document is by its structure, and takes documents out of the files they are published in.

Files hold one document, a list of them, or a document wrapped in a message: a notification, an amendment, an issuance
request, a transfer envelope. Only the document is read; a wrapper's own signatures speak about that platform's acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from bridge.cargo.document import Document, encode_document, load_document, parse_json
from bridge.cargo.findings import Finding, error, refusals, warning
from bridge.cargo.record_keys import record_key
from bridge.cargo.schemas.transport_event import is_event
from bridge.cargo.schemas.validate import validate_document
from bridge.errors import DecodeError, Reason
from bridge.v1.cargo_pb2 import RecordType
from bridge.wire import encode

MAX_FILE_BYTES = 8 * 1024 * 1024
"""Largest file of documents, in bytes: a list of some thousand events; longer series come as JSON lines."""

_ISSUER_OF_FILE = "file"
"""Stands for the issuing member while the keys inside one file are compared."""

_LISTS = ("events", "arrivalNotices")

_WRAPPERS = (
    ("amendedTransportDocument", ("amendedTransportDocument",)),
    ("transportDocument", ("transportDocument",)),
    ("document", ("document",)),
    ("data", ("data", "transportDocument")),
    ("data", ("data", "shippingInstructions")),
    ("data", ("data", "booking")),
)
"""Field that marks a wrapper, and the names that lead to the document inside."""

_SIGNED_PARTS = ("envelopeManifestSignedContent", "issuanceManifestSignedContent")
"""Names of a wrapper's signed parts."""

_NOT_RECORDS = (
    (("errors", "statusCode"), "an error reply"),
    (("issuanceResponseCode",), "an issuance reply"),
    (("surrenderRequestCode",), "a surrender request"),
    (("endorsementChain",), "an endorsement chain"),
    (("envelopeTransferChain",), "a transfer chain without its document"),
    (("transferBlock",), "a transfer block"),
    (("payload", "signatures"), "a signed block"),
    (("specversion", "data"), "a notification without its document"),
    (("@context",), "a linked-data document"),
    (("$template",), "an OpenAttestation document"),
    (("data", "signature"), "a wrapped OpenAttestation document"),
)
"""Names that tell a published file that is no record, and what it is: the refusal says so."""

_MARKS: tuple[tuple[tuple[str, ...], int | None], ...] = (
    (("houseBillOfLadingReference",), RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING),
    (("transportDocumentTypeCode",), None),
    (("requestedEquipments",), RecordType.RECORD_TYPE_BOOKING),
    (("transport", "transportDocumentReference"), RecordType.RECORD_TYPE_ARRIVAL_NOTICE),
    (("packingListNumber",), RecordType.RECORD_TYPE_PACKING_LIST),
    (("declarationNumber",), RecordType.RECORD_TYPE_CUSTOMS_DECLARATION),
    (("certificateNumber",), RecordType.RECORD_TYPE_CERTIFICATE_OF_ORIGIN),
    (("warehouseReceiptNumber",), RecordType.RECORD_TYPE_WAREHOUSE_RECEIPT),
    (("invoiceNumber",), RecordType.RECORD_TYPE_COMMERCIAL_INVOICE),
)
"""Names that mark a type, in the order they are asked for; None where a field of the document tells which of three."""

_ISSUED_BY_CARRIER = ("transportDocumentStatus", "termsAndConditions", "transports", "carrierCode")


@dataclass(frozen=True, slots=True)
class LoadedDocument:
    """A document that may be issued: where in the file it was, its record type, and its warnings by file pointer."""

    pointer: str
    document: Document
    record_type: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in a file that is no document to issue: where it was, and why; the first finding refuses."""

    pointer: str
    record_type: int
    findings: tuple[Finding, ...]


def detect(value: dict[str, Any]) -> int | None:
    """[DET-1] Record type of a document by the fields that only that type has; None when it is of no known type."""
    if is_event(value):
        return RecordType.RECORD_TYPE_TRANSPORT_EVENT
    for names, record_type in _MARKS:
        if all(name in value for name in names):
            if record_type is not None:
                return record_type
            return _transport_document_type(value)
    return None


def _transport_document_type(value: dict[str, Any]) -> int:
    """Bill, waybill or the instruction to issue one: a carrier's fields make the difference."""
    if not any(name in value for name in _ISSUED_BY_CARRIER):
        return RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION
    if value["transportDocumentTypeCode"] == "SWB":
        return RecordType.RECORD_TYPE_SEA_WAYBILL
    return RecordType.RECORD_TYPE_BILL_OF_LADING


def load_file(data: bytes) -> list[LoadedDocument | Refusal]:
    """[DET-2] Every document of a file, each loaded or refused by itself, in file order. Never raises.

    Findings name JSON pointers of the file. Two different entries of one file that claim one key refuse each other
    ([DET-3]): which of them is the record, nobody could tell.
    """
    try:
        value = parse_json(data, MAX_FILE_BYTES)
    except DecodeError as refused:
        return [Refusal(str(refused.facts.get("pointer", "")), 0, (_finding(refused, ""),))]
    entries = list(_entries(value, ""))
    if not entries:
        return [Refusal("", 0, (error("", Reason.DOCUMENT_INVALID, "an empty list"),))]
    results: list[LoadedDocument | Refusal] = []
    owners: dict[bytes, list[int]] = {}
    signed = _signed_wrapper(value)
    for pointer, entry in entries:
        result, key = _load_entry(pointer, entry, data if pointer == "" else None)
        if signed is not None:
            result = replace(result, findings=(*result.findings, signed))
        if key is not None:
            owners.setdefault(key, []).append(len(results))
        results.append(result)
    for places in owners.values():
        if len(places) > 1:
            for place in places:
                results[place] = _ambiguous(results[place])
    return results


def _entries(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """Pointer and value of each document in a file; a value that wraps nothing is its own document."""
    if type(value) is list:
        for index, child in enumerate(value):
            yield from _entries(child, f"{pointer}/{index}") if type(child) is dict else [(f"{pointer}/{index}", child)]
        return
    if type(value) is dict and detect(value) is None:
        for name in _LISTS:
            if type(value.get(name)) is list:
                yield from _entries(value[name], f"{pointer}/{name}")
                return
        for mark, names in _WRAPPERS:
            inner: Any = value if mark in value else None
            for name in names:
                inner = inner.get(name) if type(inner) is dict else None
            if type(inner) is dict:
                yield "/".join((pointer, *names)), inner
                return
    yield pointer, value


def _load_entry(pointer: str, value: Any, data: bytes | None) -> tuple[LoadedDocument | Refusal, bytes | None]:
    """One entry, and its key when it has one; the file's own bytes where the file is the document."""
    if type(value) is not dict:
        return _refused(pointer, 0, error(pointer, Reason.DOCUMENT_INVALID, "a document is a JSON object")), None
    record_type = detect(value)
    if record_type is None:
        return _refused(pointer, 0, error(pointer, Reason.DOCUMENT_INVALID, _what_it_is(value))), None
    try:
        document = load_document(data if data is not None else encode_document(value))
    except DecodeError as refused:
        return _refused(pointer, record_type, _finding(refused, pointer)), None
    findings = [replace(found, pointer=pointer + found.pointer) for found in validate_document(value, record_type)]
    key = None
    try:
        key = encode(record_key(value, record_type, _ISSUER_OF_FILE))
    except DecodeError as refused:
        if not refusals(findings):  # a field without a key was refused as a field already
            findings.append(_finding(refused, pointer))
    if refusals(findings):
        findings.sort(key=lambda found: not found.refuses)
        return Refusal(pointer, record_type, tuple(findings)), key
    return LoadedDocument(pointer, document, record_type, tuple(findings)), key


def _signed_wrapper(value: Any) -> Finding | None:
    """[DET-4] A remark that a wrapper's own signatures and checksums were not looked at, where it has any."""
    if type(value) is dict and detect(value) is None:
        for name in _SIGNED_PARTS:
            if name in value:
                return warning(f"/{name}", Reason.DOCUMENT_INVALID, "is not checked: only the document is read")
    return None


def _ambiguous(result: LoadedDocument | Refusal) -> Refusal:
    """The result, refused because another entry of the file has its key."""
    found = error(result.pointer, Reason.RECORD_AMBIGUOUS, "another entry of the file has the same key")
    return Refusal(result.pointer, result.record_type, (found, *result.findings))


def _what_it_is(value: dict[str, Any]) -> str:
    for names, what in _NOT_RECORDS:
        if all(name in value for name in names):
            return f"is {what}, not a record"
    return "has the structure of no record type"


def _refused(pointer: str, record_type: int, finding: Finding) -> Refusal:
    return Refusal(pointer, record_type, (finding,))


def _finding(refused: DecodeError, prefix: str) -> Finding:
    """The finding of a refusal that knows its pointer."""
    return error(prefix + str(refused.facts.get("pointer", "")), refused.reason, refused.detail)
