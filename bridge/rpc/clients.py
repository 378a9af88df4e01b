"""Typed asynchronous clients of the five services: deadlines, errors as BridgeError, retries of idempotent reads only.

A write is never repeated here: after LedgerUnavailableError its outcome is unknown, and the caller asks or repeats it
whole, which every write answers with the original result.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from bridge.errors import LedgerUnavailableError, Reason
from bridge.rpc import limits
from bridge.rpc.errors import error_from_rpc
from bridge.rpc.tls import TlsFiles, channel_credentials
from bridge.v1 import admin_service_pb2 as admin
from bridge.v1 import admin_service_pb2_grpc as admin_grpc
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import cargo_service_pb2_grpc as cargo_grpc
from bridge.v1 import identifier_service_pb2 as identifiers
from bridge.v1 import identifier_service_pb2_grpc as identifiers_grpc
from bridge.v1 import ledger_service_pb2 as ledger
from bridge.v1 import ledger_service_pb2_grpc as ledger_grpc
from bridge.v1 import relayer_service_pb2 as relayer
from bridge.v1 import relayer_service_pb2_grpc as relayer_grpc
from bridge.v1.identifier_pb2 import Identifier, SignedMapping
from bridge.v1.member_pb2 import SignedMember
from bridge.v1.transaction_pb2 import MisbehaviourEvidence, SignedAct, Transaction

T = TypeVar("T")

_MILLISECONDS = 1_000


def connect(target: str, tls: TlsFiles, *, server_name: str = "") -> grpc.aio.Channel:
    """[CAL-1] Channel to `target` ("host:port") over mTLS; `server_name` is the certificate's name where it differs.

    A renewed client certificate needs a new channel: gRPC reads client files once.
    """
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", limits.MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", limits.MAX_MESSAGE_BYTES),
        ("grpc.max_metadata_size", limits.MAX_METADATA_BYTES),
        ("grpc.keepalive_time_ms", limits.KEEPALIVE_SECONDS * _MILLISECONDS),
        ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_SECONDS * _MILLISECONDS),
        # Retries are decided here, by error class, not by a policy inside the channel.
        ("grpc.enable_retries", 0),
        ("grpc.max_reconnect_backoff_ms", limits.CLIENT_RETRY_MOST_MILLISECONDS),
        ("grpc.initial_reconnect_backoff_ms", limits.CLIENT_RETRY_FIRST_MILLISECONDS),
    ]
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return grpc.aio.secure_channel(target, channel_credentials(tls), options=options)


async def write(call: Callable[..., Awaitable[T]], request: object, seconds: int) -> T:
    """[CAL-2] One call, made once; raises the BridgeError the server raised."""
    try:
        return await call(request, timeout=seconds)
    except grpc.aio.AioRpcError as error:
        raise error_from_rpc(error) from error


async def read(call: Callable[..., Awaitable[T]], request: object, seconds: int) -> T:
    """[CAL-3] One idempotent read, repeated with jitter while the ledger is UNAVAILABLE; nothing else is repeated."""
    attempts = AsyncRetrying(
        retry=retry_if_exception(_is_unavailable),
        stop=stop_after_attempt(limits.CLIENT_READ_ATTEMPTS),
        wait=wait_random_exponential(
            multiplier=limits.CLIENT_RETRY_FIRST_MILLISECONDS / _MILLISECONDS,
            max=limits.CLIENT_RETRY_MOST_MILLISECONDS / _MILLISECONDS,
        ),
        reraise=True,
    )
    return await attempts(write, call, request, seconds)


async def watch(call: Callable[..., Any], request: object) -> AsyncIterator[Any]:
    """Messages of a stream until it breaks; raises LedgerUnavailableError when it does, also when it ends in peace."""
    stream = call(request)
    try:
        async for message in stream:
            yield message
    except grpc.aio.AioRpcError as error:
        raise error_from_rpc(error) from error
    finally:
        stream.cancel()
    raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "the stream ended; resume from the last height seen")


def _is_unavailable(error: BaseException) -> bool:
    """A stopping or unreachable server; a deadline that passed is not repeated, its caller waited long enough."""
    return isinstance(error, LedgerUnavailableError) and error.reason != Reason.DEADLINE_EXCEEDED


class _Client:
    """A channel and a deadline; closes the channel when used as a context manager."""

    def __init__(self, channel: grpc.aio.Channel, seconds: int = limits.CLIENT_DEADLINE_SECONDS) -> None:
        self._channel = channel
        self._seconds = seconds

    async def _read(self, call: Callable[..., Awaitable[T]], request: object) -> T:
        return await read(call, request, self._seconds)

    async def _write(self, call: Callable[..., Awaitable[T]], request: object) -> T:
        return await write(call, request, self._seconds)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class LedgerClient(_Client):
    """LedgerService."""

    def __init__(self, channel: grpc.aio.Channel, seconds: int = limits.CLIENT_DEADLINE_SECONDS) -> None:
        super().__init__(channel, seconds)
        self._stub = ledger_grpc.LedgerServiceStub(channel)

    async def info(self) -> ledger.GetLedgerInfoResponse:
        """Identity, height and present anchor."""
        return await self._read(self._stub.GetLedgerInfo, ledger.GetLedgerInfoRequest())

    async def headers(self, trusted_height: int, heights: Sequence[int]) -> Sequence[bytes]:
        """Header updates, each verifiable from the one before."""
        request = ledger.GetHeadersRequest(trusted_height=trusted_height, heights=heights)
        return (await self._read(self._stub.GetHeaders, request)).headers

    async def packets(self, request: ledger.ListPacketsRequest) -> ledger.ListPacketsResponse:
        """A page of packets and acknowledgements."""
        return await self._read(self._stub.ListPackets, request)

    def watch_blocks(self, after_height: int) -> AsyncIterator[ledger.WatchBlocksResponse]:
        """Notices of every block above `after_height`."""
        return watch(self._stub.WatchBlocks, ledger.WatchBlocksRequest(after_height=after_height))

    async def prove(self, request: ledger.ProveEntriesRequest) -> ledger.ProveEntriesResponse:
        """Runs that prove entries."""
        return await self._read(self._stub.ProveEntries, request)

    async def deliver(self, transaction: Transaction) -> ledger.DeliverResponse:
        """Deliver a relayer-signed transaction."""
        return await self._write(self._stub.Deliver, ledger.DeliverRequest(transaction=transaction))

    async def clients(self, request: ledger.ListClientsRequest) -> ledger.ListClientsResponse:
        """A page of light clients."""
        return await self._read(self._stub.ListClients, request)

    async def create_client(self, act: SignedAct) -> str:
        """Create a light client; its id."""
        return (await self._write(self._stub.CreateClient, ledger.CreateClientRequest(act=act))).client_id

    async def pair_client(self, act: SignedAct) -> str:
        """Pair a client; the counterparty's id."""
        return (await self._write(self._stub.PairClient, ledger.PairClientRequest(act=act))).counterparty_client_id

    async def submit_misbehaviour(self, evidence: MisbehaviourEvidence) -> ledger.SubmitMisbehaviourResponse:
        """Freeze a client by evidence."""
        request = ledger.SubmitMisbehaviourRequest(evidence=evidence)
        return await self._write(self._stub.SubmitMisbehaviour, request)


