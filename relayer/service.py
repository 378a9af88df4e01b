"""RelayerService: status, pending packets with their reasons, the trace of one packet, clearing and pausing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from bridge.clock import NANOS_PER_SECOND, Clock
from bridge.errors import BridgeError, DecodeError, NotFoundError, Reason
from bridge.rpc.paging import page_size_of
from bridge.v1 import ledger_service_pb2 as ledger_api
from bridge.v1 import relayer_service_pb2 as api
from bridge.v1.packet_pb2 import Acknowledgement, Outcome
from bridge.v1.relayer_service_pb2_grpc import RelayerServiceServicer
from bridge.wire import nanos_from
from relayer.endpoint import MAX_PAGE
from relayer.plan import eta_seconds
from relayer.route import Route

_CONTEXT = Any
"""grpc.aio.ServicerContext; nothing of it is used here."""


class RelayerServicer(RelayerServiceServicer):
    """Answers from the two ledgers as they are now, not from memory."""

    def __init__(self, relayer_id: str, routes: Sequence[Route], clock: Clock) -> None:
        self._relayer_id = relayer_id
        self._routes = {route.name: route for route in routes}
        self._clock = clock
        self._started = clock.now()

    async def GetStatus(self, request: api.GetStatusRequest, context: _CONTEXT) -> api.GetStatusResponse:  # noqa: N802, ARG002
        """Both ledgers, both clients, every route."""
        return api.GetStatusResponse(
            relayer_id=self._relayer_id,
            uptime_seconds=(self._clock.now() - self._started) // NANOS_PER_SECOND,
            routes=[await self._route_status(route) for route in self._routes.values()],
        )

    async def ListPending(self, request: api.ListPendingRequest, context: _CONTEXT) -> api.ListPendingResponse:  # noqa: N802, ARG002
        """Packets that wait at their source, oldest first, one page over all chosen routes."""
        size = page_size_of(request.page_size)
        skip = _offset(request.page_token)
        found: list[api.PendingPacket] = []
        for route in self._chosen(request.route):
            async for packet in self._pending(route):
                found.append(packet)
                if len(found) > skip + size:
                    return api.ListPendingResponse(packets=found[skip:-1], next_page_token=str(skip + size))
        return api.ListPendingResponse(packets=found[skip:])

    async def TracePacket(self, request: api.TracePacketRequest, context: _CONTEXT) -> api.TracePacketResponse:  # noqa: N802, ARG002
        """Where one packet is on its way, told by the ledgers it passes."""
        for route in self._routes.values():
            if route.source.ledger_id == request.ledger_id:
                return api.TracePacketResponse(steps=await _trace(route, request.sequence))
        raise NotFoundError(Reason.PACKET_NOT_FOUND, "this relayer serves no such ledger", got=request.ledger_id)

    async def ClearPackets(  # noqa: N802
        self,
        request: api.ClearPacketsRequest,
        context: _CONTEXT,  # noqa: ARG002
    ) -> AsyncIterator[api.ClearPacketsResponse]:
        """Carry everything pending now and report progress."""
        for route in self._chosen(request.route):
            started, total, done = self._clock.now(), 0, 0
            async for total, done in route.clear():
                eta = eta_seconds(total, done, self._clock.now() - started)
                yield api.ClearPacketsResponse(route=route.name, total_count=total, done_count=done, eta_seconds=eta)
            yield api.ClearPacketsResponse(route=route.name, total_count=total, done_count=done, finished=True)

    async def SetPaused(self, request: api.SetPausedRequest, context: _CONTEXT) -> api.SetPausedResponse:  # noqa: N802, ARG002
        """Pause or resume routes of this relayer; the other authority's relayer is not touched."""
        chosen = self._chosen(request.route)
        for route in chosen:
            route.pause(paused=request.paused)
        return api.SetPausedResponse(routes=[route.name for route in chosen])

    def _chosen(self, name: str) -> Sequence[Route]:
        if not name:
            return list(self._routes.values())
        if name not in self._routes:
            raise NotFoundError(Reason.ROUTE_UNKNOWN, "no such route", got=name, known=" ".join(self._routes))
        return [self._routes[name]]

    async def _route_status(self, route: Route) -> api.RouteStatus:
        stats = route.stats
        status = api.RouteStatus(
            route=route.name,
            source_ledger_id=route.source.ledger_id,
            destination_ledger_id=route.destination.ledger_id,
            client_state="UNKNOWN",
            delivered_count=stats.delivered,
            noop_count=stats.noop,
            refused_count=stats.refused,
            acknowledged_count=stats.acknowledged,
            paused=route.paused,
            last_error=stats.last_error,
            reachable=stats.reachable,
        )
        try:
            status.source_height = (await route.source.info()).height
            pair = await route.pair()
            client = await route.destination.client(pair.destination_client)
            latest = nanos_from(client.latest_time, "latest_time")
            status.trusted_height = client.latest_height
            status.client_state = ledger_api.ClientState.Name(client.state).removeprefix("CLIENT_STATE_")
            status.expiry_seconds = (latest + pair.options.trusting_period - self._clock.now()) // NANOS_PER_SECOND
            status.pending_count = (await route.source.client(pair.source_client)).pending_count
        except BridgeError as error:
            status.last_error = str(error)
        return status

    async def _pending(self, route: Route) -> AsyncIterator[api.PendingPacket]:
        pair = await route.pair()
        client = await route.destination.client(pair.destination_client)
        async for page in route.source.pending_pages(pair.source_client):
            sequences = [item.sequence for item in page]
            received = {
                item.sequence
                for item in await route.destination.by_sequence(
                    pair.destination_client, ledger_api.PACKET_KIND_ACKNOWLEDGEMENT, sequences
                )
            }
            for item in page:
                reason, detail = _why(route, client.state, item.sequence, received=item.sequence in received)
                yield api.PendingPacket(
                    route=route.name,
                    client_id=pair.source_client,
                    sequence=item.sequence,
                    port=item.port,
                    age_seconds=max(0, self._clock.now() - nanos_from(item.block_time, "block_time"))
                    // NANOS_PER_SECOND,
                    reason=reason,
                    detail=detail,
                )


