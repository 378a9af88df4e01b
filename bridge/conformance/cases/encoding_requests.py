"""Canonical bytes of requests: what a caller sends has one reading, before anything of it is looked at.

Every case sends the right bytes as well, so that a target which refuses everything does not pass.
"""

from __future__ import annotations

import grpc
from google.protobuf.message import Message

from bridge.conformance.case import case
from bridge.conformance.checks import (
    expect,
    refusal_of,
    refused,
    unmoved,
)
from bridge.conformance.forms import other_forms
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.v1 import admin_service_pb2 as admin
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import identifier_service_pb2 as identifiers
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import RECORD_TYPE_BILL_OF_LADING, RecordKey
from bridge.v1.identifier_pb2 import Identifier
from bridge.wire import encode

_LEDGER = ("relayer", "relayer_key", "authority", "authority_key")


def _samples(kit: Kit) -> list[tuple[str, str, Message]]:
    """Reads that any ledger answers in one way or another: role, method, request with more than one field."""
    client_id = kit.shared().client_id
    key = RecordKey(issuer_scheme="scac", issuer="MAEU", type=RECORD_TYPE_BILL_OF_LADING, reference="KIT-0")
    container = Identifier(scheme="iso6346", value="OOLU7123447")
    service, desk = "bridge.v1.LedgerService", "bridge.v1.CargoService"
    packets = api.ListPacketsRequest(client_id=client_id, kind=api.PACKET_KIND_SENT, page_size=5)
    records = cargo.ListRecordsRequest(type=RECORD_TYPE_BILL_OF_LADING, identifier=container, page_size=5)
    return [
        ("relayer", f"{service}/GetHeaders", api.GetHeadersRequest(trusted_height=1, heights=[2, 3])),
        ("relayer", f"{service}/ListPackets", packets),
        ("relayer", f"{service}/ProveEntries", api.ProveEntriesRequest(first_position=1, count=1)),
        ("relayer", f"{service}/ListClients", api.ListClientsRequest(client_id=client_id, page_size=5, floor_height=1)),
        ("platform", f"{desk}/ListRecords", records),
        ("platform", f"{desk}/GetRecord", cargo.GetRecordRequest(key=key, version=1)),
        ("platform", f"{desk}/ListExports", cargo.ListExportsRequest(page_size=5)),
        (
            "platform",
            "bridge.v1.IdentifierService/ResolveIdentifier",
            identifiers.ResolveIdentifierRequest(identifier=container),
        ),
        ("platform", "bridge.v1.AdminService/ListMembers", admin.ListMembersRequest(page_size=5)),
    ]


def _refuse_requests(kit: Kit, *names: str) -> None:
    """Every sample is understood as it is, and MALFORMED_MESSAGE in these forms (by how their names begin)."""
    tried = 0
    for role, method, request in _samples(kit):
        _require_understood(kit, role, method, encode(request))
        with unmoved(kit):
            for form in other_forms(request):
                if not form.name.startswith(names):
                    continue
                tried += 1
                refused(
                    lambda data=form.data, name=method, who=role: kit.call_bytes(name, data, who),  # type: ignore[misc]
                    Reason.MALFORMED_MESSAGE,
                    code=grpc.StatusCode.INVALID_ARGUMENT,
                    message=f"{method} with {form.name}",
                )
    expect(tried > 0, "the case tries something", got=tried, expected="a form or more")


def _require_understood(kit: Kit, role: str, method: str, data: bytes) -> None:
    """The control: canonical bytes are answered, or refused for what they mean."""
    try:
        kit.call_bytes(method, data, role)
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        expect(
            refusal.reason is not Reason.MALFORMED_MESSAGE,
            f"{method} understands canonical bytes",
            got=refusal,
            expected="another answer than MALFORMED_MESSAGE",
        )


@case(
    "ENC-001",
    "MUST refuse a request with a field that its message does not have",
    clauses=("GAT-3", "WIRE-1"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def enc_001(kit: Kit) -> None:
    _refuse_requests(kit, "an unknown field", "unknown bytes", "an empty group")


@case(
    "ENC-002",
    "MUST refuse a request whose fields are out of order",
    clauses=("GAT-3", "WIRE-1"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def enc_002(kit: Kit) -> None:
    _refuse_requests(kit, "two fields in the wrong order")


@case(
    "ENC-003",
    "MUST refuse a request with a field twice, or a message or list in pieces",
    clauses=("GAT-3", "WIRE-1"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def enc_003(kit: Kit) -> None:
    _refuse_requests(kit, "a field twice", "a message in two pieces", "a list number by number")


@case(
    "ENC-004",
    "MUST refuse a request with a tag, length or number in more bytes than it needs",
    clauses=("GAT-3", "WIRE-1"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def enc_004(kit: Kit) -> None:
    _refuse_requests(kit, "a tag in two bytes", "a length in one byte more", "a number in one byte more")


@case(
    "ENC-005",
    "MUST refuse a request with a default written out",
    clauses=("GAT-3", "WIRE-1"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def enc_005(kit: Kit) -> None:
    _refuse_requests(kit, "a default written out")


@case(
    "ENC-006",
    "MUST refuse a request with bytes after its end or missing before it",
    clauses=("GAT-3", "WIRE-1"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def enc_006(kit: Kit) -> None:
    _refuse_requests(kit, "a zero after", "a tag without", "more bytes announced", "the last byte missing")


@case(
    "ENC-007",
    "MUST refuse a request with a number too wide for its type or in another wire type",
    clauses=("GAT-3", "WIRE-1"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def enc_007(kit: Kit) -> None:
    _refuse_requests(kit, "a number with bits above", "a number in another wire type")


@case(
    "ENC-008",
    "MUST refuse a request with other bytes in a message inside it",
    clauses=("GAT-3", "WIRE-1"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def enc_008(kit: Kit) -> None:
    _refuse_requests(kit, "an unknown field inside", "a tag in two bytes inside")


@case(
    "ENC-009",
    "MUST refuse a request whose text is not UTF-8",
    clauses=("GAT-3", "WIRE-3"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def enc_009(kit: Kit) -> None:
    """Bare continuation, overlong slash, half a surrogate pair, beyond U+10FFFF."""
    method = "bridge.v1.LedgerService/ListClients"
    with unmoved(kit):
        for text in (b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"kit\xff"):
            data = b"\x0a" + bytes([len(text)]) + text
            refused(
                lambda request=data: kit.call_bytes(method, request),  # type: ignore[misc]
                Reason.MALFORMED_MESSAGE,
                code=grpc.StatusCode.INVALID_ARGUMENT,
                message=f"{text.hex()} is not UTF-8",
            )
