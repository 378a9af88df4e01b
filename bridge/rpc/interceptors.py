"""The gate every call passes: identity, role, limits, strict decoding, deadline, error mapping and one access-log line.

Requests are parsed after the caller was allowed: a stranger's bytes reach no parser of ours. Payloads are not logged.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import Message

from bridge.errors import BridgeError, DecodeError, LedgerUnavailableError, LimitError, PreconditionError, Reason
from bridge.rpc import limits
from bridge.rpc.admission import Admission, AdmissionLimits
from bridge.rpc.errors import code_of, status_of, status_of_bug, trailers_of
from bridge.rpc.identity import Caller, Identities
from bridge.rpc.methods import request_classes
from bridge.rpc.requests import decode_request
from bridge.rpc.roles import RoleTable

_LOG = structlog.get_logger("bridge.rpc")

CALLER: ContextVar[Caller] = ContextVar("caller")
"""The caller of the call that runs now; set for every servicer method."""

_NANOS_PER_MICROSECOND = 1_000


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What a settings file may lower."""

    deadline_seconds: int = limits.DEFAULT_DEADLINE_SECONDS
    message_bytes: int = limits.MAX_MESSAGE_BYTES
    admission: AdmissionLimits = field(default_factory=AdmissionLimits)


@dataclass(slots=True)
class _Visit:
    """One call on its way through; what the access log tells about it."""

    method: str
    started: int
    caller: str = ""
    request_bytes: int = 0
    response_bytes: int = 0
    messages: int = 0


class Gate(grpc.aio.ServerInterceptor):
    """One for a server. Every method of every service passes it; there is no list of exceptions."""

    def __init__(self, identities: Identities, roles: Callable[[], RoleTable], most: GateLimits | None = None) -> None:
        self._identities = identities
        self._roles = roles
        self._most = most or GateLimits()
        self._handlers: dict[str, Any] = {}
        self.admission = Admission(self._most.admission)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:  # called by grpc for every call
        """The method's handler behind the gate; made once per method."""
        method = handler_call_details.method.removeprefix("/")
        handler = self._handlers.get(method)
        if handler is None:
            inner = await continuation(handler_call_details)
            handler = self._wrap(method, inner)
            if inner is not None:  # strangers' method names must not fill memory
                self._handlers[method] = handler
        return handler

    def _wrap(self, method: str, inner: Any) -> Any:
        if inner is None:
            return grpc.unary_unary_rpc_method_handler(self._unknown(method))
        if not inner.response_streaming:
            return grpc.unary_unary_rpc_method_handler(self._unary(method, inner))
        make = (
            grpc.stream_stream_rpc_method_handler if inner.request_streaming else grpc.unary_stream_rpc_method_handler
        )
        return make(self._stream(method, inner), response_serializer=inner.response_serializer)

    def _unknown(self, method: str) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def behaviour(_request: bytes, context: Any) -> bytes:
            visit = _Visit(method[:128], time.monotonic_ns())
            try:
                self._admit(visit, context)
            except BridgeError as error:
                await _refuse(visit, context, error)
            await _refuse(visit, context, PreconditionError(Reason.METHOD_UNKNOWN, "this server has no such method"))

        return behaviour

    def _unary(self, method: str, inner: Any) -> Callable[[bytes, Any], Awaitable[bytes]]:
        decode = _decoder(method, inner, self._most.message_bytes)

        async def behaviour(data: bytes, context: Any) -> bytes:
            visit = _Visit(method, time.monotonic_ns(), request_bytes=len(data))
            try:
                caller = self._admit(visit, context)
                with self.admission.unary(caller.spiffe_id):
                    async with asyncio.timeout(self._seconds(context)) as deadline:
                        answer: bytes = (await inner.unary_unary(decode(data), context)).SerializeToString()
                _require_sendable(answer, self._most.message_bytes)
            except (grpc.aio.AbortError, asyncio.CancelledError):
                _log(visit, "ABORTED_OR_CANCELLED", "")
                raise
            except TimeoutError as error:
                await _end(visit, context, _late() if deadline.expired() else error)
            except Exception as error:  # noqa: BLE001 the gate is where a bug must become INTERNAL
                await _end(visit, context, error)
            visit.response_bytes = len(answer)
            _log(visit, "OK", "")
            return answer

        return behaviour

    def _stream(self, method: str, inner: Any) -> Callable[[Any, Any], AsyncIterator[Message]]:
        decode = _decoder(method, inner, self._most.message_bytes)

        async def behaviour(received: Any, context: Any) -> AsyncIterator[Message]:
            visit = _Visit(method, time.monotonic_ns())
            try:
                caller = self._admit(visit, context)
                with self.admission.stream(caller.spiffe_id):
                    request = _each(decode, received) if inner.request_streaming else decode(received)
                    async for answer in self.admission.until_stop(_answers(inner, request, context)):
                        self._identities.require_standing(caller)
                        self._roles().require_allowed(caller, method)
                        visit.messages += 1
                        yield answer
            except (grpc.aio.AbortError, asyncio.CancelledError):
                _log(visit, "ABORTED_OR_CANCELLED", "")
                raise
            except Exception as error:  # noqa: BLE001 as above
                await _end(visit, context, error)
            _log(visit, "OK", "")

        return behaviour

    def _admit(self, visit: _Visit, context: Any) -> Caller:
        """[GAT-1] Identity, then role, before anything of the request is looked at."""
        caller = self._identities.caller(context.auth_context())
        visit.caller = caller.spiffe_id
        self._roles().require_allowed(caller, visit.method)
        CALLER.set(caller)
        return caller

    def _seconds(self, context: Any) -> float:
        """[GAT-2] The caller's own deadline, at most the server's cap; the cap where the caller set none."""
        remaining = context.time_remaining()
        cap = self._most.deadline_seconds
        return cap if remaining is None else min(cap, remaining)


