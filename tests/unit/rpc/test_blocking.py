"""The clients for programs without an event loop, against a real adapter in another thread's loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from bridge.cli.callers import load_caller
from bridge.clock import SystemClock
from bridge.errors import CallerNotAllowedError, DecodeError, LedgerUnavailableError, NotFoundError
from bridge.rpc.adapter import start_adapter
from bridge.rpc.blocking import BlockingAdapter
from bridge.rpc.pki import make_pki
from bridge.rpc.settings import load_settings
from bridge.rpc.tls import TlsFiles
from bridge.v1.cargo_service_pb2 import GetRecordRequest
from bridge.v1.transaction_pb2 import Transaction
from hk_adapter.config import KIND


@pytest.fixture(scope="module")
def caller(tmp_path_factory) -> Iterator:
    folder = tmp_path_factory.mktemp("blocking")
    make_pki(folder, SystemClock(), validators=1)
    started, stop = threading.Event(), []

    def serve() -> None:
        async def run() -> None:
            ended = asyncio.Event()
            adapter = await start_adapter(load_settings(folder / "hk" / "adapter.yaml"), KIND)
            stop.append(partial(asyncio.get_running_loop().call_soon_threadsafe, ended.set))
            started.set()
            await ended.wait()
            await adapter.stop()

        asyncio.run(run())

    thread = threading.Thread(target=serve)
    thread.start()
    assert started.wait(30)
    yield load_caller(folder / "hk" / "operator.yaml")
    stop[0]()
    thread.join()


def test_calls_streams_and_errors_without_an_event_loop(caller):
    with BlockingAdapter.connect(caller.target, caller.tls) as adapter:
        assert adapter.wait(adapter.ledger.info()).ledger_id == "hk-trade-1"
        for notice in adapter.each(adapter.ledger.watch_blocks(0)):
            assert notice.height == 1
            break

        async def three():
            for number in range(3):
                yield number + 1

        assert list(adapter.each(three())) == [1, 2, 3]
        with pytest.raises(CallerNotAllowedError):
            adapter.wait(adapter.cargo.get(GetRecordRequest(record_id="x")))
        with pytest.raises(CallerNotAllowedError):
            adapter.wait(adapter.ledger.deliver(Transaction()))
        with pytest.raises(DecodeError):
            adapter.wait(adapter.ledger.headers(1, []))
        with pytest.raises(NotFoundError):
            adapter.wait(adapter.ledger.headers(1, [10**6]))
    adapter.close()


def test_nobody_there_and_files_that_are_none_are_said(caller, tmp_path):
    with (
        BlockingAdapter.connect("127.0.0.1:1", caller.tls, seconds=1) as adapter,
        pytest.raises(LedgerUnavailableError),
    ):
        adapter.wait(adapter.ledger.info())
    before = threading.active_count()
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    empty.chmod(0o600)
    with pytest.raises(DecodeError):
        BlockingAdapter.connect(caller.target, TlsFiles(certificate=empty, key=empty, ca=empty))
    assert threading.active_count() == before
