"""Real programs, real TLS, real databases: what every end-to-end test starts from."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.cargo.detect import LoadedDocument, load_file
from bridge.cli.callers import CallerFile
from bridge.cli.deployment import Deployment, deployed
from bridge.cli.issuing import Corridor
from bridge.clock import SystemClock
from bridge.errors import LedgerUnavailableError
from bridge.rpc.clients import CargoRecordsClient, LedgerClient
from bridge.v1 import ledger_service_pb2 as ledger_api
from bridge.v1.cargo_pb2 import LEGAL_BASIS_KIND_CONTRACT, LegalBasis
from bridge.v1.cargo_service_pb2 import IssueItem

BASIS = LegalBasis(kind=LEGAL_BASIS_KIND_CONTRACT, citation="Test rules, section 1")
OTHER = {"hk": "sh", "sh": "hk"}
SAMPLES = Path(__file__).parents[2] / "bridge" / "cli" / "samples"


def transport_events(count: int, prefix: str) -> Iterator[bytes]:
    """Small real documents: DCSA transport events, each with its own event id."""
    for number in range(count):
        yield json.dumps(
            {
                "metadata": {
                    "eventID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{prefix}-{number}")),
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
                    "equipmentReference": "OOLU7123447",
                    "ISOEquipmentCode": "22G1",
                    "emptyIndicatorCode": "LADEN",
                    "isTransshipmentMove": False,
                    "transportCall": {
                        "transportCallReference": f"TC-{number:06d}",
                        "modeOfTransport": "VESSEL",
                        "location": {"locationType": "UNLO", "UNLocationCode": "HKHKG"},
                        "carrierExportVoyageNumber": "047N",
                        "vessel": {"vesselIMONumber": "9811000", "name": "VICTORIA PEAK"},
                    },
                    "relatedDocumentReferences": [{"type": "BKG", "value": "VHLB611001"}],
                },
            }
        ).encode()


def loaded(data: bytes) -> LoadedDocument:
    found = load_file(data)
    assert len(found) == 1
    assert isinstance(found[0], LoadedDocument), found[0]
    return found[0]


async def corridor_of(caller: CallerFile) -> Corridor:
    """What a caller prepares and signs records with."""
    async with CargoRecordsClient(caller.channel()) as records:
        return await Corridor.fetch(caller, records)


def signed(corridor: Corridor, documents: Iterable[bytes]) -> list[IssueItem]:
    """Documents as signed items, ready to hand in any number of times."""
    clock, made = SystemClock(), []
    for data in documents:
        prepared = corridor.prepare(loaded(data), seed=secrets.token_bytes(32), clock=clock, legal_basis=BASIS)
        made.append(corridor.item(prepared, clock))
    return made


async def items(deployment: Deployment, side: str, documents: Iterable[bytes]) -> list[IssueItem]:
    """Documents as the platform of a side signs them."""
    return signed(await corridor_of(deployment.caller(side, "platform")), documents)


async def issue_until_taken(deployment: Deployment, side: str, batch: Sequence[IssueItem]) -> list[str]:
    """Local ids of a batch; an unknown outcome is asked for by handing the same in again, as a platform would."""
    deadline = time.monotonic() + 60
    while True:
        try:
            async with CargoRecordsClient(deployment.caller(side, "platform").channel(), seconds=10) as records:
                answer = await records.issue(batch)
            refused = [result for result in answer.results if result.reason]
            assert not refused, refused[:3]
            return [result.local_record_id for result in answer.results]
        except LedgerUnavailableError:
            assert time.monotonic() < deadline, "the adapter did not come back"
            await asyncio.sleep(0.1)


async def eventually(holds: Callable[[], Awaitable[bool]], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(LedgerUnavailableError):
            if await holds():
                return
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.1)


async def pending(deployment: Deployment, side: str) -> int:
    """Packets of a side that wait for their acknowledgement."""
    async with LedgerClient(deployment.caller(side, "authority").channel(), seconds=5) as ledger:
        clients = (await ledger.clients(ledger_api.ListClientsRequest(page_size=500))).clients
    return sum(client.pending_count for client in clients)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    """Four programs, linked, shared by the tests of a module."""
    async with deployed(tmp_path_factory.mktemp("deployment")) as deployment:
        yield deployment
