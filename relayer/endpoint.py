"""One ledger as the relayer uses it: its reads as plain questions, and deliveries signed with the relayer's member key.

A delivery whose answer was lost is simply made again later: the ledger answers NOOP with the first outcome.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from bridge.clock import Clock, Nanos
from bridge.crypto.ports import Signer
from bridge.errors import NotFoundError, PreconditionError, Reason, VerificationError
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState, HeaderProfile
from bridge.rpc.clients import LedgerClient
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import EntryRun, Transaction, TransactionBody
from bridge.wire import encode, nanos_from, timestamp_of

MAX_PAGE = 500
"""Largest page the contract allows, in items."""


class Endpoint:
    """A ledger with the member key the relayer submits under there."""

    def __init__(
        self, ledger_id: str, client: LedgerClient, signer: Signer, member_id: str, key_id: str, clock: Clock
    ) -> None:
        self.ledger_id = ledger_id
        self._ledger = client
        self._signer = signer
        self._member_id = member_id
        self._key_id = key_id
        self._clock = clock
        self._profile: HeaderProfile | None = None

    async def info(self) -> api.GetLedgerInfoResponse:
        """Identity and height; VerificationError LEDGER_ID_MISMATCH when another ledger answers."""
        answer = await self._ledger.info()
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
            page = await self._ledger.clients(api.ListClientsRequest(page_size=MAX_PAGE, page_token=token))
            found.extend(page.clients)
            token = page.next_page_token
            if not token:
                return found

    async def client(self, client_id: str) -> api.ClientInfo:
        """One light client; NotFoundError CLIENT_NOT_FOUND otherwise."""
        return await self._client(api.ListClientsRequest(client_id=client_id))

    async def require_active(self, client_id: str) -> None:
        """PreconditionError CLIENT_FROZEN or CLIENT_EXPIRED while that client takes nothing."""
        state = (await self.client(client_id)).state
        for stands, reason in (
            (api.CLIENT_STATE_FROZEN, Reason.CLIENT_FROZEN),
            (api.CLIENT_STATE_EXPIRED, Reason.CLIENT_EXPIRED),
        ):
            if state == stands:
                raise PreconditionError(reason, "both authorities must recover it", client=client_id)

    async def trusted_floor(self, client_id: str, height: int) -> ConsensusState:
        """What the client trusts at or below `height`; NotFoundError CONSENSUS_STATE_NOT_FOUND otherwise."""
        info = await self._client(api.ListClientsRequest(client_id=client_id, floor_height=height))
        if not info.HasField("floor"):
            raise NotFoundError(
                Reason.CONSENSUS_STATE_NOT_FOUND, "nothing is trusted so low", client=client_id, at=height
            )
        return ConsensusState(
            ledger_id=info.tracked_ledger_id,
            height=info.floor.height,
            time=nanos_from(info.floor.header_time, "header_time"),
            header_hash=info.floor.header_hash,
            root=info.floor.root,
            next_validators_hash=info.floor.next_validators_hash,
        )

    async def _client(self, request: api.ListClientsRequest) -> api.ClientInfo:
        page = await self._ledger.clients(request)
        if not page.clients:
            raise NotFoundError(
                Reason.CLIENT_NOT_FOUND, "no such client", ledger=self.ledger_id, client=request.client_id
            )
        return page.clients[0]

    def watch(self, after_height: int) -> AsyncIterator[api.WatchBlocksResponse]:
        """Notices of every block after a height; ends with LedgerUnavailableError when the stream breaks."""
        return self._ledger.watch_blocks(after_height)

    async def pending_pages(self, client_id: str) -> AsyncIterator[Sequence[api.PacketItem]]:
        """Sent packets without acknowledgement, oldest first, page by page, without their bodies."""
        token = ""
        while True:
            page = await self.pending_page(client_id, token)
            yield page.items
            token = page.next_page_token
            if not token:
                return

    async def pending_page(self, client_id: str, token: str = "") -> api.ListPacketsResponse:
        """One page of them: the oldest, or the one a token of the last page names."""
        return await self._ledger.packets(
            api.ListPacketsRequest(
                client_id=client_id,
                kind=api.PACKET_KIND_SENT,
                pending_only=True,
                page_size=MAX_PAGE,
                page_token=token,
                omit_bodies=True,
            )
        )

    async def by_sequence(
        self, client_id: str, kind: api.PacketKind.ValueType, sequences: Sequence[int], *, bodies: bool = False
    ) -> Sequence[api.PacketItem]:
        """Sent packets or written acknowledgements of at most MAX_PAGE sequences; the absent are left out."""
        if not sequences:
            return ()
        request = api.ListPacketsRequest(
            client_id=client_id, kind=kind, sequences=sequences, page_size=MAX_PAGE, omit_bodies=not bodies
        )
        return (await self._ledger.packets(request)).items

    async def headers(self, trusted_height: int, heights: Sequence[int]) -> Sequence[bytes]:
        """Header updates, each verifiable from the one before, the first from `trusted_height`."""
        return await self._ledger.headers(trusted_height, heights)

    async def prove(self, first: int, count: int, proof_height: int = 0) -> Sequence[EntryRun]:
        """Runs that cover the entries, under the header of `proof_height` or under headers the ledger chooses."""
        request = api.ProveEntriesRequest(first_position=first, count=count, proof_height=proof_height)
        return (await self._ledger.prove(request)).runs

    async def deliver(
        self, client_id: str, headers: Sequence[bytes], runs: Sequence[EntryRun] = ()
    ) -> api.DeliverResponse:
        """Submit one delivery under the relayer's member key; safe to repeat."""
        rules = await self.header_profile()
        message = TransactionBody(
            ledger_id=self.ledger_id,
            member_id=self._member_id,
            key_id=self._key_id,
            submission_time=timestamp_of(self._clock.now()),
        )
        # Filled in place: a message handed to another's constructor is written and read again, megabytes of it.
        delivery = message.operations.add().deliver
        delivery.client_id = client_id
        delivery.headers.extend(headers)
        delivery.runs.extend(runs)
        body = encode(message)
        signature = self._signer.sign(rules.transaction_sign_bytes(self.ledger_id, body))
        return await self._ledger.deliver(Transaction(body=body, signature=signature))

    def now(self) -> Nanos:
        """The relayer's clock."""
        return self._clock.now()
