"""One adapter from its settings: it starts, stops in order, comes back where it was, and refuses what does not fit."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.errors import BridgeError, DecodeError, LedgerUnavailableError, PreconditionError, Reason
from bridge.ledger.engine import Engine
from bridge.rpc.adapter import start_adapter
from bridge.rpc.pki import make_pki
from bridge.rpc.settings import load_settings
from bridge.v1.member_pb2 import SignedMember
from hk_adapter.config import KIND as HK
from sh_adapter.config import KIND as SH
from tests.unit.rpc.pair import Pair


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    make_pki(folder, SystemClock(), validators=1)
    return folder


def settings(folder: Path, side: str, data: Path, **changes):
    return load_settings(folder / side / "adapter.yaml").model_copy(update={"data_dir": data, **changes})


@pytest.mark.parametrize(("side", "kind"), [("hk", HK), ("sh", SH)])
async def test_it_comes_back_at_the_height_where_it_stopped(folder, tmp_path, side, kind):
    chosen = settings(folder, side, tmp_path / "data")
    heights = []
    for _ in range(3):
        adapter = await start_adapter(chosen, kind)
        heights.append(adapter.node.sequencer.tip.height)
        await adapter.stop()
    assert heights == [1, 1, 1]
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


async def test_two_programs_cannot_serve_one_ledger(folder, tmp_path):
    chosen = settings(folder, "hk", tmp_path / "data")
    adapter = await start_adapter(chosen, HK)
    with pytest.raises(PreconditionError) as caught:
        await start_adapter(chosen.model_copy(update={"listen": "127.0.0.1:0"}), HK)
    assert caught.value.reason == Reason.CONFIGURATION_INVALID
    await adapter.stop()


async def test_a_taken_port_leaves_nothing_open(folder, tmp_path):
    first = await start_adapter(settings(folder, "hk", tmp_path / "one"), HK)
    second = settings(folder, "hk", tmp_path / "two", listen=f"127.0.0.1:{first.port}")
    with pytest.raises(DecodeError) as caught:
        await start_adapter(second, HK)
    assert caught.value.reason == Reason.CONFIGURATION_INVALID
    again = await start_adapter(second.model_copy(update={"listen": "127.0.0.1:0"}), HK)
    await again.stop()
    await first.stop()


async def test_another_ledgers_store_or_keys_are_refused(folder, tmp_path):
    data = tmp_path / "data"
    await (await start_adapter(settings(folder, "hk", data), HK)).stop()
    with pytest.raises(PreconditionError) as caught:
        await start_adapter(settings(folder, "hk", data, ledger_id="hk-trade-2"), HK)
    assert caught.value.reason == Reason.LEDGER_ID_MISMATCH
    other = load_settings(folder / "sh" / "adapter.yaml")
    with pytest.raises(BridgeError) as caught:
        await start_adapter(settings(folder, "hk", tmp_path / "keys", node=other.node), HK)
    assert caught.value.reason == Reason.CONFIGURATION_INVALID


async def test_a_call_in_flight_is_answered_before_the_store_closes(folder, tmp_path, monkeypatch):
    commit = Engine.commit_block
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(self, submissions, now):
        if submissions:
            loop.call_soon_threadsafe(entered.set)
            time.sleep(0.3)
        return commit(self, submissions, now)

    monkeypatch.setattr(Engine, "commit_block", slow)
    chosen = settings(folder, "hk", tmp_path / "data")
    async with AsyncExitStack() as stack:
        adapter = await start_adapter(chosen, HK)
        pair = Pair(folder, stack, SystemClock())
        admin = pair.party("hk", "authority").admin
        member = SignedMember.FromString((folder / "hk" / "members" / "node.member").read_bytes())
        call = asyncio.create_task(admin.register_member(member))
        await entered.wait()
        stopping = asyncio.create_task(adapter.stop())
        assert (await call).height == 2
        await stopping
        with pytest.raises(LedgerUnavailableError):
            await admin.register_member(member)
    again = await start_adapter(chosen, HK)
    assert again.node.sequencer.tip.height == 2
    await again.stop()
