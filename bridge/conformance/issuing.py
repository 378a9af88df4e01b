"""Records of the target's own seed issuer: a small document, prepared as any platform would, issued over the wire."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bridge.cargo.detect import LoadedDocument, load_file
from bridge.cargo.policy import CorridorPolicy
from bridge.cargo.prepare import Issuer, PreparedRecord, prepare_record
from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.checks import NotRun, issue_taken
from bridge.crypto.suites import suite
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import LEGAL_BASIS_KIND_CONTRACT, LegalBasis

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit

TIMEOUT_SECONDS = 3_600
"""How long a record of the kit may take to cross, in seconds."""

LEGAL_BASIS = LegalBasis(kind=LEGAL_BASIS_KIND_CONTRACT, citation="Rules of the conformance kit, 1")
"""On what ground the kit's records leave; no person is named in them."""

SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Issued:
    """A record the target took."""

    prepared: PreparedRecord
    item: api.IssueItem
    result: api.IssueResult
    height: int

    @property
    def record_id(self) -> str:
        """Its local id on the target."""
        return self.result.local_record_id

    @property
    def sequence(self) -> int:
        """Sequence of the packet that carries it."""
        return self.result.sequence


def transport_event(reference: str, *, container: str = "OOLU7123447", booking: str = "VHLB611001") -> bytes:
    """A small real document, a DCSA transport event; its id is derived from `reference`."""
    return json.dumps(
        {
            "metadata": {
                "eventID": str(uuid.uuid5(uuid.NAMESPACE_OID, reference)),
                "eventCreatedDateTime": "2026-11-22T09:00:00Z",
                "eventType": "EQUIPMENT",
                "publisher": {"partyName": "Victoria Harbour Lines Limited", "carrierCode": "VHLK"},
                "publisherRole": "CA",
            },
            "payload": {
                "eventType": "EQUIPMENT",
                "eventClassifierCode": "ACT",
                "eventDateTime": "2026-11-22T08:12:00+08:00",
                "equipmentEventTypeCode": "LOAD",
                "equipmentReference": container,
                "ISOEquipmentCode": "22G1",
                "emptyIndicatorCode": "LADEN",
                "isTransshipmentMove": False,
                "transportCall": {
                    "transportCallReference": reference,
                    "modeOfTransport": "VESSEL",
                    "location": {"locationType": "UNLO", "UNLocationCode": "HKHKG"},
                    "carrierExportVoyageNumber": "047N",
                    "vessel": {"vesselIMONumber": "9811000", "name": "VICTORIA PEAK"},
                },
                "relatedDocumentReferences": [{"type": "BKG", "value": booking}],
            },
        }
    ).encode()


@lru_cache(maxsize=8)
def _policy(rules: tuple[tuple[int, tuple[str, ...]], ...]) -> CorridorPolicy:
    """A corridor's rules, read once: they are the same in every case, and reading them costs more than a record."""
    return CorridorPolicy(dict(rules))


def prepare(kit: Kit, document: bytes | None, other: Counterparty, **terms: Any) -> PreparedRecord:
    """A version signed by the seed issuer; `terms` are those of `prepare_record`. NotRun where nothing may cross."""
    corridor = kit.cargo().GetCorridor(api.GetCorridorRequest(client_id=other.client_id))
    section = kit.member("seed")
    policy = _policy(tuple((rule.type, tuple(rule.pointer_patterns)) for rule in corridor.rules))
    loaded = load_file(document or transport_event(kit.session.fresh_name("call")))[0]
    if not isinstance(loaded, LoadedDocument) or not policy.carries(loaded.record_type):
        raise NotRun("the target's corridor lets no record of this type cross")
    issuer = Issuer(corridor.ledger_id, suite(corridor.suite), section.member_id, section.key_id, kit.signer("seed"))
    usual: dict[str, Any] = {
        "issuer": issuer,
        "seed": kit.random.randbytes(SEED_BYTES),
        "allowed": policy.allowing(loaded.record_type),
        "issue_time": kit.clock.now(),
        "legal_basis": LEGAL_BASIS,
    }
    return prepare_record(loaded.document.data, loaded.record_type, **(usual | terms))


def item_of(
    kit: Kit, prepared: PreparedRecord, other: Counterparty, timeout_seconds: int = TIMEOUT_SECONDS
) -> api.IssueItem:
    """What an adapter is sent; the timeout is counted from now."""
    return api.IssueItem(
        client_id=other.client_id,
        timeout_seconds=kit.clock.now() // NANOS_PER_SECOND + timeout_seconds,
        payload=prepared.payload,
        document=prepared.document,
        seed=prepared.seed,
    )


def issue(
    kit: Kit, document: bytes | None, other: Counterparty, *, timeout_seconds: int = TIMEOUT_SECONDS, **terms: Any
) -> Issued:
    """Prepare and issue one version; Failed when it is refused."""
    prepared = prepare(kit, document, other, **terms)
    item = item_of(kit, prepared, other, timeout_seconds)
    answer = kit.cargo().IssueRecords(api.IssueRecordsRequest(records=[item]))
    issue_taken(answer.results[0])
    return Issued(prepared, item, answer.results[0], answer.height)