def _decoder(method: str, inner: Any, most: int) -> Callable[[bytes], Any]:
    """[GAT-3] [GAT-5] Our own requests by our rules; health and reflection by their own."""
    cls = request_classes().get(method)
    if cls is not None:
        return lambda data: decode_request(cls, data, most)

    def lenient(data: bytes) -> Any:
        try:
            return inner.request_deserializer(data)
        except ProtobufDecodeError as error:
            raise DecodeError(Reason.MALFORMED_MESSAGE, "not a request of this method") from error

    return lenient


async def _each(decode: Callable[[bytes], Any], received: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in received:
        yield decode(data)


async def _answers(inner: Any, request: Any, context: Any) -> AsyncIterator[Message]:
    """Messages of a streaming method, whether it is a generator or writes to its context."""
    method = inner.stream_stream if inner.request_streaming else inner.unary_stream
    if inspect.isasyncgenfunction(method):
        async for answer in method(request, context):
            yield answer
    else:
        await method(request, context)


async def _end(visit: _Visit, context: Any, error: Exception) -> NoReturn:
    if isinstance(error, BridgeError):
        await _refuse(visit, context, error)
    code, text, trailers = trailers_of(status_of_bug(error, visit.method))
    _log(visit, code.name, str(Reason.INTERNAL))
    await context.abort(code, text, trailers)
    raise AssertionError("abort raises") from error


async def _refuse(visit: _Visit, context: Any, error: BridgeError) -> NoReturn:
    _log(visit, code_of(error).name, str(error.reason))
    await context.abort(*trailers_of(status_of(error)))
    raise AssertionError("abort raises") from error


def _require_sendable(answer: bytes, most: int) -> None:
    if len(answer) > most:
        raise LimitError(Reason.LIMIT_EXCEEDED, "the answer is too large; ask for less", got=len(answer), limit=most)


def _late() -> LedgerUnavailableError:
    return LedgerUnavailableError(Reason.DEADLINE_EXCEEDED, "the deadline passed; the outcome is unknown, so ask")


def _log(visit: _Visit, code: str, reason: str) -> None:
    """[GAT-4] One line a call, whatever became of it."""
    _LOG.info(
        "rpc.call",
        method=visit.method,
        caller=visit.caller,
        code=code,
        reason=reason,
        duration_us=(time.monotonic_ns() - visit.started) // _NANOS_PER_MICROSECOND,
        request_bytes=visit.request_bytes,
        response_bytes=visit.response_bytes,
        messages=visit.messages,
    )