class CargoRecordsClient(_Client):
    """CargoService."""

    def __init__(self, channel: grpc.aio.Channel, seconds: int = limits.CLIENT_DEADLINE_SECONDS) -> None:
        super().__init__(channel, seconds)
        self._stub = cargo_grpc.CargoServiceStub(channel)

    async def corridor(self, client_id: str = "") -> cargo.GetCorridorResponse:
        """What may cross."""
        return await self._read(self._stub.GetCorridor, cargo.GetCorridorRequest(client_id=client_id))

    async def issue(self, records: Sequence[cargo.IssueItem]) -> cargo.IssueRecordsResponse:
        """Issue a batch; every record is answered on its own."""
        return await self._write(self._stub.IssueRecords, cargo.IssueRecordsRequest(records=records))

    async def get(self, request: cargo.GetRecordRequest) -> cargo.Record:
        """One record."""
        return (await self._read(self._stub.GetRecord, request)).record

    async def list(self, request: cargo.ListRecordsRequest) -> cargo.ListRecordsResponse:
        """A page of records."""
        return await self._read(self._stub.ListRecords, request)

    def watch(self, after_height: int) -> AsyncIterator[cargo.WatchRecordsResponse]:
        """Changes above `after_height`."""
        return watch(self._stub.WatchRecords, cargo.WatchRecordsRequest(after_height=after_height))

    async def export_bundle(self, record_id: str, anchor_height: int = 0) -> bytes:
        """ProofBundle bytes."""
        request = cargo.ExportBundleRequest(record_id=record_id, anchor_height=anchor_height)
        return (await self._read(self._stub.ExportBundle, request)).bundle

    async def erase(self, request: cargo.EraseRecordRequest) -> cargo.EraseRecordResponse:
        """Erase documents and seeds of a record: of one version, or of all."""
        return await self._write(self._stub.EraseRecord, request)

    async def exports(self, page_size: int = 0, page_token: str = "") -> cargo.ListExportsResponse:
        """A page of the export register."""
        request = cargo.ListExportsRequest(page_size=page_size, page_token=page_token)
        return await self._read(self._stub.ListExports, request)