def _why(route: Route, state: ledger_api.ClientState.ValueType, sequence: int, *, received: bool) -> tuple[str, str]:
    """The reason a packet waits, the gravest first."""
    frozen, expired = state == ledger_api.CLIENT_STATE_FROZEN, state == ledger_api.CLIENT_STATE_EXPIRED
    refusal = route.refusals.get(sequence, "")
    reasons = (
        (frozen, "CLIENT_FROZEN", "misbehaviour was proven; both authorities must recover the client"),
        (expired, "CLIENT_EXPIRED", "no header came in the trusting period; both authorities must recover the client"),
        (route.paused, "ROUTE_PAUSED", "an operator paused this route"),
        (refusal, f"REFUSED:{refusal}", "the destination refused the last delivery"),
        (received, "AWAITING_ACKNOWLEDGEMENT", "received; its acknowledgement is on the way back"),
        (not route.stats.reachable, "LEDGER_UNAVAILABLE", route.stats.last_error),
        (True, "AWAITING_DELIVERY", "in a lane of this relayer, or of the one whose turn it is"),
    )
    return next((code, detail) for holds, code, detail in reasons if holds)


async def _trace(route: Route, sequence: int) -> list[api.TraceStep]:
    pair = await route.pair()
    sent = await route.source.by_sequence(pair.source_client, ledger_api.PACKET_KIND_SENT, [sequence])
    if not sent:
        raise NotFoundError(Reason.PACKET_NOT_FOUND, "never sent", ledger=route.source.ledger_id, sequence=sequence)
    item, source, destination = sent[0], route.source.ledger_id, route.destination.ledger_id
    provable = (await route.source.info()).provable_height
    client = await route.destination.client(pair.destination_client)
    written = await route.destination.by_sequence(
        pair.destination_client, ledger_api.PACKET_KIND_ACKNOWLEDGEMENT, [sequence], bodies=True
    )
    received = written[0] if written else None
    outcome = Outcome.Name(Acknowledgement.FromString(received.body).outcome) if received else ""
    closed = item.state != ledger_api.PACKET_STATE_COMMITTED
    by_act = item.state == ledger_api.PACKET_STATE_CLOSED_BY_AUTHORITIES
    state = ledger_api.PacketState.Name(item.state).removeprefix("PACKET_STATE_")
    return [
        api.TraceStep(step="sent", done=True, ledger_id=source, height=item.height, detail=f"port {item.port}"),
        api.TraceStep(step="provable", done=provable >= item.height, ledger_id=source, height=provable),
        api.TraceStep(
            step="trusted",
            done=client.latest_height >= item.height,
            ledger_id=destination,
            height=client.latest_height,
            detail=f"client {pair.destination_client}",
        ),
        api.TraceStep(
            step="received",
            done=received is not None,
            ledger_id=destination,
            height=received.height if received else 0,
            detail=outcome.removeprefix("OUTCOME_"),
        ),
        api.TraceStep(
            step="closed" if by_act else "acknowledged", done=closed, ledger_id=source, detail=state if closed else ""
        ),
    ]


def _offset(token: str) -> int:
    if not token:
        return 0
    if not token.isascii() or not token.isdigit() or len(token) > len(str(MAX_PAGE)) + 6:
        raise DecodeError(Reason.INVALID_PAGE_TOKEN, "not a token of this list", got=token)
    return int(token)
