"""LedgerService: who the ledger is, its headers, packets and proofs, and the transactions that relayers bring."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from google.protobuf.message import DecodeError as ProtobufDecodeError

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, LimitError, NotFoundError, PreconditionError, Reason
from bridge.ledger.client import consensus_of
from bridge.ledger.engine import BlockNotice
from bridge.ledger.rows import ClientRow, ConsensusRow
from bridge.ledger.types import KIND_PACKET, ProvenRun, StoredEntry
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import client_status
from bridge.protocol.acts import decode_create_client, decode_pair_client
from bridge.protocol.clients import encode_anchor
from bridge.rpc import limits
from bridge.rpc.node import LedgerNode, require_applied
from bridge.rpc.packet_pages import PacketPager
from bridge.rpc.paging import page_size_of
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.ledger_service_pb2_grpc import LedgerServiceServicer
from bridge.v1.transaction_pb2 import (
    Delivery,
    EntryRun,
    Operation,
    RunItem,
    TransactionBody,
    TrustAnchor,
    WrittenAcknowledgement,
)
from bridge.wire import encode, timestamp_of

API_VERSION = "bridge.v1"
ENGINE = "embedded"

NOTICES_PER_READ = 200
"""Block notices read at a time while a watcher catches up: about 10 KiB."""


class LedgerServicer(LedgerServiceServicer):
    """One ledger as relayers and the conformance kit see it."""

    def __init__(self, node: LedgerNode) -> None:
        self._node = node
        self._pager = PacketPager(node.queries, node.places)

    async def GetLedgerInfo(self, request: api.GetLedgerInfoRequest, context: Any) -> api.GetLedgerInfoResponse:  # noqa: N802, ARG002
        """Identity, height, and the anchors at the newest height and at genesis."""
        node, tip = self._node, self._node.sequencer.tip
        return api.GetLedgerInfoResponse(
            ledger_id=node.config.ledger_id,
            profile=node.config.profile_id,
            suite=node.config.suite_id,
            height=tip.height,
            block_time=timestamp_of(tip.time),
            provable_height=tip.height if tip.provable_count == tip.entry_count else 0,
            entry_count=tip.entry_count,
            engine=ENGINE,
            anchor=await node.ask(anchor_at, node, tip.height),
            genesis_anchor=await node.ask(anchor_at, node, 0),
            software_version=software_version(),
            api_version=API_VERSION,
        )

    async def GetHeaders(self, request: api.GetHeadersRequest, context: Any) -> api.GetHeadersResponse:  # noqa: N802, ARG002
        """[LED-1] One update a height, the first trusted from `trusted_height`, each next one from the one before."""
        heights = list(request.heights)
        _require_count(len(heights), limits.MAX_HEIGHTS_PER_CALL, "heights")
        rising = zip([request.trusted_height, *heights], heights, strict=False)
        if not heights or any(low >= high for low, high in rising):
            raise DecodeError(Reason.NON_INCREASING_HEIGHT, "heights must rise from the trusted one", field="heights")
        if heights[-1] > self._node.sequencer.tip.height:
            raise NotFoundError(Reason.HEIGHT_NOT_FOUND, "no such block yet", height=heights[-1])

        return api.GetHeadersResponse(headers=await self._node.ask(self._updates, request.trusted_height, heights))

    async def ListPackets(self, request: api.ListPacketsRequest, context: Any) -> api.ListPacketsResponse:  # noqa: N802, ARG002
        """[LED-2] Sent packets and written acknowledgements by position; the pending ones, or named ones."""
        node = self._node
        size = page_size_of(request.page_size)
        _require_count(len(request.sequences), limits.MAX_SEQUENCES_PER_CALL, "sequences")
        if await node.ask(node.queries.get, ClientRow, (request.client_id,)) is None:
            raise NotFoundError(Reason.CLIENT_NOT_FOUND, "no such client", client=request.client_id[:64])
        filters = (request.client_id, request.kind, request.pending_only, request.first_position)
        if request.sequences:
            items = await node.ask(self._pager.named, request)
            return api.ListPacketsResponse(items=items)
        cursor = node.tokens.decode(request.page_token, "packets", filters, (int, int))
        items, beyond = await node.ask(self._pager.page, request, size, cursor)
        token = node.tokens.encode("packets", filters, beyond) if beyond else ""
        return api.ListPacketsResponse(items=items, next_page_token=token)

    async def WatchBlocks(  # noqa: N802
        self,
        request: api.WatchBlocksRequest,
        context: Any,  # noqa: ARG002
    ) -> AsyncIterator[api.WatchBlocksResponse]:
        """[LED-3] A notice of every block above a height, in order, without a gap; resumes from any height."""
        async for notice in blocks_above(self._node, request.after_height):
            yield api.WatchBlocksResponse(
                height=notice.height,
                block_time=timestamp_of(notice.time),
                entry_count=notice.entry_count,
                provable_entry_count=notice.provable_count,
            )

    async def ProveEntries(self, request: api.ProveEntriesRequest, context: Any) -> api.ProveEntriesResponse:  # noqa: N802, ARG002
        """[LED-4] Runs that cover the entries, with their bodies, ready to deliver."""
        if not request.count:
            raise DecodeError(Reason.FIELD_REQUIRED, "count says how many entries", field="count")
        _require_count(request.count, limits.MAX_ENTRIES_PER_PROOF, "entries")
        node = self._node
        if request.first_position + request.count > node.sequencer.tip.entry_count:
            # Not left to the store: the end of a run from the last positions of all is no number it can hold.
            raise NotFoundError(
                Reason.PACKET_NOT_FOUND, "no such entries", first=request.first_position, count=request.count
            )
        runs = await node.ask(node.engine.prove, request.first_position, request.count, request.proof_height)
        return api.ProveEntriesResponse(runs=[_run_message(run) for run in runs])

    async def Deliver(self, request: api.DeliverRequest, context: Any) -> api.DeliverResponse:  # noqa: N802, ARG002
        """[LED-5] Order a relayer's transaction of exactly one Delivery, under the member its identity is bound to."""
        delivery = self._require_delivery(request)
        outcome = await self._node.order(encode(request.transaction))
        result = require_applied(outcome.result.operations[0])
        headers = len(delivery.headers)
        return api.DeliverResponse(height=outcome.height, headers=result.items[:headers], items=result.items[headers:])

    async def ListClients(self, request: api.ListClientsRequest, context: Any) -> api.ListClientsResponse:  # noqa: N802, ARG002
        """[LED-6] Light clients by id, with their status at this moment."""
        node = self._node
        size = page_size_of(request.page_size)
        filters = (request.client_id, request.floor_height)
        cursor = node.tokens.decode(request.page_token, "clients", filters, (str,))
        rows = await node.ask(self._client_rows, request.client_id, size + 1, cursor)
        token = node.tokens.encode("clients", filters, (rows[size - 1].client_id,)) if len(rows) > size else ""
        clients = [await node.ask(self._client_info, row, request.floor_height) for row in rows[:size]]
        return api.ListClientsResponse(clients=clients, next_page_token=token)

    async def CreateClient(self, request: api.CreateClientRequest, context: Any) -> api.CreateClientResponse:  # noqa: N802, ARG002
        """[LED-7] Create a light client by an act of this ledger's authority."""
        await self._node.apply(Operation(create_client=encode(request.act)))
        return api.CreateClientResponse(client_id=decode_create_client(request.act.act).client_id)

    async def PairClient(self, request: api.PairClientRequest, context: Any) -> api.PairClientResponse:  # noqa: N802, ARG002
        """[LED-8] Join a client with the counterparty's by an act of both authorities."""
        await self._node.apply(Operation(pair_client=encode(request.act)))
        act = decode_pair_client(request.act.act)
        first = act.ledger_id_1 == self._node.config.ledger_id
        return api.PairClientResponse(counterparty_client_id=act.client_id_2 if first else act.client_id_1)

    async def SubmitMisbehaviour(  # noqa: N802
        self,
        request: api.SubmitMisbehaviourRequest,
        context: Any,  # noqa: ARG002
    ) -> api.SubmitMisbehaviourResponse:
        """[LED-9] Freeze a client by evidence that verifies."""
        await self._node.apply(Operation(submit_misbehaviour=request.evidence))
        row = await self._node.ask(self._node.queries.get, ClientRow, (request.evidence.client_id,))
        if row is None:
            raise NotFoundError(Reason.CLIENT_NOT_FOUND, "no such client", client=request.evidence.client_id[:64])
        info = await self._node.ask(self._client_info, row, 0)
        return api.SubmitMisbehaviourResponse(state=info.state)

    def _updates(self, trusted: int, heights: Sequence[int]) -> list[bytes]:
        found, size = [], 0
        for height in heights:
            update = self._node.engine.update(height, trusted)
            size += len(update)
            if size > limits.MAX_PAGE_BYTES:
                raise LimitError(Reason.LIMIT_EXCEEDED, "these headers are too large for one answer; ask for fewer")
            found.append(update)
            trusted = height
        return found

    def _require_delivery(self, request: api.DeliverRequest) -> Delivery:
        """[LED-5] The one Delivery of the transaction, of a member this caller may submit as."""
        try:
            body = TransactionBody.FromString(request.transaction.body)
        except ProtobufDecodeError as error:
            raise DecodeError(Reason.MALFORMED_MESSAGE, "not a TransactionBody") from error
        self._node.require_member(body.member_id)
        if len(body.operations) != 1 or body.operations[0].WhichOneof("kind") != "deliver":
            raise DecodeError(
                Reason.INVALID_FIELD, "the transaction must hold exactly one delivery", field="operations"
            )
        return body.operations[0].deliver

    def _client_rows(self, client_id: str, limit: int, after: tuple[str] | None) -> list[ClientRow]:
        if client_id:
            row = self._node.queries.get(ClientRow, (client_id,))
            return [row] if row is not None else []
        return self._node.queries.page(ClientRow, limit, after)

    def _client_info(self, row: ClientRow, floor_height: int) -> api.ClientInfo:
        queries = self._node.queries
        latest = queries.get(ConsensusRow, (row.client_id, row.latest_height))
        oldest = queries.ceiling(ConsensusRow, (row.client_id, row.trusted_from))
        floor = queries.floor(ConsensusRow, (row.client_id, floor_height)) if floor_height else None
        if floor is not None and floor.height < row.trusted_from:
            floor = None
        if latest is None or oldest is None:
            raise PreconditionError(Reason.STORAGE_CORRUPT, "a client without a trusted height", client=row.client_id)
        return client_info(row, latest, oldest.height, floor, self._node.clock.now())


