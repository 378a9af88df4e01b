"""Decides what to do with each document, asking the ledger first, and sends what is to be issued in batches.

Asking first makes the command safe to repeat: a document that stands on the ledger, under the newest or an earlier
version, is reported and never issued again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
    wait_random_exponential,
)

from bridge.cargo.detect import LoadedDocument, Refusal
from bridge.cargo.findings import Finding
from bridge.cargo.leaves import document_root
from bridge.cargo.record_keys import record_key
from bridge.cargo.statement import record_key_digest, statement_digest
from bridge.cli.issuing import Corridor
from bridge.cli.record_files import Entry
from bridge.cli.seeds import SeedSource
from bridge.clock import Clock
from bridge.errors import (
    AlreadyExistsError,
    BridgeError,
    LedgerUnavailableError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import (
    RECORD_ACT_AMENDED,
    RECORD_ACT_ISSUED,
    RECORD_ACT_VOIDED,
    LegalBasis,
    RecordAct,
    RecordKey,
    Statement,
)
from bridge.v1.ledger_service_pb2 import PacketState

MAX_BATCH_RECORDS = 64
"""Records of one call: enough to fill a block, few enough that progress is seen."""

MAX_BATCH_BYTES = 2 * 1024 * 1024
"""Bytes of one call's payloads and documents: half of the largest message."""

MAX_EARLIER_VERSIONS = 64
"""Earlier versions that are compared with a document: more amendments than a document sees in its life."""

ISSUE_ATTEMPTS = 5
"""Times a batch is sent when no answer came; the same bytes again are answered with the first result."""

CONFIRMATION_SECONDS = 10
"""How long a batch waits for the other ledger to confirm the issuer: a new registration crosses in a second or two."""

CONFIRMATION_PAUSE_SECONDS = 0.5
"""Pause between attempts meanwhile."""

