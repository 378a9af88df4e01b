"""One ledger as the relayer calls it: every call has a deadline, reads are retried, an unknown outcome is never guessed.

A delivery whose answer was lost is simply delivered again: the ledger answers NOOP with the first outcome.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import grpc
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from bridge.clock import Clock, Nanos
from bridge.crypto.ports import Signer
from bridge.errors import LedgerUnavailableError, NotFoundError, Reason, VerificationError
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState, HeaderProfile
from bridge.rpc.errors import error_from_rpc
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.ledger_service_pb2_grpc import LedgerServiceStub
from bridge.v1.transaction_pb2 import Delivery, EntryRun, Operation, Transaction, TransactionBody
from bridge.wire import nanos_from, timestamp_of

READ_DEADLINE_SECONDS = 10.0
"""A read touches one ledger's store only; ten seconds is far beyond its slowest page."""

DELIVER_DEADLINE_SECONDS = 30.0
"""A delivery waits for its block; under overload the queue ahead of it may take many blocks."""

READ_ATTEMPTS = 4
"""Tries of a read before the route reports its ledger unreachable and starts over."""

MAX_PAGE = 500
"""Largest page the contract allows."""

T = TypeVar("T")


class Endpoint:
    """A ledger with the member key the relayer submits under there."""

    def __init__(  # the six things an endpoint is made of
        self, ledger_id: str, channel: grpc.aio.Channel, signer: Signer, member_id: str, key_id: str, clock: Clock
    ) -> None:
        self.ledger_id = ledger_id
        self._stub = LedgerServiceStub(channel)
        self._signer = signer
        self._member_id = member_id
        self._key_id = key_id
        self._clock = clock
        self._profile: HeaderProfile | None = None

    async def info(self) -> api.GetLedgerInfoResponse:
        """Identity and height; VerificationError LEDGER_ID_MISMATCH when another ledger answers."""
        answer = await _read(
            lambda: self._stub.GetLedgerInfo(api.GetLedgerInfoRequest(), timeout=READ_DEADLINE_SECONDS)
        )
        if answer.ledger_id != self.ledger_id:
            raise VerificationError(
                Reason.LEDGER_ID_MISMATCH, "another ledger answers", got=answer.ledger_id, expected=self.ledger_id
            )
        self._profile = profile(answer.profile)
        return answer

    async def header_profile(self) -> HeaderProfile:
        """Profile of this ledger's headers and submissions."""
        if self._profile is None:
            await self.info()
        assert self._profile is not None
        return self._profile

    async def clients(self) -> Sequence[api.ClientInfo]:
        """Every light client of this ledger."""
        found: list[api.ClientInfo] = []
        token = ""
        while True:
            request = api.ListClientsRequest(page_size=MAX_PAGE, page_token=token)
            page = await self._list_clients(request)
            found.extend(page.clients)
            token = page.next_page_token
            if not token:
                return found

    async def client(self, client_id: str) -> api.ClientInfo:
        """One light client; NotFoundError CLIENT_NOT_FOUND otherwise."""
        return await self._client(api.ListClientsRequest(client_id=client_id))

    async def trusted_floor(self, client_id: str, height: int) -> ConsensusState:
        """What the client trusts at or below `height`; NotFoundError CONSENSUS_STATE_NOT_FOUND otherwise."""
        info = await self._client(api.ListClientsRequest(client_id=client_id, floor_height=height))
        if not info.HasField("floor"):
            raise NotFoundError(Reason.CONSENSUS_STATE_NOT_FOUND, "nothing trusted so low", client=client_id, at=height)
        return ConsensusState(
            ledger_id=info.tracked_ledger_id,
            height=info.floor.height,
            time=nanos_from(info.floor.header_time, "header_time"),
            header_hash=info.floor.header_hash,
            root=info.floor.root,
            next_validators_hash=info.floor.next_validators_hash,
        )

    async def _client(self, request: api.ListClientsRequest) -> api.ClientInfo:
        page = await self._list_clients(request)
        if not page.clients:
            raise NotFoundError(
                Reason.CLIENT_NOT_FOUND, "no such client", ledger=self.ledger_id, client=request.client_id
            )
        return page.clients[0]

    async def _list_clients(self, request: api.ListClientsRequest) -> api.ListClientsResponse:
        return await _read(lambda: self._stub.ListClients(request, timeout=READ_DEADLINE_SECONDS))

    async def _list_packets(self, request: api.ListPacketsRequest) -> api.ListPacketsResponse:
        return await _read(lambda: self._stub.ListPackets(request, timeout=READ_DEADLINE_SECONDS))

    async def watch(self, after_height: int) -> AsyncIterator[api.WatchBlocksResponse]:
        """Notices of every block after a height; ends with LedgerUnavailableError when the stream breaks."""
        call = self._stub.WatchBlocks(api.WatchBlocksRequest(after_height=after_height))
        try:
            async for notice in call:
                yield notice
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from error
        finally:
            call.cancel()
        raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "the block stream ended", ledger=self.ledger_id)

    async def pending_pages(self, client_id: str) -> AsyncIterator[Sequence[api.PacketItem]]:
        """Sent packets without acknowledgement, oldest first, page by page."""
        token = ""
        while True:
            request = api.ListPacketsRequest(
                client_id=client_id,
                kind=api.PACKET_KIND_SENT,
                pending_only=True,
                page_size=MAX_PAGE,
                page_token=token,
            )
            page = await self._list_packets(request)
            yield page.items
            token = page.next_page_token
            if not token:
                return

    async def by_sequence(
        self, client_id: str, kind: api.PacketKind.ValueType, sequences: Sequence[int], *, pending_only: bool = False
    ) -> Sequence[api.PacketItem]:
        """Sent packets or written acknowledgements of at most MAX_PAGE sequences; the absent are left out."""
        request = api.ListPacketsRequest(
            client_id=client_id, kind=kind, sequences=sequences, pending_only=pending_only, page_size=MAX_PAGE
        )
        return (await self._list_packets(request)).items

    async def headers(self, trusted_height: int, heights: Sequence[int]) -> Sequence[bytes]:
        """Header updates, each verifiable from the one before, the first from `trusted_height`."""
        request = api.GetHeadersRequest(trusted_height=trusted_height, heights=heights)
        answer = await _read(lambda: self._stub.GetHeaders(request, timeout=READ_DEADLINE_SECONDS))
        return answer.headers

    async def prove(self, first: int, count: int) -> Sequence[EntryRun]:
        """Runs that cover the entries, under headers the ledger chooses."""
        request = api.ProveEntriesRequest(first_position=first, count=count)
        answer = await _read(lambda: self._stub.ProveEntries(request, timeout=READ_DEADLINE_SECONDS))
        return answer.runs

    async def deliver(self, delivery: Delivery) -> api.DeliverResponse:
        """Submit one delivery under the relayer's member key; safe to repeat."""
        rules = await self.header_profile()
        body = TransactionBody(
            ledger_id=self.ledger_id,
            member_id=self._member_id,
            key_id=self._key_id,
            submission_time=timestamp_of(self._clock.now()),
            operations=[Operation(deliver=delivery)],
        ).SerializeToString(deterministic=True)
        signature = self._signer.sign(rules.transaction_sign_bytes(self.ledger_id, body))
        request = api.DeliverRequest(transaction=Transaction(body=body, signature=signature))
        return await _read(lambda: self._stub.Deliver(request, timeout=DELIVER_DEADLINE_SECONDS))

    def now(self) -> Nanos:
        """The relayer's clock."""
        return self._clock.now()


async def _read(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call that is safe to repeat; only LedgerUnavailableError is retried, with jitter."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(LedgerUnavailableError),
        stop=stop_after_attempt(READ_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=2.0),
        reraise=True,
    ):
        with attempt:
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                raise error_from_rpc(error) from error
    raise AssertionError("tenacity always returns or raises")
