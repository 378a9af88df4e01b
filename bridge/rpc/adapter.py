"""Puts an adapter together: keys, format, application, store, sequencer, servicers, server. Twins differ in kind."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import grpc
import structlog

from bridge.clock import Clock, Nanos, SystemClock
from bridge.crypto.cache import VerifiedSignatures
from bridge.crypto.keys import load_signer, public_key_from_pem
from bridge.crypto.ports import Signer
from bridge.errors import DecodeError, Reason
from bridge.ledger.application import Application
from bridge.ledger.config import ApplicationConfig
from bridge.ledger.engine import Engine
from bridge.ledger.high_water import HighWaterMark
from bridge.ledger.types import BlockFormat
from bridge.light_client.profiles import profile
from bridge.rpc.admission import AdmissionLimits
from bridge.rpc.identity import Identities
from bridge.rpc.interceptors import Gate, GateLimits
from bridge.rpc.node import LedgerNode, NodeKey
from bridge.rpc.record_index import arrival_attachments
from bridge.rpc.roles import RoleTable, load_roles
from bridge.rpc.sequencer import Sequencer
from bridge.rpc.server import RunningServer, ServerOptions, start_server
from bridge.rpc.servicers.admin import AdminServicer
from bridge.rpc.servicers.cargo import CargoServicer
from bridge.rpc.servicers.identifier import IdentifierServicer
from bridge.rpc.servicers.ledger import LedgerServicer
from bridge.rpc.settings import AdapterSettings, KeySection
from bridge.rpc.tls import read_passphrase
from bridge.rpc.watched import WatchedFile
from bridge.rpc.workers import Workers
from bridge.store.database import Database
from bridge.store.erasing import DocumentEraser
from bridge.store.high_water import FileHighWaterMark
from bridge.store.ledger_store import LedgerStore
from bridge.store.places import EntryPlaces
from bridge.store.queries import StoreQueries
from bridge.v1 import admin_service_pb2, cargo_service_pb2, identifier_service_pb2, ledger_service_pb2
from bridge.v1.admin_service_pb2_grpc import add_AdminServiceServicer_to_server
from bridge.v1.cargo_service_pb2_grpc import add_CargoServiceServicer_to_server
from bridge.v1.identifier_service_pb2_grpc import add_IdentifierServiceServicer_to_server
from bridge.v1.ledger_service_pb2_grpc import add_LedgerServiceServicer_to_server
from bridge.v1.transaction_pb2 import ValidatorInfo

_LOG = structlog.get_logger("bridge.adapter")

MAX_MEMBER_FILE_BYTES = 64 * 1024
"""Largest genesis member file, in bytes; a registration with every key and name has a few kilobytes."""

HEALTH_SECONDS = 1
"""Seconds between looks at whether the ledger can write; health follows within that."""

SERVICES: tuple[str, ...] = (
    ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"].full_name,
    cargo_service_pb2.DESCRIPTOR.services_by_name["CargoService"].full_name,
    identifier_service_pb2.DESCRIPTOR.services_by_name["IdentifierService"].full_name,
    admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name,
)


class MakeFormat(Protocol):
    """Makes a side's block format."""

    def __call__(
        self,
        ledger_id: str,
        validators: Sequence[ValidatorInfo],
        signers: Sequence[Signer],
        high_water: HighWaterMark,
        genesis_time: Nanos,
    ) -> BlockFormat:
        """The format before its first block."""
        ...


@dataclass(frozen=True, slots=True)
class AdapterKind:
    """What tells one side's adapter from the other's. `country` is the ISO 3166 code of the side."""

    program: str
    profile_id: str
    country: str
    make_format: MakeFormat


class Adapter:
    """A running adapter."""

    def __init__(self, server: RunningServer, node: LedgerNode, workers: Workers, stack: AsyncExitStack) -> None:
        self.server = server
        self.node = node
        self.workers = workers
        self._stack = stack

    @property
    def port(self) -> int:
        """Port it listens on."""
        return self.server.port

    async def stop(self) -> None:
        """[ADP-3] NOT_SERVING, let calls end, finish what was admitted, close the store and the signers' mark."""
        await self._stack.aclose()


def require_settings(settings: AdapterSettings, kind: AdapterKind) -> ApplicationConfig:
    """[ADP-1] The application's configuration when settings, keys and members belong together.

    Raises BridgeError CONFIGURATION_INVALID and what reading keys and members raises.
    """
    if settings.profile != kind.profile_id:
        detail = f"profile: {kind.program} serves ledgers of profile {kind.profile_id}"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail, got=settings.profile)
    suite_id = profile(settings.profile).suite_id
    authority_suite, authority_key = public_key_from_pem(settings.authority_public_key.read_bytes())
    return ApplicationConfig(
        ledger_id=settings.ledger_id,
        profile_id=settings.profile,
        suite_id=suite_id,
        authority_suite=authority_suite,
        authority_public_key=authority_key,
        record_id_prefix=settings.record_id_prefix,
        policy=settings.policy,
        max_timeout_ahead=settings.limits.max_timeout_seconds,
        genesis_members=tuple(_member_file(path) for path in settings.genesis.members),
    )


