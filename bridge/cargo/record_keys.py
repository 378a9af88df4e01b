"""Takes a record's key from its document: who issued it, and under which reference.

A number alone is no key: carriers give the same ones. Where the document names a carrier in a list of carriers, the
carrier is the issuer; everything else is numbered by the member that issues it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.cargo.identifiers import check_identifier, normalise
from bridge.cargo.parties import carrier_of
from bridge.cargo.pointers import find, first_text
from bridge.cargo.problems import Severity
from bridge.cargo.schemes import ISSUER_SCHEMES
from bridge.errors import DecodeError, Reason
from bridge.v1.cargo_pb2 import RecordKey, RecordType

REFERENCE_SCHEME = "reference:other"
"""Scheme whose form every reference of a key has."""


@dataclass(frozen=True, slots=True)
class KeyFields:
    """Where a type keeps its reference: patterns in order of preference, and the object that may name a carrier.

    With `needs_carrier` the carrier is part of the number's meaning, so that a document without one has no key.
    `drafts` are pairs of reference and sub-reference for documents that were not given a number of their own yet.
    """

    references: tuple[str, ...]
    subs: tuple[str, ...] = ()
    carrier: tuple[str, ...] = ()
    needs_carrier: bool = False
    drafts: tuple[tuple[str, str], ...] = ()


_TRANSPORT_DOCUMENT = KeyFields(
    references=("/transportDocumentReference",),
    subs=("/transportDocumentSubReference",),
    carrier=("",),
    needs_carrier=True,
)

KEY_FIELDS: Mapping[int, KeyFields] = {
    RecordType.RECORD_TYPE_BILL_OF_LADING: _TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_SEA_WAYBILL: _TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_ARRIVAL_NOTICE: _TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING: KeyFields(("/houseBillOfLadingReference",)),
    RecordType.RECORD_TYPE_BOOKING: KeyFields(
        ("/carrierBookingReference", "/carrierBookingRequestReference"),
        drafts=(("/references/*/value", ""),),
    ),
    RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION: KeyFields(
        ("/shippingInstructionsReference",),
        drafts=(
            ("/consignmentItems/*/carrierBookingReference", "/consignmentItems/*/commoditySubReference"),
            ("/carrierBookingReference", ""),
        ),
    ),
    RecordType.RECORD_TYPE_TRANSPORT_EVENT: KeyFields(
        ("/metadata/eventID", "/eventID"),
        carrier=("/metadata/publisher", "/eventRouting/originatingParty"),
    ),
    RecordType.RECORD_TYPE_COMMERCIAL_INVOICE: KeyFields(("/invoiceNumber",)),
    RecordType.RECORD_TYPE_PACKING_LIST: KeyFields(("/packingListNumber",)),
    RecordType.RECORD_TYPE_CUSTOMS_DECLARATION: KeyFields(("/declarationNumber",)),
    RecordType.RECORD_TYPE_CERTIFICATE_OF_ORIGIN: KeyFields(("/certificateNumber",)),
    RecordType.RECORD_TYPE_WAREHOUSE_RECEIPT: KeyFields(("/warehouseReceiptNumber",)),
}
"""Where each type keeps its key."""


def record_key(document: dict[str, Any], record_type: int, issuer_member_id: str) -> RecordKey:
    """[RKY-2] Key of the record that a document speaks about.

    `issuer_member_id` issues where the document names no carrier. An instruction or booking request without a
    number of its own goes by the booking or the customer's reference ([RKY-3]); numbered, it is another record.
    Raises DecodeError FIELD_REQUIRED or INVALID_IDENTIFIER, with the JSON pointer in `facts["pointer"]`.
    """
    fields = KEY_FIELDS[record_type]
    issuer_scheme, issuer = _issuer(document, fields, issuer_member_id)
    reference, sub_reference = _reference(document, fields)
    return RecordKey(
        issuer_scheme=issuer_scheme,
        issuer=issuer,
        type=RecordType.ValueType(record_type),
        reference=reference,
        sub_reference=sub_reference,
    )


def _issuer(document: dict[str, Any], fields: KeyFields, issuer_member_id: str) -> tuple[str, str]:
    """Carrier in its list, when the document names one in form; the member otherwise."""
    for pattern in fields.carrier:
        for pointer, value in find(document, pattern):
            carrier = carrier_of(_as_carrier(value)) if type(value) is dict else None
            if carrier is None:
                continue
            found = check_identifier(*carrier)
            if carrier[0] in ISSUER_SCHEMES and (found is None or found.severity is Severity.WARNING):
                return carrier
            if fields.needs_carrier:
                raise DecodeError(
                    Reason.INVALID_IDENTIFIER, "not a carrier's code in its list", pointer=f"{pointer}/carrierCode"
                )
    if fields.needs_carrier:
        raise DecodeError(Reason.FIELD_REQUIRED, "names no carrier in a list of carriers", pointer="/carrierCode")
    return "member", issuer_member_id


def _as_carrier(value: dict[str, Any]) -> dict[str, Any]:
    """A party whose code is from SMDG's list of carriers (LCL), as the fields of a carrier."""
    if value.get("codeListProvider") == "SMDG" and value.get("codeListName") == "LCL":
        return {"carrierCode": value.get("partyCode"), "carrierCodeListProvider": "SMDG"}
    return value


def _reference(document: dict[str, Any], fields: KeyFields) -> tuple[str, str]:
    found = first_text(document, fields.references)
    if found is not None:
        sub = first_text(document, fields.subs)
        return _compact(*found), _compact(*sub) if sub is not None else ""
    for reference_pattern, sub_pattern in fields.drafts:
        found = first_text(document, (reference_pattern,))
        if found is not None:
            sub = first_text(document, (sub_pattern,)) if sub_pattern else None
            return _compact(*found), _compact(*sub) if sub is not None else ""
    raise DecodeError(
        Reason.FIELD_REQUIRED, "the document has no reference a record could go by", pointer=fields.references[0]
    )


def _compact(pointer: str, text: str) -> str:
    """A reference in compact form; DecodeError when it cannot be one."""
    value = normalise(REFERENCE_SCHEME, text)
    found = check_identifier(REFERENCE_SCHEME, value)
    if found is not None and found.severity is Severity.ERROR:
        raise DecodeError(found.reason, found.detail, pointer=pointer)
    return value
