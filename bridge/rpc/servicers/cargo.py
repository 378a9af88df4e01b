"""CargoService: issue records, and answer for the records that both sides hold."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import structlog

from bridge.errors import DecodeError, NotFoundError, PreconditionError, Reason
from bridge.ledger.rows import HOME, ClientRow, RecordRow
from bridge.rpc.bundles import BundleMaker
from bridge.rpc.changes import RecordChanges
from bridge.rpc.interceptors import CALLER
from bridge.rpc.issuing import RecordIssuer
from bridge.rpc.node import LedgerNode
from bridge.rpc.paging import page_size_of
from bridge.rpc.record_index import require_indexed
from bridge.rpc.record_views import RecordViews, require_one
from bridge.rpc.servicers.ledger import blocks_above
from bridge.rpc.workers import Workers
from bridge.store.erasing import Erased
from bridge.store.tables import Export
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import LegalBasis, RecordType
from bridge.v1.cargo_service_pb2_grpc import CargoServiceServicer
from bridge.wire import timestamp_of

_LOG = structlog.get_logger("bridge.cargo")

MAX_RECORD_ID_CHARACTERS = 64
"""Longest record id that is looked up; ours have 19 to 27 characters."""


class CargoServicer(CargoServiceServicer):
    """What trade platforms, banks and regulators call."""

    def __init__(self, node: LedgerNode, workers: Workers) -> None:
        self._node = node
        self._views = RecordViews(node.config, node.queries, node.country)
        self._changes = RecordChanges(node.queries, node.reader)
        self._bundles = BundleMaker(node)
        self._issuer = RecordIssuer(node, workers)

    def close(self) -> None:
        """End the pools."""
        self._issuer.close()

    async def GetCorridor(self, request: api.GetCorridorRequest, context: Any) -> api.GetCorridorResponse:  # noqa: N802, ARG002
        """[CGO-3] What may cross, so that an issuer's program can prepare exactly that."""
        config = self._node.config
        client = await self._node.ask(self._corridor_client, request.client_id)
        return api.GetCorridorResponse(
            ledger_id=config.ledger_id,
            client_id=client.client_id,
            suite=config.suite_id,
            rules=[
                api.CorridorRule(type=RecordType.ValueType(number), pointer_patterns=patterns)
                for number, patterns in sorted(config.policy.rules.items())
            ],
            max_timeout_seconds=config.max_timeout_ahead,
        )

    async def IssueRecords(self, request: api.IssueRecordsRequest, context: Any) -> api.IssueRecordsResponse:  # noqa: N802, ARG002
        """Issue, amend or void a batch; each record is answered on its own."""
        return await self._issuer.issue(request.records)

    async def GetRecord(self, request: api.GetRecordRequest, context: Any) -> api.GetRecordResponse:  # noqa: N802, ARG002
        """One record by its key, by either side's local id, or by a reference that only it has."""
        _require_name(request)

        def look() -> api.Record:
            return self._views.views([self._views.find(request)], request.version)[0]

        return api.GetRecordResponse(record=await self._node.ask(look))

    async def ListRecords(self, request: api.ListRecordsRequest, context: Any) -> api.ListRecordsResponse:  # noqa: N802, ARG002
        """[CGO-4] Newest versions of records, newest record first, by type, identifier and home ledger."""
        size = page_size_of(request.page_size)
        named = (
            (require_indexed(request.identifier.scheme), request.identifier.value)
            if request.HasField("identifier")
            else None
        )
        filters = (request.type, named, request.home_ledger_id)
        cursor = self._node.tokens.decode(request.page_token, "records", filters, (str,))
        after = str(cursor[0]) if cursor else ""

        def look() -> tuple[list[api.Record], str]:
            rows = self._rows(request, named, after, size + 1)
            return self._views.views(rows[:size]), rows[size - 1].local_id if len(rows) > size else ""

        records, last = await self._node.ask(look)
        token = self._node.tokens.encode("records", filters, (last,)) if last else ""
        return api.ListRecordsResponse(records=records, next_page_token=token)

    async def WatchRecords(  # noqa: N802
        self,
        request: api.WatchRecordsRequest,
        context: Any,  # noqa: ARG002
    ) -> AsyncIterator[api.WatchRecordsResponse]:
        """[CGO-5] Record versions as they are written or acknowledged, block by block; resumes from any height."""
        async for notice in blocks_above(self._node, request.after_height):
            for record in await self._node.ask(self._changed, notice.height):
                yield api.WatchRecordsResponse(record=record, height=notice.height)

    async def ExportBundle(self, request: api.ExportBundleRequest, context: Any) -> api.ExportBundleResponse:  # noqa: N802, ARG002
        """[CGO-6] A proof bundle of a home record; RECORD_NOT_HOME with the ledger to ask, for the other side's."""
        node = self._node
        record = await node.ask(self._home_record, _record_id(request.record_id))
        position = await node.ask(self._bundles.last_position, record)
        tip = node.sequencer.tip
        while tip.provable_count <= position:  # the block that proves a new entry follows at once
            tip = await node.sequencer.wait_above(tip.height)
        bundle = await node.ask(self._bundles.make, record, request.anchor_height)
        return api.ExportBundleResponse(bundle=bundle)

    async def ListExports(self, request: api.ListExportsRequest, context: Any) -> api.ListExportsResponse:  # noqa: N802, ARG002
        """[CGO-7] The export register, oldest first: what left, when, on which legal basis."""
        size = page_size_of(request.page_size)
        cursor = self._node.tokens.decode(request.page_token, "exports", (), (int, str, int))
        after = (int(cursor[0]), str(cursor[1]), int(cursor[2])) if cursor else (0, "", 0)

        def look() -> tuple[list[api.ExportEntry], tuple[int, str, int] | None]:
            rows = self._node.queries.exports(size + 1, after)
            last = rows[size - 1] if len(rows) > size else None
            place = (last.height, last.client_id, last.sequence) if last is not None else None
            return self._exports(rows[:size]), place

        exports, last = await self._node.ask(look)
        token = self._node.tokens.encode("exports", (), last) if last else ""
        return api.ListExportsResponse(exports=exports, next_page_token=token)

    async def EraseRecord(self, request: api.EraseRecordRequest, context: Any) -> api.EraseRecordResponse:  # noqa: N802, ARG002
        """[CGO-8] Erase documents and seeds of a home record; NotFoundError where none is or was held."""
        _require_name(request)
        node, caller = self._node, CALLER.get().spiffe_id

        def erase() -> tuple[RecordRow, Erased]:
            record = self._require_home(self._views.find(request))
            return record, node.eraser.erase(HOME, record.record_key, request.version, node.clock.now(), caller)

        record, erased = await node.ask(erase)
        if not erased.now and not erased.before:
            raise NotFoundError(Reason.RECORD_NOT_FOUND, "no document of it is held here", record_id=record.local_id)
        _LOG.info("record.erased", record=record.local_id, versions=list(erased.now), caller=caller)
        return api.EraseRecordResponse(
            local_record_id=record.local_id, erased_versions=erased.now, erased_before_versions=erased.before
        )

    def _home_record(self, record_id: str) -> RecordRow:
        """The record of an id; PreconditionError RECORD_NOT_HOME, with the ledger to ask, for the other side's."""
        return self._require_home(require_one(self._node.queries.records_by_id(record_id)))

    def _require_home(self, record: RecordRow) -> RecordRow:
        if record.origin == HOME:
            return record
        client = self._node.queries.get(ClientRow, (record.origin,))
        raise PreconditionError(
            Reason.RECORD_NOT_HOME,
            "only the record's home ledger can prove it; ask there",
            home_ledger_id=client.tracked_ledger_id if client is not None else "",
            home_record_id=record.counterparty_id,
        )

    def _corridor_client(self, client_id: str) -> ClientRow:
        """The client asked for, or the only paired one."""
        if client_id:
            client = self._node.queries.get(ClientRow, (client_id,))
            if client is None:
                raise NotFoundError(Reason.CLIENT_NOT_FOUND, "no such client", client=client_id[:64])
            return client
        paired = [row for row in self._node.queries.page(ClientRow, 500) if row.counterparty_client_id]
        if not paired:
            raise PreconditionError(Reason.CLIENT_NOT_PAIRED, "no counterparty is paired yet")
        if len(paired) > 1:
            raise DecodeError(Reason.FIELD_REQUIRED, "several counterparties: name a client_id", field="client_id")
        return paired[0]

    def _rows(
        self, request: api.ListRecordsRequest, named: tuple[str, str] | None, after: str, limit: int
    ) -> list[RecordRow]:
        origins: list[str | None] = [None]
        if request.home_ledger_id:
            origins = list(self._views.origins_of(request.home_ledger_id))
        found: list[RecordRow] = []
        for origin in origins:
            found += self._node.queries.records(
                limit,
                after,
                origin=origin,
                record_type=request.type or None,
                identifier=named,
                newest_first=True,
            )
        return sorted(found, key=lambda row: row.local_id, reverse=True)[:limit]

    def _changed(self, height: int) -> list[api.Record]:
        return self._views.of_versions(self._changes.of_block(height))

    def _exports(self, rows: list[Export]) -> list[api.ExportEntry]:
        found = self._node.queries.many(RecordRow, list({("", row.record_key): None for row in rows}))
        ids = {row.record_key: row.local_id for row in found}
        return [_export(row, ids.get(row.record_key, "")) for row in rows]


def _export(row: Export, local_id: str) -> api.ExportEntry:
    return api.ExportEntry(
        client_id=row.client_id,
        sequence=row.sequence,
        local_record_id=local_id,
        version=row.version,
        type=RecordType.ValueType(row.type),
        pointers=json.loads(row.pointers),
        legal_basis=LegalBasis.FromString(row.legal_basis),
        block_time=timestamp_of(row.time),
    )


def _require_name(request: api.GetRecordRequest | api.EraseRecordRequest) -> None:
    if request.WhichOneof("name") is None:
        raise DecodeError(Reason.FIELD_REQUIRED, "name the record by key, record_id or reference", field="name")


def _record_id(text: str) -> str:
    if not text:
        raise DecodeError(Reason.FIELD_REQUIRED, "record_id names the record", field="record_id")
    if len(text) > MAX_RECORD_ID_CHARACTERS:
        raise DecodeError(Reason.INVALID_FIELD, "record_id is too long", field="record_id", got=len(text))
    return text
