"""The sequencer: group commit, bounded waiting, proof blocks when idle, orderly stop, healing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.clock import ManualClock
from bridge.errors import BridgeError, DecodeError, LedgerUnavailableError, LimitError, Reason
from bridge.ledger.engine import BlockOutcome, Engine, Submission
from bridge.rpc import sequencer as module
from bridge.rpc.sequencer import Sequencer
from bridge.store.database import Database
from bridge.store.high_water import FileHighWaterMark
from bridge.store.ledger_store import LedgerStore
from tests.unit.store.kit import LEDGER_ID, Bench, attachment, now, transaction


class Rig:
    """A running sequencer whose writer can be held, so that work piles up."""

    def __init__(self, folder: Path, kind: str = "cometbft", **limits: int) -> None:
        bench = Bench(folder, kind)
        self.mark = FileHighWaterMark(bench.mark_path, LEDGER_ID)
        self.store = LedgerStore(Database.open(bench.url, LEDGER_ID))
        engine = Engine(bench.format(self.mark), bench.application(), self.store, self.mark)
        self.gate = threading.Event()
        self.gate.set()
        self.blocks: list[int] = []
        commit = engine.commit_block

        def held(submissions: list[Submission], at: int) -> BlockOutcome:
            self.gate.wait(10)
            outcome = commit(submissions, at)  # type: ignore[arg-type]
            self.blocks.append(len(submissions))
            return outcome

        engine.commit_block = held  # type: ignore[method-assign, assignment]
        self.sequencer = Sequencer(engine, ManualClock(now(20)), **limits)

    async def close(self) -> None:
        self.gate.set()
        await self.sequencer.stop()
        self.mark.close()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path)
    await made.sequencer.start()
    yield made
    await made.close()


async def settle(rig: Rig, count: int) -> None:
    for _ in range(500):
        if len(rig.sequencer._waiting) >= count:
            return
        await asyncio.sleep(0.01)
    pytest.fail("nothing arrived")


async def test_a_transaction_is_answered_with_its_block(rig: Rig) -> None:
    outcome = await rig.sequencer.submit(transaction("a", "b"), [attachment("a")])
    assert outcome.height == 2
    assert outcome.time > now(19)
    assert [operation.sequence for operation in outcome.result.operations] == [1, 2]
    again = await rig.sequencer.submit(transaction("a"))
    assert again.result.operations[0].noop


async def test_an_idle_ledger_proves_its_entries_at_once(rig: Rig) -> None:
    await rig.sequencer.submit(transaction("a"))
    notice = await asyncio.wait_for(rig.sequencer.wait_above(2), 5)
    assert notice.provable_count == notice.entry_count == 1
    assert rig.blocks[-1] == 0


async def test_what_waits_goes_into_one_block_and_the_next_block_proves_the_last(rig: Rig) -> None:
    rig.gate.clear()
    calls = [asyncio.ensure_future(rig.sequencer.submit(transaction("first")))]
    await asyncio.sleep(0.1)
    calls += [asyncio.ensure_future(rig.sequencer.submit(transaction(f"r{n}"))) for n in range(20)]
    await settle(rig, 20)
    rig.gate.set()
    outcomes = await asyncio.gather(*calls)
    assert {outcome.height for outcome in outcomes[1:]} == {outcomes[0].height + 1}
    await asyncio.wait_for(rig.sequencer.wait_above(outcomes[1].height), 5)
    assert rig.blocks[1:] == [1, 20, 0] or rig.blocks == [1, 20, 0]


async def test_no_transaction_no_block(rig: Rig) -> None:
    for junk in (b"junk", b"", b"\x0a\x01x"):
        with pytest.raises(DecodeError) as refused:
            await rig.sequencer.submit(junk)
        assert refused.value.reason in (Reason.MALFORMED_MESSAGE, Reason.LIMIT_EXCEEDED)
    assert rig.sequencer.tip.height == 1


async def test_more_than_may_wait_is_refused_and_later_taken(tmp_path: Path) -> None:
    rig = Rig(tmp_path, max_transactions=3)
    await rig.sequencer.start()
    rig.gate.clear()
    calls = [asyncio.ensure_future(rig.sequencer.submit(transaction(f"r{n}"))) for n in range(3)]
    await asyncio.sleep(0.05)
    with pytest.raises(LimitError) as refused:
        await rig.sequencer.submit(transaction("more"))
    assert refused.value.reason is Reason.LIMIT_EXCEEDED
    rig.gate.set()
    await asyncio.gather(*calls)
    assert (await rig.sequencer.submit(transaction("more"))).result.code == 0
    await rig.close()


async def test_bytes_that_wait_are_bounded_too(tmp_path: Path) -> None:
    rig = Rig(tmp_path, max_bytes=5000)
    await rig.sequencer.start()
    rig.gate.clear()
    call = asyncio.ensure_future(rig.sequencer.submit(transaction("x" * 4000)))
    await asyncio.sleep(0.05)
    with pytest.raises(LimitError) as refused:
        await rig.sequencer.submit(transaction("y" * 4000))
    assert refused.value.reason is Reason.LIMIT_EXCEEDED
    rig.gate.set()
    await call
    await rig.close()


async def test_one_transaction_that_breaks_the_application_does_not_take_the_others(rig: Rig) -> None:
    rig.gate.clear()
    first = asyncio.ensure_future(rig.sequencer.submit(transaction("first")))
    await asyncio.sleep(0.1)
    calls = [asyncio.ensure_future(rig.sequencer.submit(transaction(text))) for text in ("a", "!", "b")]
    await settle(rig, 3)
    rig.gate.set()
    await first
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[1], RuntimeError)
    assert not isinstance(results[0], BaseException)
    assert not isinstance(results[2], BaseException)
    assert (await rig.sequencer.submit(transaction("later"))).result.code == 0


async def test_stopping_finishes_what_was_admitted_and_refuses_the_rest(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.sequencer.start()
    rig.gate.clear()
    calls = [asyncio.ensure_future(rig.sequencer.submit(transaction(f"r{n}"))) for n in range(5)]
    await asyncio.sleep(0.05)
    watcher = asyncio.ensure_future(rig.sequencer.wait_above(10_000))
    await asyncio.sleep(0)
    stopping = asyncio.ensure_future(rig.sequencer.stop())
    await asyncio.sleep(0.05)
    with pytest.raises(LedgerUnavailableError) as refused:
        await rig.sequencer.submit(transaction("late"))
    assert refused.value.reason is Reason.LEDGER_STOPPING
    rig.gate.set()
    outcomes = await asyncio.gather(*calls)
    assert all(outcome.result.code == 0 for outcome in outcomes)
    await stopping
    with pytest.raises(LedgerUnavailableError):
        await watcher
    rig.mark.close()


async def test_a_cancelled_caller_does_not_disturb_the_block(rig: Rig) -> None:
    rig.gate.clear()
    calls = [asyncio.ensure_future(rig.sequencer.submit(transaction(f"r{n}"))) for n in range(2)]
    await asyncio.sleep(0.1)
    calls[0].cancel()
    rig.gate.set()
    assert (await calls[1]).result.code == 0
    again = await rig.sequencer.submit(transaction("r0"))
    assert again.result.operations[0].noop


async def test_a_full_disk_is_told_and_heals_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAL_SECONDS", 0.05)
    rig = Rig(tmp_path)
    await rig.sequencer.start()
    await rig.sequencer.submit(transaction("a"))
    await asyncio.wait_for(rig.sequencer.wait_above(2), 5)
    rig.gate.clear()
    connection = rig.store.database.writer()
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.rollback()
    rig.store.database.driver_execute(f"PRAGMA max_page_count = {pages}")
    rig.gate.set()
    with pytest.raises(LimitError) as refused:
        await rig.sequencer.submit(transaction("x" * 60_000))
    assert refused.value.reason is Reason.STORAGE_FULL
    assert rig.sequencer.refusal is not None
    assert rig.store.reader.block(2).height == 2
    rig.gate.clear()
    await asyncio.sleep(0.1)
    rig.store.abandon()
    rig.store.database.driver_execute("PRAGMA max_page_count = 100000")
    rig.gate.set()
    for _ in range(200):
        if rig.sequencer.refusal is None:
            break
        await asyncio.sleep(0.02)
    assert rig.sequencer.refusal is None
    assert (await rig.sequencer.submit(transaction("x" * 60_000))).result.code == 0
    await rig.close()


async def test_after_a_fatal_refusal_nothing_is_taken(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.sequencer.start()
    await rig.sequencer.submit(transaction("a"))
    await asyncio.wait_for(rig.sequencer.wait_above(2), 5)
    rig.mark.advance_all(50, b"z" * 32)
    for _ in range(2):
        with pytest.raises(BridgeError) as refused:
            await rig.sequencer.submit(transaction("b"))
        assert refused.value.reason is Reason.DOUBLE_SIGN_REFUSED
    assert rig.sequencer.refusal is not None
    assert rig.sequencer.tip.height == 3
    await rig.close()
