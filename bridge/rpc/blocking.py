"""For programs without an event loop: one adapter, its five typed clients, and two ways to wait for them.

    with BlockingAdapter.connect("127.0.0.1:7443", tls) as adapter:
        record = adapter.wait(adapter.cargo.get(GetRecordRequest(record_id="HKCB-2026-000000001")))
        for change in adapter.each(adapter.cargo.watch(after_height=0)):
            ...

The calls are those of `bridge.rpc.clients`, with their deadlines, retries and errors; here is only their event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from bridge.rpc import limits
from bridge.rpc.clients import (
    AdminClient,
    CargoRecordsClient,
    IdentifiersClient,
    LedgerClient,
    RelayerClient,
    connect,
)
from bridge.rpc.tls import TlsFiles

T = TypeVar("T")


class BlockingAdapter:
    """One adapter or relayer behind one channel, on an event loop in its own thread. Any thread may use it."""

    def __init__(self, target: str, tls: TlsFiles, server_name: str, seconds: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bridge-client", daemon=True)
        self._thread.start()
        try:
            self._channel: grpc.aio.Channel = self.wait(_connect(target, tls, server_name))
        except BaseException:
            self._end()
            raise
        self.ledger = LedgerClient(self._channel, seconds)
        self.cargo = CargoRecordsClient(self._channel, seconds)
        self.identifiers = IdentifiersClient(self._channel, seconds)
        self.admin = AdminClient(self._channel, seconds)
        self.relayer = RelayerClient(self._channel, seconds)

    @classmethod
    def connect(
        cls, target: str, tls: TlsFiles, *, server_name: str = "", seconds: int = limits.CLIENT_DEADLINE_SECONDS
    ) -> Self:
        """[CAL-4] Connect to `target` ("host:port") over mTLS; `seconds` is the deadline of each call."""
        return cls(target, tls, server_name, seconds)

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        """The answer of one call; raises the BridgeError it met."""
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    def each(self, stream: AsyncIterator[T]) -> Iterator[T]:
        """Messages of a stream one by one; leaving the loop ends the stream."""
        try:
            while (message := self.wait(_next(stream))) is not None:
                yield message
        finally:
            self.wait(_close(stream))

    def close(self) -> None:
        """Close the channel and end the thread."""
        if self._thread.is_alive():
            self.wait(self._channel.close(None))
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _connect(target: str, tls: TlsFiles, server_name: str) -> grpc.aio.Channel:
    """Channels belong to the loop they are made in."""
    return connect(target, tls, server_name=server_name)


async def _next(stream: AsyncIterator[T]) -> T | None:
    """The next message, or None at the end; a message is never None."""
    return await anext(stream, None)


async def _close(stream: AsyncIterator[Any]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