class IdentifiersClient(_Client):
    """IdentifierService."""

    def __init__(self, channel: grpc.aio.Channel, seconds: int = limits.CLIENT_DEADLINE_SECONDS) -> None:
        super().__init__(channel, seconds)
        self._stub = identifiers_grpc.IdentifierServiceStub(channel)

    async def register(self, mapping: SignedMapping) -> identifiers.RegisterMappingResponse:
        """Register or revoke a mapping."""
        return await self._write(self._stub.RegisterMapping, identifiers.RegisterMappingRequest(mapping=mapping))

    async def resolve(self, identifier: Identifier) -> cargo.ResolvedIdentifier:
        """An identifier in its form on this side."""
        request = identifiers.ResolveIdentifierRequest(identifier=identifier)
        return (await self._read(self._stub.ResolveIdentifier, request)).resolved

    async def mappings(
        self, scheme: str = "", page_size: int = 0, page_token: str = ""
    ) -> identifiers.ListMappingsResponse:
        """A page of mappings."""
        request = identifiers.ListMappingsRequest(scheme=scheme, page_size=page_size, page_token=page_token)
        return await self._read(self._stub.ListMappings, request)


class AdminClient(_Client):
    """AdminService."""

    def __init__(self, channel: grpc.aio.Channel, seconds: int = limits.CLIENT_DEADLINE_SECONDS) -> None:
        super().__init__(channel, seconds)
        self._stub = admin_grpc.AdminServiceStub(channel)

    async def register_member(self, member: SignedMember) -> admin.RegisterMemberResponse:
        """Register, rotate or revoke a member."""
        return await self._write(self._stub.RegisterMember, admin.RegisterMemberRequest(member=member))

    async def members(self, page_size: int = 0, page_token: str = "") -> admin.ListMembersResponse:
        """A page of members."""
        request = admin.ListMembersRequest(page_size=page_size, page_token=page_token)
        return await self._read(self._stub.ListMembers, request)

    async def recover_client(self, act: SignedAct) -> int:
        """Recover a client; the height."""
        return (await self._write(self._stub.RecoverClient, admin.RecoverClientRequest(act=act))).height

    async def close_packets(self, act: SignedAct) -> admin.ClosePacketsResponse:
        """Close packets; the height, and whether they were closed before."""
        return await self._write(self._stub.ClosePackets, admin.ClosePacketsRequest(act=act))

    async def set_pause(self, act: SignedAct) -> int:
        """Pause or resume a port; the height."""
        return (await self._write(self._stub.SetPause, admin.SetPauseRequest(act=act))).height

    async def rotate_validators(self, act: SignedAct) -> int:
        """Replace the validators; the height."""
        return (await self._write(self._stub.RotateValidators, admin.RotateValidatorsRequest(act=act))).height


class RelayerClient(_Client):
    """RelayerService."""

    def __init__(self, channel: grpc.aio.Channel, seconds: int = limits.CLIENT_DEADLINE_SECONDS) -> None:
        super().__init__(channel, seconds)
        self._stub = relayer_grpc.RelayerServiceStub(channel)

    async def status(self) -> relayer.GetStatusResponse:
        """Both ledgers, both clients, every route."""
        return await self._read(self._stub.GetStatus, relayer.GetStatusRequest())

    async def pending(self, route: str = "", page_size: int = 0, page_token: str = "") -> relayer.ListPendingResponse:
        """A page of packets that wait."""
        request = relayer.ListPendingRequest(route=route, page_size=page_size, page_token=page_token)
        return await self._read(self._stub.ListPending, request)

    async def trace(self, ledger_id: str, sequence: int) -> Sequence[relayer.TraceStep]:
        """The way of one packet."""
        request = relayer.TracePacketRequest(ledger_id=ledger_id, sequence=sequence)
        return (await self._read(self._stub.TracePacket, request)).steps

    async def clear(self, route: str = "") -> AsyncIterator[relayer.ClearPacketsResponse]:
        """Relay everything pending now; progress until it is done."""
        try:
            async for progress in self._stub.ClearPackets(relayer.ClearPacketsRequest(route=route)):
                yield progress
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from error

    async def set_paused(self, *, paused: bool, route: str = "") -> Sequence[str]:
        """Pause or resume a route; the routes that changed."""
        request = relayer.SetPausedRequest(route=route, paused=paused)
        return (await self._write(self._stub.SetPaused, request)).routes
