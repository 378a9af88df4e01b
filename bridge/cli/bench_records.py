"""Records for the benchmark: documents of two sizes, prepared and signed by a pool of processes before any clock runs.

They wait on disk as ready requests, so that the process that measures stays small and does no issuer's work.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from bridge.cargo.detect import LoadedDocument, Refusal, load_file
from bridge.cargo.policy import CorridorPolicy
from bridge.cargo.prepare import Issuer
from bridge.cli.callers import load_caller
from bridge.cli.issuing import Corridor
from bridge.clock import SystemClock
from bridge.crypto.suites import suite
from bridge.errors import DecodeError, Reason
from bridge.rpc.limits import MAX_RECORDS_PER_CALL
from bridge.v1.cargo_pb2 import LEGAL_BASIS_KIND_CONTRACT, LegalBasis
from bridge.v1.cargo_service_pb2 import IssueItem, IssueRecordsRequest

EVENTS = "events"
BILLS = "bills"

BILLS_PER_CALL = 64
"""Bills of lading in a request: 13 kB each, so a request stays below 1 MiB."""

LEGAL_BASIS = LegalBasis(kind=LEGAL_BASIS_KIND_CONTRACT, citation="Rules of the benchmark, section 1")

_EVENT: dict[str, Any] = {
    "metadata": {
        "eventID": "",
        "eventCreatedDateTime": "2026-11-20T08:12:56Z",
        "eventType": "TRANSPORT",
        "publisher": {
            "partyName": "Victoria Harbour Lines Limited",
            "carrierCode": "VHLK",
            "carrierCodeListProvider": "NMFTA",
        },
        "publisherRole": "CA",
    },
    "payload": {
        "eventClassifierCode": "ACT",
        "eventDateTime": "2026-11-20T16:02:00+08:00",
        "transportEventTypeCode": "DEPA",
        "delayReasonCode": "WEA",
        "changeRemark": "Berthed four hours late; pilot boarding was suspended in strong wind",
        "equipmentReference": "CSQU3054383",
        "emptyIndicatorCode": "LADEN",
        "isTransshipmentMove": False,
        "transportCall": {
            "transportCallReference": "SR11111X",
            "carrierServiceCode": "FE1",
            "modeOfTransport": "VESSEL",
            "UNLocationCode": "HKHKG",
            "facilityCode": "CT9N",
            "facilityCodeListProvider": "SMDG",
            "exportVoyageNumber": "047N",
            "importVoyageNumber": "046S",
            "vessel": {"vesselIMONumber": "9321483", "vesselName": "VICTORIA PEAK 太平山", "vesselFlag": "HK"},
        },
        "documentReferences": [
            {"documentReferenceType": "TRD", "documentReferenceValue": "VHL26110002"},
            {"documentReferenceType": "BKG", "documentReferenceValue": "VHLB611002"},
        ],
        "references": [{"referenceType": "FF", "referenceValue": "FF-2026-0417"}],
    },
}
"""A DCSA transport event as carriers publish them: 31 leaves, 1.1 kB, of which 28 may cross."""

_BILL_SAMPLE = "hk-bl-reefer.json"
"""A full bill of lading: 88 leaves, 3 kB."""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """Requests on disk: one file a request of at most a full batch, and how many records there are."""

    folder: Path
    count: int

    def requests(self) -> Iterator[bytes]:
        """IssueRecordsRequest bytes, batch by batch."""
        for path in sorted(self.folder.iterdir()):
            yield path.read_bytes()

    def batches(self, size: int) -> Iterator[bytes]:
        """IssueRecordsRequest bytes of exactly `size` records each, but for the last."""
        waiting: list[IssueItem] = []
        for data in self.requests():
            waiting.extend(IssueRecordsRequest.FromString(data).records)
            while len(waiting) >= size:
                yield IssueRecordsRequest(records=waiting[:size]).SerializeToString()
                del waiting[:size]
        if waiting:
            yield IssueRecordsRequest(records=waiting).SerializeToString()


@dataclass(frozen=True, slots=True)
class _Job:
    """One file of records to make."""

    kind: str
    first: int
    count: int
    path: Path


def event_document(serial: int) -> bytes:
    """The transport event with that serial in its identity."""
    document = json.loads(json.dumps(_EVENT))
    document["metadata"]["eventID"] = f"3cecb101-7a1a-43a4-9d62-{serial:012x}"
    return _compact(document)


def bill_document(serial: int) -> bytes:
    """The bill of lading with that serial in its reference."""
    document = json.loads(resources.files("bridge.cli.samples").joinpath(_BILL_SAMPLE).read_bytes())
    document["transportDocumentReference"] = f"VHL9{serial:09d}"
    return _compact(document)


_DOCUMENTS: dict[str, Callable[[int], bytes]] = {EVENTS: event_document, BILLS: bill_document}


class Preparer:
    """Processes that prepare and sign records of one caller; `close` ends them."""

    def __init__(self, caller: Path, corridor: Corridor) -> None:
        rules = {kind: tuple(patterns) for kind, patterns in corridor.policy.rules.items()}
        self._pool = ProcessPoolExecutor(
            max_workers=os.cpu_count(),
            mp_context=multiprocessing.get_context("spawn"),  # gRPC is running here and does not survive a fork
            initializer=_begin,
            initargs=(caller, corridor.client_id, corridor.issuer.suite.suite_id, rules),
        )
        self._next = 0

    def prepare(self, kind: str, count: int, folder: Path, told: Callable[[int], None]) -> RecordSet:
        """Make `count` records of a kind in a folder of their own; `told` hears how many each step made."""
        folder.mkdir(parents=True)
        size = MAX_RECORDS_PER_CALL if kind == EVENTS else BILLS_PER_CALL
        jobs = [
            _Job(kind, self._next + start, min(size, count - start), folder / f"{start:09d}.request")
            for start in range(0, count, size)
        ]
        self._next += count
        for made in self._pool.map(_make, jobs):
            told(made)
        return RecordSet(folder, count)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


_CORRIDORS: list[Corridor] = []
"""The corridor a worker process prepares for; one, put there when the process begins."""


def _begin(caller: Path, client_id: str, suite_id: str, rules: dict[int, tuple[str, ...]]) -> None:
    file = load_caller(caller)
    section = file.require_issuer()
    issuer = Issuer(file.ledger_id, suite(suite_id), section.member_id, section.key_id, section.signer())
    _CORRIDORS.append(Corridor(client_id, CorridorPolicy(rules), issuer))


def _make(job: _Job) -> int:
    (corridor,) = _CORRIDORS
    clock = SystemClock()
    items = []
    for serial in range(job.first, job.first + job.count):
        prepared = corridor.prepare(
            _load(job.kind, serial), seed=secrets.token_bytes(32), clock=clock, legal_basis=LEGAL_BASIS
        )
        items.append(corridor.item(prepared, clock))
    job.path.write_bytes(IssueRecordsRequest(records=items).SerializeToString())
    return job.count


def _load(kind: str, serial: int) -> LoadedDocument:
    """A document as the loader of files gives it; DecodeError DOCUMENT_INVALID when our own is refused."""
    (loaded,) = load_file(_DOCUMENTS[kind](serial))
    if isinstance(loaded, Refusal):
        raise DecodeError(Reason.DOCUMENT_INVALID, f"a document of the benchmark is refused: {loaded.findings[0]}")
    return loaded


def _compact(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