async def start_adapter(settings: AdapterSettings, kind: AdapterKind, clock: Clock | None = None) -> Adapter:
    """[ADP-2] Open the ledger, recover it, and serve; raises BridgeError when anything stands against it."""
    clock = clock or SystemClock()
    config = require_settings(settings, kind)
    async with AsyncExitStack() as stack:
        roles = WatchedFile(settings.roles, load_roles)
        _reload_on_signal(roles)
        workers = Workers(settings.workers, config.policy.rules)
        stack.callback(workers.close)
        node = await asyncio.to_thread(_open_node, settings, kind, config, roles.value, clock, workers)
        stack.callback(node.mark.close)
        stack.push_async_callback(node.node.sequencer.stop)
        stack.callback(node.node.close)
        tip = await node.node.sequencer.start()
        cargo = CargoServicer(node.node, workers)
        stack.callback(cargo.close)
        server = await start_server(_options(settings), _gate(settings, roles, clock), _register(node.node, cargo))
        stack.push_async_callback(server.stop)
        health = asyncio.create_task(_follow_health(server, node.node.sequencer))
        stack.push_async_callback(_end, health)
        _LOG.info("adapter.started", ledger=config.ledger_id, height=tip.height, port=server.port)
        return Adapter(server, node.node, workers, stack.pop_all())


async def serve(settings: AdapterSettings, kind: AdapterKind) -> None:
    """Serve until SIGTERM or SIGINT, then stop in order."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    adapter = await start_adapter(settings, kind)
    await asyncio.to_thread(adapter.workers.start)
    await stop.wait()
    await adapter.stop()
    _LOG.info("adapter.stopped", ledger=settings.ledger_id)


@dataclass(frozen=True, slots=True)
class _Opened:
    node: LedgerNode
    mark: FileHighWaterMark


def _open_node(
    settings: AdapterSettings,
    kind: AdapterKind,
    config: ApplicationConfig,
    roles: Callable[[], RoleTable],
    clock: Clock,
    workers: Workers,
) -> _Opened:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    signers = [_signer(section, config.suite_id) for section in settings.validators]
    validators = [
        ValidatorInfo(node_id=section.node_id, public_key=signer.public_key, voting_power=section.voting_power)
        for section, signer in zip(settings.validators, signers, strict=True)
    ]
    key = NodeKey(settings.node.member_id, settings.node.key_id, _signer(settings.node, config.suite_id))
    mark = FileHighWaterMark(settings.data_dir / "signers.mark", config.ledger_id)
    try:
        block_format = kind.make_format(config.ledger_id, validators, signers, mark, settings.genesis.nanos)
        database = Database.open(settings.store_url, config.ledger_id)
        store = LedgerStore(database)
        engine = Engine(
            block_format,
            Application(config),
            store,
            mark,
            VerifiedSignatures(),
            attach=arrival_attachments,
            examine=workers.examine,
        )
        sequencer = Sequencer(engine, clock)
        queries = StoreQueries(database)
        node = LedgerNode(
            config,
            sequencer,
            queries,
            EntryPlaces(database),
            store.reader,
            DocumentEraser(database),
            key,
            roles,
            clock,
            kind.country,
        )
    except BaseException:
        mark.close()
        raise
    return _Opened(node, mark)


def _signer(section: KeySection, suite_id: str) -> Signer:
    signer = load_signer(section.key_file, read_passphrase(section.passphrase_file))
    if signer.suite_id != suite_id:
        detail = f"{section.key_file}: the key is of another suite than the ledger"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail, got=signer.suite_id, expected=suite_id)
    return signer


def _member_file(path: Path) -> bytes:
    data = path.read_bytes()
    if len(data) > MAX_MEMBER_FILE_BYTES:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: too large for a member registration", got=len(data))
    return data


def _gate(settings: AdapterSettings, roles: WatchedFile[RoleTable], clock: Clock) -> Gate:
    most = settings.limits
    return Gate(
        Identities(clock, lambda: roles.value().denied),
        roles.value,
        GateLimits(
            deadline_seconds=most.deadline_seconds,
            message_bytes=most.message_bytes,
            admission=AdmissionLimits(most.calls_in_flight, most.calls_per_caller, most.watches_per_caller),
        ),
    )


def _options(settings: AdapterSettings) -> ServerOptions:
    return ServerOptions(
        listen=settings.listen,
        tls=settings.tls,
        allow_remote=settings.allow_remote,
        reflection=settings.reflection,
        message_bytes=settings.limits.message_bytes,
        drain_seconds=settings.limits.drain_seconds,
        services=SERVICES,
    )


def _register(node: LedgerNode, cargo: CargoServicer) -> Callable[[grpc.aio.Server], None]:
    def register(server: grpc.aio.Server) -> None:
        add_LedgerServiceServicer_to_server(LedgerServicer(node), server)
        add_CargoServiceServicer_to_server(cargo, server)
        add_IdentifierServiceServicer_to_server(IdentifierServicer(node), server)
        add_AdminServiceServicer_to_server(AdminServicer(node), server)

    return register


def _reload_on_signal(roles: WatchedFile[RoleTable]) -> None:
    """[ROL-4] SIGHUP reads the role table again at once."""
    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, roles.reload)
    except (ValueError, RuntimeError):
        _LOG.debug("signals.not_here")  # only the main thread gets signals; the file's change is noticed anyway


async def _follow_health(server: RunningServer, sequencer: Sequencer) -> None:
    """[ADP-4] SERVING while the ledger can write."""
    said: bool | None = None
    while True:
        serving = sequencer.refusal is None
        if serving is not said:
            await server.set_serving(serving=serving)
            said = serving
        await asyncio.sleep(HEALTH_SECONDS)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