_DONE = {RECORD_ACT_ISSUED: "issued", RECORD_ACT_AMENDED: "amended", RECORD_ACT_VOIDED: "voided"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the caller asks for every document alike."""

    timeout_seconds: int
    """Seconds ahead of now."""
    legal_basis: LegalBasis
    amend: bool = False
    void: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one document. `code` is issued, amended, voided, standing or refused."""

    source: str
    record: str
    """Type and reference, for people."""
    code: str
    version: int = 0
    key: RecordKey | None = None
    local_record_id: str = ""
    counterparty_record_id: str = ""
    packet_state: str = ""
    reason: str = ""
    pointer: str = ""
    detail: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def refused(self) -> bool:
        """True when the document did not become, and is not, a version of its record."""
        return self.code == "refused"


@dataclass(slots=True)
class _Draft:
    """A signed version on its way into a batch, and its outcome when it is taken."""

    outcome: Outcome
    item: api.IssueItem

    @property
    def size(self) -> int:
        return len(self.item.payload) + len(self.item.document)


class Desk:
    """One issuer at one adapter."""

    def __init__(
        self,
        client: CargoRecordsClient,
        corridor: Corridor,
        seeds: SeedSource,
        terms: Terms,
        clock: Clock,
    ) -> None:
        self._client = client
        self._corridor = corridor
        self._issuer = corridor.issuer
        self._seeds = seeds
        self._terms = terms
        self._clock = clock

    async def submit(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Outcomes of documents that are sent together, in order.

        Documents of one record go in separate rounds: each must see what the one before it did. Raises
        LedgerUnavailableError when the ledger does not answer.
        """
        outcomes: dict[int, Outcome] = {}
        waiting = list(enumerate(entries))
        while waiting:
            keys: set[bytes] = set()
            now: list[tuple[int, Entry]] = []
            later: list[tuple[int, Entry]] = []
            for place, entry in waiting:
                key = _key_of(entry, self._issuer.member_id)
                (later if key in keys else now).append((place, entry))
                keys |= {key} - {b""}
            decided = await asyncio.gather(*(self._decide(entry) for _, entry in now))
            drafts = [(place, draft) for (place, _), draft in zip(now, decided, strict=True)]
            outcomes |= {place: draft for place, draft in drafts if isinstance(draft, Outcome)}
            await self._send([(place, draft) for place, draft in drafts if isinstance(draft, _Draft)], outcomes)
            waiting = later
        return [outcomes[place] for place in range(len(entries))]

    async def _decide(self, entry: Entry) -> Outcome | _Draft:
        base = Outcome(entry.source, f"{entry.type_name} {entry.reference(self._issuer.member_id)}".strip(), "refused")
        if isinstance(entry.result, Refusal):
            first = entry.result.findings[0]
            return replace(
                base,
                reason=str(first.reason),
                pointer=first.pointer,
                detail=first.detail,
                findings=entry.result.findings[1:],
            )
        base = replace(base, findings=entry.result.findings)
        try:
            return await self._decide_document(base, entry.result)
        except LedgerUnavailableError:
            raise
        except BridgeError as error:
            pointer = str(error.facts.get("pointer", ""))
            return replace(base, reason=str(error.reason), pointer=pointer, detail=_sentence(error))

    async def _decide_document(self, base: Outcome, loaded: LoadedDocument) -> Outcome | _Draft:
        self._corridor.policy.require_type(loaded.record_type)
        key = record_key(loaded.document.value, loaded.record_type, self._issuer.member_id)
        base = replace(base, key=key)
        newest = await self._get(key)
        if newest is None:
            if self._terms.void:
                raise NotFoundError(Reason.RECORD_NOT_FOUND, "there is no such record to void")
            return self._draft(base, loaded, key, 1, b"", RECORD_ACT_ISSUED)
        if newest.home_ledger_id != self._issuer.ledger_id:
            raise PreconditionError(
                Reason.RECORD_NOT_HOME, "the record is at home on the other ledger", home=newest.home_ledger_id
            )
        statement = Statement.FromString(newest.statement)
        if statement.act == RECORD_ACT_VOIDED:
            if self._terms.void:
                return _standing(base, newest, "is void already")
            raise PreconditionError(Reason.RECORD_VOIDED, f"version {newest.version} voided the record")
        act = RECORD_ACT_VOIDED if self._terms.void else RECORD_ACT_AMENDED
        if act == RECORD_ACT_AMENDED:
            if self._is_of(loaded, key, newest):
                return _standing(base, newest, "")
            if (found := await self._earlier(loaded, key, newest.version)) is not None:
                return _standing(base, found, f"version {newest.version} has taken its place")
            if not self._terms.amend:
                detail = f"differs from version {newest.version}; --amend issues it as the next version"
                raise AlreadyExistsError(Reason.VERSION_CONFLICT, detail)
        previous = statement_digest(self._issuer.suite, newest.statement)
        return self._draft(base, loaded, key, newest.version + 1, previous, act)

    async def _get(self, key: RecordKey, version: int = 0) -> api.Record | None:
        try:
            return await self._client.get(api.GetRecordRequest(key=key, version=version))
        except NotFoundError:
            return None

    async def _earlier(self, loaded: LoadedDocument, key: RecordKey, newest: int) -> api.Record | None:
        """The earlier version that this document was issued as, if it was."""
        for version in range(newest - 1, max(0, newest - 1 - MAX_EARLIER_VERSIONS), -1):
            record = await self._get(key, version)
            if record is not None and self._is_of(loaded, key, record):
                return record
        return None

    def _is_of(self, loaded: LoadedDocument, key: RecordKey, record: api.Record) -> bool:
        """Whether a version was made of this document: the same leaves under our seed have the same root."""
        statement = Statement.FromString(record.statement)
        if statement.document_leaf_count != len(loaded.document.leaves):
            return False
        seed = self._seed(key, record.version, loaded)
        return document_root(self._issuer.suite, seed, loaded.document.leaves).root == statement.document_root

    def _seed(self, key: RecordKey, version: int, loaded: LoadedDocument) -> bytes:
        return self._seeds.seed(record_key_digest(self._issuer.suite, key), version, loaded.document.data)

    def _draft(
        self,
        base: Outcome,
        loaded: LoadedDocument,
        key: RecordKey,
        version: int,
        previous: bytes,
        act: RecordAct.ValueType,
    ) -> _Draft:
        prepared = self._corridor.prepare(
            loaded,
            seed=self._seed(key, version, loaded),
            clock=self._clock,
            legal_basis=self._terms.legal_basis,
            version=version,
            previous_digest=previous,
            act=act,
        )
        item = self._corridor.item(prepared, self._clock, self._terms.timeout_seconds)
        return _Draft(replace(base, code=_DONE[act], version=version), item)

    async def _send(self, drafts: Sequence[tuple[int, _Draft]], outcomes: dict[int, Outcome]) -> None:
        """Send drafts in batches within the limits of a call, and note their outcomes."""
        batch: list[tuple[int, _Draft]] = []
        size = 0
        for place, draft in drafts:
            if batch and (len(batch) == MAX_BATCH_RECORDS or size + draft.size > MAX_BATCH_BYTES):
                await self._send_batch(batch, outcomes)
                batch, size = [], 0
            batch.append((place, draft))
            size += draft.size
        if batch:
            await self._send_batch(batch, outcomes)

    async def _send_batch(self, batch: Sequence[tuple[int, _Draft]], outcomes: dict[int, Outcome]) -> None:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(LedgerUnavailableError),
            stop=stop_after_attempt(ISSUE_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=3),
            reraise=True,
        )
        try:
            answer: api.IssueRecordsResponse = await attempts(self._issue, [draft.item for _, draft in batch])
        except LedgerUnavailableError:
            raise
        except BridgeError as error:
            for place, draft in batch:
                outcomes[place] = _refuse(draft.outcome, str(error.reason), _sentence(error))
            return
        for (place, draft), result in zip(batch, answer.results, strict=True):
            outcomes[place] = _answered(draft.outcome, result)

    async def _issue(self, items: Sequence[api.IssueItem]) -> api.IssueRecordsResponse:
        """Issue a batch; while the other ledger has not heard of the issuer yet, which is soon mended, try again."""
        attempts = AsyncRetrying(
            retry=retry_if_result(_is_unconfirmed),
            stop=stop_after_delay(CONFIRMATION_SECONDS),
            wait=wait_fixed(CONFIRMATION_PAUSE_SECONDS),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome is not None else None,
        )
        answer: api.IssueRecordsResponse = await attempts(self._client.issue, items)
        return answer


def _is_unconfirmed(answer: api.IssueRecordsResponse) -> bool:
    return any(result.reason == Reason.ISSUER_UNCONFIRMED for result in answer.results)


def _answered(outcome: Outcome, result: api.IssueResult) -> Outcome:
    if result.reason:
        return _refuse(outcome, result.reason, result.detail.removeprefix(f"{result.reason}: "))
    code = "standing" if result.noop else outcome.code
    return replace(outcome, code=code, local_record_id=result.local_record_id, packet_state="committed")


def _refuse(outcome: Outcome, reason: str, detail: str) -> Outcome:
    return replace(outcome, code="refused", reason=reason, detail=detail)


def _standing(base: Outcome, record: api.Record, detail: str) -> Outcome:
    return replace(with_record(base, record), code="standing", version=record.version, detail=detail)


def with_record(outcome: Outcome, record: api.Record) -> Outcome:
    """The outcome with what the ledger tells about the record now."""
    state = api_state(record.packet_state)
    detail = f"rejected by the other ledger: {record.rejection_code}" if record.rejection_code else outcome.detail
    return replace(
        outcome,
        local_record_id=record.local_record_id,
        counterparty_record_id=record.counterparty_record_id,
        packet_state=state,
        detail=detail,
    )


def api_state(state: int) -> str:
    """Name of a packet state in lower case; empty when unspecified."""
    return PacketState.Name(PacketState.ValueType(state)).removeprefix("PACKET_STATE_").lower() if state else ""


def _sentence(error: BridgeError) -> str:
    """The error's detail with its facts, but for the pointer, which has a column of its own."""
    facts = ", ".join(f"{name}={value}" for name, value in error.facts.items() if name not in ("pointer", "findings"))
    detail = error.detail.removeprefix(f"{error.reason}: ")
    return f"{detail} ({facts})" if facts else detail


def _key_of(entry: Entry, issuer_member_id: str) -> bytes:
    """Bytes that tell records apart; empty where there is none."""
    if isinstance(entry.result, Refusal):
        return b""
    try:
        key = record_key(entry.result.document.value, entry.result.record_type, issuer_member_id)
    except BridgeError:
        return b""
    return key.SerializeToString(deterministic=True)
