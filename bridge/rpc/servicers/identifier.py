"""IdentifierService: mappings between the two sides' identifiers, registered by authorities, resolved for everyone."""

from __future__ import annotations

from typing import Any

from bridge.cargo.identifiers import require_identifier
from bridge.cargo.mapping import COUNTERPARTY_SIDE, HOME_SIDE
from bridge.errors import DecodeError, Reason
from bridge.ledger.rows import HOME, ClientRow, MappingRow
from bridge.rpc.node import LedgerNode
from bridge.rpc.paging import page_size_of
from bridge.rpc.record_views import RecordViews, resolved_message
from bridge.v1 import identifier_service_pb2 as api
from bridge.v1.identifier_pb2 import Mapping
from bridge.v1.identifier_service_pb2_grpc import IdentifierServiceServicer
from bridge.v1.transaction_pb2 import Operation
from bridge.wire import encode


class IdentifierServicer(IdentifierServiceServicer):
    """Registers, resolves and lists mappings."""

    def __init__(self, node: LedgerNode) -> None:
        self._node = node
        self._views = RecordViews(node.config, node.queries, node.country)

    async def RegisterMapping(  # noqa: N802
        self,
        request: api.RegisterMappingRequest,
        context: Any,  # noqa: ARG002
    ) -> api.RegisterMappingResponse:
        """[IDS-1] Register or revoke a mapping that this ledger's authority signed."""
        applied = await self._node.apply(Operation(register_mapping=encode(request.mapping)))
        return api.RegisterMappingResponse(height=applied.height, sequence=applied.result.sequence)

    async def ResolveIdentifier(  # noqa: N802
        self,
        request: api.ResolveIdentifierRequest,
        context: Any,  # noqa: ARG002
    ) -> api.ResolveIdentifierResponse:
        """[IDS-2] The form of an identifier on this side."""
        if not request.HasField("identifier"):
            raise DecodeError(Reason.FIELD_REQUIRED, "identifier is needed", field="identifier")
        require_identifier(request.identifier.scheme, request.identifier.value)
        resolved = await self._node.ask(self._views.resolve, request.identifier)
        return api.ResolveIdentifierResponse(resolved=resolved_message(resolved))

    async def ListMappings(self, request: api.ListMappingsRequest, context: Any) -> api.ListMappingsResponse:  # noqa: N802, ARG002
        """[IDS-3] Mappings by this side's identifier, revoked ones too; `scheme` may be that of either side."""
        node = self._node
        size = page_size_of(request.page_size)
        cursor = node.tokens.decode(request.page_token, "mappings", (request.scheme,), (str, str, str))
        rows = await node.ask(self._rows, request.scheme, size + 1, cursor)
        entries = await node.ask(self._entries, rows[:size])
        token = ""
        if len(rows) > size:
            last = rows[size - 1]
            token = node.tokens.encode("mappings", (request.scheme,), (last.side, last.scheme, last.value))
        return api.ListMappingsResponse(mappings=entries, next_page_token=token)

    def _rows(self, scheme: str, limit: int, after: tuple[str, str, str] | None) -> list[MappingRow]:
        """Rows of this side's half, then what only the other half still remembers; other schemes are left out."""
        found: list[MappingRow] = []
        for side in (HOME_SIDE, COUNTERPARTY_SIDE):
            if after is not None and after[0] != side:
                if side == HOME_SIDE:
                    continue
                after = None
            while len(found) < limit:
                page = self._node.queries.page(MappingRow, limit, after, (side,))
                kept = page if side == HOME_SIDE else self._displaced(page)
                found += [row for row in kept if not scheme or scheme in (row.scheme, row.other_scheme)]
                if len(page) < limit:
                    break
                after = (side, page[-1].scheme, page[-1].value)
        return found[:limit]

    def _displaced(self, rows: list[MappingRow]) -> list[MappingRow]:
        """Rows whose home half went on to another mapping: acts of before that the other identifier still counts."""
        keys = [(HOME_SIDE, row.other_scheme, row.other_value) for row in rows]
        standing = {row.mapping for row in self._node.queries.many(MappingRow, keys)}
        return [row for row in rows if row.mapping not in standing]

    def _entries(self, rows: list[MappingRow]) -> list[api.MappingEntry]:
        origins = sorted({row.origin for row in rows} - {HOME})
        clients = self._node.queries.many(ClientRow, [(origin,) for origin in origins])
        ledgers = {HOME: self._node.config.ledger_id} | {c.client_id: c.tracked_ledger_id for c in clients}
        return [
            api.MappingEntry(mapping=Mapping.FromString(row.mapping), origin_ledger_id=ledgers.get(row.origin, ""))
            for row in rows
        ]
