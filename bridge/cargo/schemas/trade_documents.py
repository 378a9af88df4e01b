"""Types of our own: invoice, packing list, customs declaration, certificate of origin, warehouse receipt.

No published JSON schema is used by both sides for these, so the tables are small and reuse DCSA's names and shapes.
An amount is a JSON number with the currency named once a document, never a formatted string.
"""

from __future__ import annotations

from bridge.cargo.schemas.common import (
    AMOUNT,
    COMMODITY_CODE,
    COUNT,
    COUNTRY,
    CURRENCY,
    CUSTOMS_REFERENCES,
    DATE,
    DOCUMENT_NUMBER,
    EQUIPMENT_REFERENCE,
    LOCATION,
    REFERENCE,
    REFERENCES,
    WEIGHT,
    identified,
    parties,
)
from bridge.cargo.schemas.fields import Flag, Items, Kind, Text, fields, one_of

_GOODS: dict[str, Kind] = {
    "description!": Text(550),
    "HSCodes": Items(COMMODITY_CODE, most=20),
    "originCountryCode": COUNTRY,
    "numberOfPackages": COUNT,
    "packageDescription": Text(100),
    "shippingMarks": Items(Text(100), most=100),
    "quantity": AMOUNT,
    "quantityUnit": Text(10),
    "netWeight": WEIGHT,
    "grossWeight": WEIGHT,
    "unitPrice": AMOUNT,
    "amount": AMOUNT,
    "equipmentReference": EQUIPMENT_REFERENCE,
}


def _goods(required: str) -> Items:
    """Lines of goods, of which the named fields must be there besides the description."""
    needed = required.split()
    return Items(fields({name + ("!" if name in needed else ""): kind for name, kind in _GOODS.items()}), least=1)


_SHIPMENT: dict[str, Kind] = {
    "transportDocumentReference": DOCUMENT_NUMBER,
    "carrierBookingReference": REFERENCE,
    "references": REFERENCES,
    "vesselName": Text(50),
    "voyageNumber": Text(50),
    "portOfLoading": LOCATION,
    "portOfDischarge": LOCATION,
    "departureDate": DATE,
}

COMMERCIAL_INVOICE = fields(
    {
        "invoiceNumber!": REFERENCE,
        "issueDate!": DATE,
        "dueDate": DATE,
        "documentParties!": parties("seller buyer consignee payee", required="seller buyer"),
        "currencyCode!": CURRENCY,
        "incoTerms": identified("incoterms-2020", 3),
        "namedPlace": Text(100),
        "goodsItems!": _goods("quantity unitPrice amount"),
        "totalAmount!": AMOUNT,
        "purchaseOrderReference": REFERENCE,
        "letterOfCreditReference": REFERENCE,
        **_SHIPMENT,
    }
)

PACKING_LIST = fields(
    {
        "packingListNumber!": REFERENCE,
        "issueDate!": DATE,
        "invoiceNumber": REFERENCE,
        "documentParties!": parties("shipper consignee seller buyer", required="shipper consignee"),
        "goodsItems!": _goods("numberOfPackages grossWeight"),
        "totalNumberOfPackages!": COUNT,
        "totalGrossWeight!": WEIGHT,
        **_SHIPMENT,
    }
)

CUSTOMS_DECLARATION = fields(
    {
        "declarationNumber!": REFERENCE,
        "declarationType!": one_of("IMPORT", "EXPORT", "TRANSIT"),
        "declarationCountryCode!": COUNTRY,
        "declarationDate!": DATE,
        "customsOffice": Text(100),
        "documentParties!": parties("declarant consignor consignee importer exporter", required="declarant"),
        "currencyCode": CURRENCY,
        "goodsItems!": _goods("HSCodes originCountryCode"),
        "totalAmount": AMOUNT,
        "customsReferences": CUSTOMS_REFERENCES,
        **_SHIPMENT,
    }
)

CERTIFICATE_OF_ORIGIN = fields(
    {
        "certificateNumber!": REFERENCE,
        "issueDate!": DATE,
        "agreement": Text(100),
        "documentParties!": parties(
            "issuingAuthority exporter producer importer consignee", required="issuingAuthority exporter"
        ),
        "originCountryCode!": COUNTRY,
        "destinationCountryCode": COUNTRY,
        "goodsItems!": _goods("HSCodes"),
        "invoiceNumber": REFERENCE,
        **_SHIPMENT,
    }
)

WAREHOUSE_RECEIPT = fields(
    {
        "warehouseReceiptNumber!": REFERENCE,
        "issueDate!": DATE,
        "receiptDate": DATE,
        "isNegotiable!": Flag(),
        "documentParties!": parties(
            "warehouseKeeper depositor holder issuingParty", required="warehouseKeeper depositor"
        ),
        "warehouse!": LOCATION,
        "goodsItems!": _goods("quantity quantityUnit"),
        **_SHIPMENT,
    }
)
