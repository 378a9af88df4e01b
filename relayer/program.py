"""Puts a relayer together from its configuration and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import structlog

from bridge.clock import NANOS_PER_SECOND, Clock, SystemClock
from bridge.crypto.keys import load_signer
from bridge.rpc.clients import LedgerClient, connect
from bridge.rpc.identity import Identities
from bridge.rpc.interceptors import Gate
from bridge.rpc.roles import load_roles
from bridge.rpc.server import RunningServer, ServerOptions, start_server
from bridge.rpc.tls import read_passphrase
from bridge.rpc.watched import WatchedFile
from bridge.v1 import relayer_service_pb2 as api
from bridge.v1.relayer_service_pb2_grpc import add_RelayerServiceServicer_to_server
from relayer.config import LedgerSection, RelayerConfig
from relayer.endpoint import Endpoint
from relayer.plan import Turn
from relayer.route import Route
from relayer.service import RelayerServicer

_LOG = structlog.get_logger("relayer")


async def run(config: RelayerConfig) -> None:
    """Serve until SIGTERM or SIGINT; what is in flight may be lost, because the ledgers know what is pending."""
    clock = SystemClock()
    first, second = (_endpoint(section, clock) for section in config.ledgers)
    turn = Turn(config.turn.index, config.turn.count)
    fallback = int(config.fallback_delay_seconds * NANOS_PER_SECOND)
    routes = [Route(first, second, turn, fallback), Route(second, first, turn, fallback)]
    server = await _serve(config, RelayerServicer(config.relayer_id, routes, clock), clock)
    await server.set_serving(serving=True)
    _LOG.info("relayer.started", relayer=config.relayer_id, routes=[route.name for route in routes], port=server.port)
    tasks = [asyncio.create_task(route.run(), name=route.name) for route in routes]
    tasks.append(asyncio.create_task(_stop_signal(), name="signal"))
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.stop()
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    _LOG.info("relayer.stopped", relayer=config.relayer_id)


async def _serve(config: RelayerConfig, servicer: RelayerServicer, clock: Clock) -> RunningServer:
    roles = WatchedFile(config.roles, load_roles)
    gate = Gate(Identities(clock, lambda: roles.value().denied), roles.value)
    options = ServerOptions(
        listen=config.listen,
        tls=config.tls,
        allow_remote=config.allow_remote,
        reflection=config.reflection,
        services=(api.DESCRIPTOR.services_by_name["RelayerService"].full_name,),
    )
    return await start_server(options, gate, lambda server: add_RelayerServiceServicer_to_server(servicer, server))


def _endpoint(section: LedgerSection, clock: Clock) -> Endpoint:
    signer = load_signer(section.key_file, read_passphrase(section.passphrase_file))
    client = LedgerClient(connect(section.target, section.tls))
    return Endpoint(section.ledger_id, client, signer, section.member_id, section.key_id, clock)


async def _stop_signal() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # platforms whose event loop takes no signals stop by interrupt
            loop.add_signal_handler(number, stop.set)
    await stop.wait()
