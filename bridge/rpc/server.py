"""One gRPC server: mTLS, the gate, health, reflection by flag, limits both ways, and a stop that waits for calls."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection

from bridge.errors import DecodeError, Reason
from bridge.rpc import limits
from bridge.rpc.interceptors import Gate
from bridge.rpc.tls import TlsFiles, server_credentials

_LOG = structlog.get_logger("bridge.rpc")

_MILLISECONDS = 1_000


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and how to listen; `listen` is "host:port" with port 0 for any free one."""

    listen: str
    tls: TlsFiles
    allow_remote: bool = False
    reflection: bool = False
    message_bytes: int = limits.MAX_MESSAGE_BYTES
    drain_seconds: int = limits.DRAIN_SECONDS
    connection_age_seconds: int = limits.MAX_CONNECTION_AGE_SECONDS
    services: Sequence[str] = field(default=())
    """Full names of the services, for health and reflection."""


class RunningServer:
    """A started server; `stop` is the one way out."""

    def __init__(self, server: grpc.aio.Server, gate: Gate, options: ServerOptions, port: int) -> None:
        self._server = server
        self._gate = gate
        self._options = options
        self._health = health_aio.HealthServicer()
        self.port = port
        self._stopped = False

    async def start(self) -> None:
        """Take calls; health answers NOT_SERVING until `set_serving`."""
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        await self.set_serving(serving=False)
        await self._server.start()

    async def set_serving(self, *, serving: bool) -> None:
        """[SRV-3] What health says, overall ("") and for every service."""
        kinds = health_pb2.HealthCheckResponse
        status = kinds.SERVING if serving else kinds.NOT_SERVING
        for name in ("", *self._options.services):
            await self._health.set(name, status)

    async def stop(self) -> None:
        """[SRV-4] Say NOT_SERVING, let nothing new in, let calls end, then close; a second stop does nothing."""
        if self._stopped:
            return
        self._stopped = True
        await self._health.enter_graceful_shutdown()
        drained = await self._gate.admission.drain(self._options.drain_seconds)
        _LOG.info("server.stopping", drained=drained)
        await self._server.stop(1 if drained else 0)

    async def wait(self) -> None:
        """Until the server has stopped."""
        await self._server.wait_for_termination()


async def start_server(
    options: ServerOptions, gate: Gate, register: Callable[[grpc.aio.Server], None]
) -> RunningServer:
    """[SRV-1] Start a server whose every method passes `gate`; `register` adds the servicers.

    Raises DecodeError CONFIGURATION_INVALID for an address that may not or cannot be listened on, or bad TLS files.
    """
    require_listen_address(options.listen, allow_remote=options.allow_remote)
    server = grpc.aio.server(interceptors=[gate], options=_channel_arguments(options))
    register(server)
    if options.reflection:
        names = (*options.services, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
        reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)
    try:
        port = server.add_secure_port(options.listen, server_credentials(options.tls))
    except RuntimeError as error:
        detail = f"cannot listen on {options.listen}; is another program there?"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail) from error
    running = RunningServer(server, gate, options, port)
    await running.start()
    _LOG.info("server.started", listen=options.listen, port=port, services=list(options.services))
    return running


def require_listen_address(listen: str, *, allow_remote: bool) -> None:
    """[SRV-2] `host:port`, loopback unless `allow_remote`: a door to the network is opened on purpose or not at all."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise DecodeError(Reason.CONFIGURATION_INVALID, "listen must be host:port", got=listen)
    bare = host.removeprefix("[").removesuffix("]")
    try:
        loopback = bare == "localhost" or ipaddress.ip_address(bare).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not allow_remote:
        detail = "listen is not a loopback address; set allow_remote: true if the network is meant"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail, got=listen)


def _channel_arguments(options: ServerOptions) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", options.message_bytes),
        ("grpc.max_send_message_length", options.message_bytes),
        ("grpc.max_metadata_size", limits.MAX_METADATA_BYTES),
        ("grpc.max_concurrent_streams", limits.MAX_STREAMS_PER_CONNECTION),
        ("grpc.max_connection_age_ms", options.connection_age_seconds * _MILLISECONDS),
        ("grpc.max_connection_age_grace_ms", limits.MAX_CONNECTION_AGE_GRACE_SECONDS * _MILLISECONDS),
        ("grpc.keepalive_time_ms", limits.KEEPALIVE_SECONDS * _MILLISECONDS),
        ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_SECONDS * _MILLISECONDS),
        # With port reuse on, a second process would quietly share the port and half of the calls.
        ("grpc.so_reuseport", 0),
    ]
