"""Calls to the target: one mTLS channel an identity, a deadline on every call, and a record of what went over it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import grpc
from google.protobuf.message import Message

from bridge.conformance.checks import describe
from bridge.rpc import limits
from bridge.rpc.tls import TlsFiles, channel_credentials

T = TypeVar("T")

CALL_SECONDS = 10
"""Deadline of a call whose case sets none, in seconds: a test ledger answers at once, a dead one must not hang us."""

MAX_EXCHANGES = 200
"""Calls remembered of one case; the oldest go first: what decided a verdict is near its end."""

MAX_REMEMBERED_BYTES = 1024 * 1024
"""Bytes remembered of one request or answer; larger ones are cut: limits are tested with messages of many megabytes."""

_RECONNECT_MILLISECONDS = 100
"""First pause before a connection is tried again, in milliseconds: a target that restarts is back soon."""

_CONNECT_MILLISECONDS = 5_000
"""Time a connection has to be made, in milliseconds: a busy machine shakes hands slowly, and half a call is left then.
gRPC's name for it (min_reconnect_backoff) tells of a pause, and it is none where the port refuses at once."""


@dataclass(slots=True)
class Exchange:
    """One call as it went over the wire."""

    method: str
    role: str
    request: bytes
    response: bytes = b""
    outcome: str = "OK"
    milliseconds: int = 0


@dataclass(slots=True)
class Recorder:
    """What the present case sent and got; emptied between cases."""

    exchanges: list[Exchange] = field(default_factory=list)

    def begin(self, method: str, role: str, request: object) -> Exchange:
        """Note a call that is about to be made."""
        exchange = Exchange(method.removeprefix("/"), role, _bytes(request))
        self.exchanges.append(exchange)
        del self.exchanges[:-MAX_EXCHANGES]
        return exchange

    def take(self) -> list[Exchange]:
        """Everything noted since the last time."""
        taken, self.exchanges = self.exchanges, []
        return taken


class _Details(NamedTuple):
    """What grpc wants of call details, made anew because a deadline cannot be set on the ones handed in."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _Watch(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[misc, type-arg, unused-ignore]
    """Sets the deadline where the caller set none, and notes the exchange."""

    def __init__(self, role: str, recorder: Recorder) -> None:
        self._role = role
        self._recorder = recorder

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        exchange = self._recorder.begin(details.method, self._role, request)
        started = time.monotonic()
        call = continuation(_with_deadline(details), request)
        call.add_done_callback(lambda done: _note(exchange, done, started))
        return call

    def intercept_unary_stream(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        exchange = self._recorder.begin(details.method, self._role, request)
        exchange.outcome = "STREAM"
        return continuation(_with_deadline(details), request)


def open_channel(
    endpoint: str, tls: TlsFiles, *, server_name: str = "", role: str = "", recorder: Recorder | None = None
) -> grpc.Channel:
    """A channel of its own under these TLS files; with a recorder its calls are noted and have a deadline."""
    channel = grpc.secure_channel(endpoint, channel_credentials(tls), options=channel_options(server_name))
    return channel if recorder is None else grpc.intercept_channel(channel, _Watch(role, recorder))


def channel_options(server_name: str = "") -> list[tuple[str, Any]]:
    """Options of a channel of the kit: it may send and take more than the target does, to see what the target does."""
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", 4 * limits.MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", limits.MAX_METADATA_BYTES),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", _RECONNECT_MILLISECONDS),
        ("grpc.min_reconnect_backoff_ms", _CONNECT_MILLISECONDS),
        ("grpc.max_reconnect_backoff_ms", 4 * _RECONNECT_MILLISECONDS),
    ]
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return options


def call_bytes(channel: grpc.Channel, method: str, request: bytes, *, seconds: float = CALL_SECONDS) -> bytes:
    """Call "package.Service/Method" with these very bytes; the answer as it came. Raises what grpc raises."""
    call = channel.unary_unary(f"/{method}", request_serializer=_same, response_deserializer=_same)
    answer: bytes = call(request, timeout=seconds)
    return answer


def first_messages(stream: Iterable[T], count: int) -> list[T]:
    """The first messages of a stream, which is cancelled afterwards; fewer where it ends before."""
    found: list[T] = []
    try:
        for message in stream:
            found.append(message)
            if len(found) == count:
                break
    finally:
        getattr(stream, "cancel", lambda: None)()
    return found


def _same(data: bytes) -> bytes:
    return data


def _bytes(message: object) -> bytes:
    if isinstance(message, Message):
        return message.SerializeToString()[:MAX_REMEMBERED_BYTES]
    return bytes(message[:MAX_REMEMBERED_BYTES]) if isinstance(message, bytes) else b""


def _with_deadline(details: Any) -> _Details:
    return _Details(
        method=details.method,
        timeout=CALL_SECONDS if details.timeout is None else details.timeout,
        metadata=details.metadata,
        credentials=details.credentials,
        wait_for_ready=getattr(details, "wait_for_ready", None),
        compression=getattr(details, "compression", None),
    )


def _note(exchange: Exchange, call: Any, started: float) -> None:
    exchange.milliseconds = round(1_000 * (time.monotonic() - started))
    try:
        exchange.response = _bytes(call.result())
    except grpc.RpcError as error:
        exchange.outcome = describe(error)
    except grpc.FutureCancelledError:
        exchange.outcome = "CANCELLED"
