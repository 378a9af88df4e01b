"""One run of the benchmark in one direction: fresh ledgers, then each measure in turn, figures by name.

What is timed is the shipped programs only: records were prepared before, and the load's own CPU is told apart.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.cli.bench_load import Crossed, Issued, Lane
from bridge.cli.bench_machine import cores, cpu_nanos, folder_bytes, memory, pin
from bridge.cli.bench_records import RecordSet
from bridge.cli.bench_report import MIB, PERCENT, per_second, percentile
from bridge.cli.deployment import Deployment

QUARTERS = (25, 50, 75, 100)
"""Parts of a crossing, in percent, after which resident memory is noted: flat memory shows as four like figures."""

_NANOS = 1_000_000_000
_NANOS_PER_MICROSECOND = 1_000

RELAYERS = ("relayer-hk", "relayer-sh")


@dataclass(frozen=True, slots=True)
class Schedule:
    """An open-loop load: so many records a second, so many of them in one call, for so many records."""

    name: str
    per_second: int
    per_call: int
    count: int

    @property
    def calls(self) -> int:
        """Calls in all."""
        return self.count // self.per_call

    @property
    def interval(self) -> int:
        """Nanoseconds from call to call."""
        return _NANOS * self.per_call // self.per_second


@dataclass(frozen=True, slots=True)
class Sets:
    """The prepared records of one direction, by what they are for."""

    crossing: RecordSet
    bills: RecordSet
    sustained: RecordSet
    latency: Mapping[str, tuple[Schedule, RecordSet]]


Told = Callable[[str], None]


class Run:
    """One direction of one deployment, from fresh ledgers to figures."""

    def __init__(self, deployment: Deployment, home: str, away: str, *, pinned: bool, told: Told) -> None:
        self._deployment = deployment
        self._home = home
        self._away = away
        self._pinned = pinned
        self._told = told
        self.figures: dict[str, int] = {}

    async def measure(self, sets: Sets) -> dict[str, int]:
        """Every figure of this direction. Stops the programs at the end, whatever happens."""
        try:
            await self._fresh()
            clients = await self._deployment.link()
            lane = Lane(self._deployment, self._home, self._away, clients[self._ledger_id(self._home)])
            try:
                await self._settle(lane)
                await self._saturated(lane, sets.crossing, "")
                await self._saturated(lane, sets.bills, "bills_")
                await self._sustained(lane, sets.sustained)
                for schedule, records in sets.latency.values():
                    await self._latency(lane, schedule, records)
                for name, pid in self._pids().items():
                    self.figures[f"peak_memory_mib_{name}"] = -(-memory(pid).peak // MIB)
            finally:
                await lane.close()
            return self.figures
        finally:
            await asyncio.to_thread(self._deployment.stop)

    async def _fresh(self) -> None:
        """Empty ledgers under the keys the records were signed for."""
        for side in (self._home, self._away):
            shutil.rmtree(self._data(side), ignore_errors=True)
        await self._deployment.start_adapters()
        self._pin()

    async def _settle(self, lane: Lane) -> None:
        """Let both relayers carry the members across, then stop them."""
        self._deployment.start_relayers()
        back = Lane(self._deployment, self._away, self._home, await self._client_id(self._away))
        try:
            await lane.settled()
            await back.settled()
        finally:
            await back.close()
        await self._stop_relayers()

    async def _saturated(self, lane: Lane, records: RecordSet, prefix: str) -> None:
        """Issue everything while nothing relays, then let it cross at once."""
        if not records.count:
            return
        self._told(f"issuing {records.count:,} records")
        before = self._database_bytes()
        usage = self._cpu()
        issued = await lane.issue(records.requests())
        self.figures[f"{prefix}issue_records_per_second"] = per_second(issued.count, issued.nanoseconds)
        self._note_cpu(f"{prefix}issue", usage, issued.count)
        self._told(f"{issued.count:,} records cross")
        crossed = await self._cross(lane, issued, prefix)
        self.figures[f"{prefix}crossing_records_per_second"] = per_second(crossed.count, crossed.nanoseconds)
        await lane.require_accepted(issued.sequences)
        for name, size in self._database_bytes().items():
            self.figures[f"{prefix}database_bytes_per_record_{name}"] = (size - before[name]) // issued.count
        await self._stop_relayers()

    async def _cross(self, lane: Lane, issued: Issued, prefix: str) -> Crossed:
        height = await lane.destination_height()
        started = time.perf_counter_ns()
        watching = asyncio.create_task(lane.first_delivery(height))
        self._start_relayers()
        first = await watching
        usage = self._cpu()
        self.figures[f"{prefix}first_delivery_ms"] = (time.perf_counter_ns() - started) // (_NANOS // 1_000)
        waiting = list(QUARTERS)

        def progress(done: int) -> None:
            while waiting and done * PERCENT >= waiting[0] * issued.count:
                quarter = waiting.pop(0)
                for name, pid in self._pids().items():
                    self.figures[f"{prefix}memory_mib_at_{quarter}_{name}"] = memory(pid).resident // MIB

        crossed = await lane.cross(issued.count, first, progress)
        self._note_cpu(f"{prefix}crossing", usage, crossed.count)
        return crossed

    async def _sustained(self, lane: Lane, records: RecordSet) -> None:
        """Issue and cross at once: from the first record handed in to the last one acknowledged."""
        if not records.count:
            return
        self._told(f"issuing and carrying {records.count:,} records")
        await self._ready_relayers(lane)
        usage = self._cpu()
        started = time.perf_counter_ns()
        issued = await lane.issue(records.requests())
        pending = await lane.pending()
        if pending:
            await lane.cross(pending, 0, lambda _: None)
        self.figures["sustained_records_per_second"] = per_second(issued.count, time.perf_counter_ns() - started)
        self._note_cpu("sustained", usage, issued.count)

    async def _latency(self, lane: Lane, schedule: Schedule, records: RecordSet) -> None:
        if not schedule.calls:
            return
        self._told(f"{schedule.per_second:,} records a second for {schedule.count:,} records")
        await self._ready_relayers(lane)
        started = time.perf_counter_ns()
        found = await lane.latencies(records.batches(schedule.per_call), schedule.calls, schedule.interval)
        took = time.perf_counter_ns() - started
        for per_cent in (50, 99):
            self.figures[f"latency_{schedule.name}_p{per_cent}_us"] = (
                percentile(found, per_cent) // _NANOS_PER_MICROSECOND
            )
        self.figures[f"latency_{schedule.name}_records_per_second"] = per_second(schedule.count, took)

    async def _ready_relayers(self, lane: Lane) -> None:
        """Relayers running, and nothing left to carry."""
        self._start_relayers()
        await lane.settled()
        await asyncio.sleep(1)  # their connections stand, and what they read at start is done

    def _start_relayers(self) -> None:
        if all(self._deployment.programs[name].process is None for name in RELAYERS):
            self._deployment.start_relayers()
            self._pin()

    async def _stop_relayers(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(self._deployment.programs[name].stop) for name in RELAYERS))

    async def _client_id(self, side: str) -> str:
        return (await self._deployment.link())[self._ledger_id(side)]

    def _ledger_id(self, side: str) -> str:
        return self._deployment.caller(side, "platform").ledger_id

    def _data(self, side: str) -> Path:
        return self._deployment.folder / side / "data"

    def _database_bytes(self) -> dict[str, int]:
        return {side: folder_bytes(self._data(side)) for side in (self._home, self._away)}

    def _pids(self) -> dict[str, int]:
        programs = self._deployment.programs
        return {name: each.process.pid for name, each in programs.items() if each.process is not None}

    def _cpu(self) -> dict[str, int]:
        used = {name: cpu_nanos(pid) for name, pid in self._pids().items()}
        return used | {"load": time.process_time_ns()}

    def _note_cpu(self, stage: str, before: Mapping[str, int], count: int) -> None:
        for name, used in self._cpu().items():
            spent = used - before.get(name, 0)
            self.figures[f"cpu_us_per_record_{stage}_{name}"] = spent // _NANOS_PER_MICROSECOND // max(1, count)

    def _pin(self) -> None:
        if self._pinned:
            for name, chosen in pinning(self._home, self._away, cores()).items():
                process = self._deployment.programs[name].process
                if process is not None:
                    pin(process.pid, chosen)


def pinning(home: str, away: str, available: Sequence[int]) -> dict[str, list[int]]:
    """One core for each program: the destination's own, and another for everything else; nothing with one core only.

    A program's threads take turns at one interpreter lock. On several cores each turn wakes another core, which costs
    ten times as much as the turn: hand-overs between threads took 130 us on two cores and 55 us on one, and a row
    written beside two busy threads 670 us and 60 us. Worker processes have no threads and run wherever there is room.
    """
    if len(available) < 2:
        return {}
    first, second = available[0], available[1]
    return {f"{away}-adapter": [second], f"{home}-adapter": [first], **{name: [first] for name in RELAYERS}}