async def blocks_above(node: LedgerNode, height: int) -> AsyncIterator[BlockNotice]:
    """Notices of every block above a height, in order; reads the store only to catch up."""
    while True:
        tip = await node.sequencer.wait_above(height)
        if tip.height == height + 1:
            found: Sequence[BlockNotice] = [tip]
        else:
            found = await node.ask(node.queries.notices, height, NOTICES_PER_READ)
        for notice in found:
            yield notice
            height = notice.height


def anchor_at(node: LedgerNode, height: int) -> TrustAnchor:
    """[LED-10] The anchor that pins this ledger at a height; 0 is its genesis. Blocking."""
    consensus: ConsensusState = node.reader.block(height).consensus if height else node.engine.genesis()
    return encode_anchor(node.profile, consensus, node.config.authority)


def client_info(
    row: ClientRow, latest: ConsensusRow, oldest_height: int, floor: ConsensusRow | None, now: Nanos
) -> api.ClientInfo:
    """A light client as it stands at `now`."""
    options = TrustOptions(row.trusting_period, row.clock_drift, row.trust_numerator, row.trust_denominator)
    status = client_status(consensus_of(latest, row.tracked_ledger_id), options, now, row.frozen)
    info = api.ClientInfo(
        client_id=row.client_id,
        tracked_ledger_id=row.tracked_ledger_id,
        profile=row.profile,
        suite=row.suite,
        state=api.ClientState.Value(f"CLIENT_STATE_{status}"),
        latest_height=latest.height,
        latest_time=timestamp_of(latest.time),
        trusting_period_seconds=row.trusting_period // NANOS_PER_SECOND,
        counterparty_client_id=row.counterparty_client_id,
        next_sequence=row.next_sequence,
        pending_count=row.pending_count,
        oldest_height=oldest_height,
        clock_drift_seconds=row.clock_drift // NANOS_PER_SECOND,
        trust_level_numerator=row.trust_numerator,
        trust_level_denominator=row.trust_denominator,
        next_validators_hash=latest.next_validators_hash,
        latest_root=latest.root,
        latest_header_hash=latest.header_hash,
    )
    if floor is not None:
        info.floor.CopyFrom(
            api.TrustedState(
                height=floor.height,
                header_time=timestamp_of(floor.time),
                header_hash=floor.header_hash,
                root=floor.root,
                next_validators_hash=floor.next_validators_hash,
            )
        )
    return info


@cache
def software_version() -> str:
    """Version of this distribution."""
    return version("cargobridge")


def _run_message(run: ProvenRun) -> EntryRun:
    items = [_run_item(entry) for entry in run.entries]
    return EntryRun(proof_height=run.proof_height, proof=run.proof, items=items)


def _run_item(entry: StoredEntry) -> RunItem:
    written = entry.written
    if written.kind == KIND_PACKET:
        return RunItem(packet=written.body)
    return RunItem(acknowledgement=WrittenAcknowledgement(sequence=written.sequence, acknowledgement=written.body))


def _require_count(count: int, most: int, what: str) -> None:
    if count > most:
        raise LimitError(Reason.LIMIT_EXCEEDED, f"too many {what} in one call", got=count, limit=most)
