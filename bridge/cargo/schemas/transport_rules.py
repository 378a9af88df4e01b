"""Rules between the fields of transport documents, as DCSA's conformance suite states them (EblChecks).

One of them is a warning here: the published negotiable examples name no notify party, and a bill is a bill without one.
A rule looks only at fields of the shape its table wants; another shape was reported by the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from bridge.cargo.findings import Finding, error, warning
from bridge.errors import Reason

Rows = Iterator[tuple[int, dict[str, Any]]]


def rows(document: dict[str, Any], name: str) -> Rows:
    """Objects of an array field with their indices; nothing when the field is of another shape."""
    value = document.get(name)
    for index, row in enumerate(value if type(value) is list else ()):
        if type(row) is dict:
            yield index, row


def part(document: dict[str, Any], name: str) -> dict[str, Any]:
    """An object field, or an empty object when it is absent or of another shape."""
    value = document.get(name)
    return value if type(value) is dict else {}


def check_rules(document: dict[str, Any]) -> list[Finding]:
    """[TD-1] Findings of the rules between fields, for transport documents, house bills and instructions alike."""
    findings: list[Finding] = []
    for rule in (_title, _copies, _dates, _equipment, _reefers, _packages, _pairs, _customs):
        findings.extend(rule(document))
    return findings


def _title(document: dict[str, Any]) -> Iterator[Finding]:
    """[TD-2] To order: a bill, endorsed, not consigned. [TD-3] Straight: consigned, not endorsed."""
    named = part(document, "documentParties")
    if document.get("isToOrder") is True:
        if document.get("transportDocumentTypeCode") == "SWB":
            yield error("/isToOrder", Reason.INVALID_FIELD, "a sea waybill cannot be to order")
        if "consignee" in named:
            yield error("/documentParties/consignee", Reason.INVALID_FIELD, "a bill to order has no consignee")
        if not named.get("notifyParties"):
            yield warning(
                "/documentParties/notifyParties", Reason.FIELD_REQUIRED, "a bill to order needs a notify party"
            )
    elif document.get("isToOrder") is False:
        if "consignee" not in named:
            yield error("/documentParties/consignee", Reason.FIELD_REQUIRED, "is required unless the bill is to order")
        if "endorsee" in named:
            yield error("/documentParties/endorsee", Reason.INVALID_FIELD, "only a bill to order has an endorsee")


def _copies(document: dict[str, Any]) -> Iterator[Finding]:
    """[TD-4] An electronic document has at most one original and no copies."""
    if document.get("isElectronic") is not True:
        return
    names = ("numberOfOriginalsWithCharges", "numberOfOriginalsWithoutCharges")
    originals = [count for name in names if (count := _count(document, name))]
    if sum(originals) > 1:
        yield error(f"/{names[0]}", Reason.INVALID_FIELD, "an electronic document has at most one original")
    for name in ("numberOfCopiesWithCharges", "numberOfCopiesWithoutCharges"):
        if _count(document, name):
            yield error(f"/{name}", Reason.INVALID_FIELD, "an electronic document has no copies")


def _count(document: dict[str, Any], name: str) -> int:
    value = document.get(name)
    # A count too large for the table was reported there; here it only has to be counted as too many.
    return min(int(value), 1_000) if isinstance(value, Decimal) else 0


def _dates(document: dict[str, Any]) -> Iterator[Finding]:
    """[TD-5] Goods are shipped on board or received for shipment, not both."""
    if "shippedOnBoardDate" in document and "receivedForShipmentDate" in document:
        yield error("/receivedForShipmentDate", Reason.INVALID_FIELD, "stands beside shippedOnBoardDate")


def _equipment(document: dict[str, Any]) -> Iterator[Finding]:
    """[TD-6] Every cargo item is in equipment that is listed, and equipment is listed once."""
    listed: set[str] = set()
    for index, row in rows(document, "utilizedTransportEquipments"):
        nested = part(row, "equipment").get("equipmentReference")
        name = "equipment/equipmentReference" if nested is not None else "equipmentReference"
        reference = nested if nested is not None else row.get("equipmentReference")
        if type(reference) is not str:
            continue
        if reference in listed:
            pointer = f"/utilizedTransportEquipments/{index}/{name}"
            yield error(pointer, Reason.INVALID_FIELD, "is listed twice")
        listed.add(reference)
    if "utilizedTransportEquipments" not in document:
        return
    for index, item in rows(document, "consignmentItems"):
        for number, cargo in rows(item, "cargoItems"):
            reference = cargo.get("equipmentReference")
            if type(reference) is str and reference not in listed:
                pointer = f"/consignmentItems/{index}/cargoItems/{number}/equipmentReference"
                yield error(pointer, Reason.INVALID_FIELD, "is not in utilizedTransportEquipments")


def _reefers(document: dict[str, Any]) -> Iterator[Finding]:
    """[TD-7] Settings belong to operating reefers, and operating reefers have settings."""
    for index, row in rows(document, "utilizedTransportEquipments"):
        code = part(row, "equipment").get("ISOEquipmentCode")
        pointer = f"/utilizedTransportEquipments/{index}/activeReeferSettings"
        has_settings = "activeReeferSettings" in row
        if row.get("isNonOperatingReefer") is True:
            if has_settings:
                yield error(pointer, Reason.INVALID_FIELD, "a reefer that does not operate has no settings")
        elif type(code) is str and len(code) == 4:
            is_reefer = code[2] in "RH"
            if has_settings and not is_reefer:
                yield error(pointer, Reason.INVALID_FIELD, "the equipment type is no reefer")
            if is_reefer and not has_settings and "transportDocumentStatus" in document:
                yield error(pointer, Reason.FIELD_REQUIRED, "an operating reefer has settings")


def _packages(document: dict[str, Any]) -> Iterator[Finding]:
    """[TD-8] Dangerous goods are in packages of a coded kind."""
    for index, item in rows(document, "consignmentItems"):
        for number, cargo in rows(item, "cargoItems"):
            packaging = part(cargo, "outerPackaging")
            if packaging.get("dangerousGoods") and not ("packageCode" in packaging or "imoPackagingCode" in packaging):
                pointer = f"/consignmentItems/{index}/cargoItems/{number}/outerPackaging/packageCode"
                yield error(pointer, Reason.FIELD_REQUIRED, "dangerous goods need packageCode or imoPackagingCode")


def _pairs(document: dict[str, Any]) -> Iterator[Finding]:
    """[TD-9] Fields that mean nothing without each other come together."""
    transports = part(document, "transports")
    if "preCarriageBy" in transports and "placeOfReceipt" not in transports:
        yield error("/transports/placeOfReceipt", Reason.FIELD_REQUIRED, "is required with preCarriageBy")
    yield from _together(document, "", "declaredValue", "declaredValueCurrency")
    for index, row in rows(document, "utilizedTransportEquipments"):
        settings = part(row, "activeReeferSettings")
        pointer = f"/utilizedTransportEquipments/{index}/activeReeferSettings"
        yield from _together(settings, pointer, "temperatureSetpoint", "temperatureUnit")
        yield from _together(settings, pointer, "airExchangeSetpoint", "airExchangeUnit")


def _together(value: dict[str, Any], pointer: str, first: str, second: str) -> Iterator[Finding]:
    if (first in value) != (second in value):
        missing, present = (second, first) if first in value else (first, second)
        yield error(f"{pointer}/{missing}", Reason.FIELD_REQUIRED, f"is required with {present}")


def _customs(document: dict[str, Any]) -> Iterator[Finding]:
    """[TD-10] One customs reference a country and type."""
    seen: set[tuple[object, object]] = set()
    for index, row in rows(document, "customsReferences"):
        key = (str(row.get("countryCode")), str(row.get("type")))
        if key in seen:
            yield error(f"/customsReferences/{index}/type", Reason.INVALID_FIELD, "stands twice for one country")
        seen.add(key)
