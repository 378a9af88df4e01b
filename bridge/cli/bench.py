"""`cargobridge bench`: the shipped programs, measured as separate processes over mTLS on this machine.

Each run begins with empty ledgers in a temporary folder and is bounded in records and in time. Floors are printed as
met or not; they make the command fail only with `--gate`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.bench_machine import cores, describe
from bridge.cli.bench_records import BILLS, EVENTS, Preparer, RecordSet
from bridge.cli.bench_report import (
    HK_TO_SH,
    SH_TO_HK,
    FloorCheck,
    Summary,
    as_json,
    as_table,
    check_floors,
    floor_lines,
    summarise,
)
from bridge.cli.bench_run import Run, Schedule, Sets
from bridge.cli.deployment import Deployment
from bridge.cli.issuing import Corridor
from bridge.cli.output import EXIT_REFUSED, JsonOption, console, print_json, run
from bridge.clock import NANOS_PER_SECOND, SystemClock
from bridge.rpc.clients import CargoRecordsClient

DEFAULT_RECORDS = 20_000
QUICK_RECORDS = 2_000
MAX_RECORDS = 1_000_000
"""Most records of a run; they wait on disk at about 5 kB each."""

DEFAULT_RUNS = 3

RESULTS_FOLDER = Path("bench-results")

DIRECTIONS = {HK_TO_SH: ("hk", "sh"), SH_TO_HK: ("sh", "hk")}

RecordsOption = Annotated[int, typer.Option(min=256, max=MAX_RECORDS, help="Records of the saturated crossing.")]
RunsOption = Annotated[int, typer.Option(min=1, max=20, help="Runs, of which the median is told.")]
OnlyOption = Annotated[str, typer.Option("--only", help="One direction: hk>sh or sh>hk.")]


def bench(
    records: RecordsOption = DEFAULT_RECORDS,
    runs: RunsOption = DEFAULT_RUNS,
    quick: Annotated[bool, typer.Option("--quick", help="2,000 records and one run.")] = False,
    only: OnlyOption = "",
    crossing_only: Annotated[
        bool, typer.Option("--crossing-only", help="Only issue and cross, as for the long memory run.")
    ] = False,
    no_pin: Annotated[bool, typer.Option("--no-pin", help="Leave the choice of cores to the system.")] = False,
    gate: Annotated[bool, typer.Option("--gate", help="Exit with 1 when a floor is not met.")] = False,
    as_json_too: JsonOption = False,
) -> None:
    """Measure throughput, latency, CPU, memory and storage of the shipped programs on this machine."""
    if only and only not in DIRECTIONS:
        raise typer.BadParameter(f"must be one of {', '.join(DIRECTIONS)}", param_hint="--only")
    records, runs = (QUICK_RECORDS, 1) if quick else (records, runs)
    started = datetime.fromtimestamp(SystemClock().now() // NANOS_PER_SECOND, UTC)
    chosen = [only] if only else list(DIRECTIONS)
    figures = run(_bench(chosen, records, runs, crossing_only=crossing_only, pinned=not no_pin))
    checks = check_floors(figures)
    options = {"records": records, "runs": runs, "pinned": not no_pin and len(cores()) > 1}
    report = as_json(describe(), {"time": started.isoformat(timespec="seconds"), **options}, figures, checks)
    RESULTS_FOLDER.mkdir(exist_ok=True)
    path = RESULTS_FOLDER / f"{started:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    if as_json_too:
        print_json(report)
    else:
        _show(figures, checks, path)
    if gate and not all(check.met for check in checks):
        raise typer.Exit(EXIT_REFUSED)


async def _bench(
    directions: list[str], records: int, runs: int, *, crossing_only: bool, pinned: bool
) -> dict[str, dict[str, Summary]]:
    """The figures of each direction over all runs, in a folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cargobridge-bench-"))
    try:
        deployment = await asyncio.to_thread(Deployment, folder / "deployment")
        sets = await _prepare(deployment, folder / "records", directions, records, crossing_only=crossing_only)
        found: dict[str, list[dict[str, int]]] = {direction: [] for direction in directions}
        for number in range(runs):
            for direction in directions:
                home, away = DIRECTIONS[direction]

                def told(text: str, direction: str = direction, number: int = number) -> None:
                    console.print(f"  run {number + 1} of {runs}, {direction}: {text}")

                measured = Run(deployment, home, away, pinned=pinned, told=told)
                found[direction].append(await measured.measure(sets[direction]))
        return {direction: summarise(each) for direction, each in found.items()}
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _prepare(
    deployment: Deployment, folder: Path, directions: list[str], records: int, *, crossing_only: bool
) -> dict[str, Sets]:
    """Prepare and sign every record of every direction, as their issuers would have done before."""
    try:
        await deployment.start_adapters()
        await deployment.link()
        corridors = {direction: await _corridor(deployment, DIRECTIONS[direction][0]) for direction in directions}
    finally:
        await asyncio.to_thread(deployment.stop)
    made: dict[str, Sets] = {}
    with _progress() as progress:
        for direction, corridor in corridors.items():
            wanted = _wanted(records, crossing_only=crossing_only)
            task = progress.add_task(f"preparing {direction}", total=sum(count for _, count, _ in wanted.values()))
            preparer = Preparer(deployment.caller_path(DIRECTIONS[direction][0], "platform"), corridor)
            try:
                place = folder / DIRECTIONS[direction][0]
                told = partial(progress.advance, task)
                ready = {
                    name: await asyncio.to_thread(preparer.prepare, kind, count, place / name, told)
                    for name, (kind, count, _) in wanted.items()
                }
            finally:
                preparer.close()
            made[direction] = _sets(wanted, ready)
    return made


def _wanted(records: int, *, crossing_only: bool) -> dict[str, tuple[str, int, Schedule | None]]:
    """Kind, count and schedule of each set of records, by its name."""
    most = min(records, DEFAULT_RECORDS)
    slow = Schedule("200", per_second=200, per_call=1, count=most // 10)
    fast = Schedule("5000", per_second=5_000, per_call=50, count=most)
    rest = 0 if crossing_only else 1
    return {
        "crossing": (EVENTS, records, None),
        "bills": (BILLS, rest * most // 10, None),
        "sustained": (EVENTS, rest * most // 2, None),
        "slow": (EVENTS, rest * slow.count, slow),
        "fast": (EVENTS, rest * fast.count, fast),
    }


def _sets(wanted: dict[str, tuple[str, int, Schedule | None]], ready: dict[str, RecordSet]) -> Sets:
    latency = {
        name: (schedule, ready[name]) for name, (_, count, schedule) in wanted.items() if schedule is not None and count
    }
    return Sets(ready["crossing"], ready["bills"], ready["sustained"], latency)


async def _corridor(deployment: Deployment, side: str) -> Corridor:
    caller = deployment.caller(side, "platform")
    async with CargoRecordsClient(caller.channel()) as records:
        return await Corridor.fetch(caller, records)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _show(figures: dict[str, dict[str, Summary]], checks: list[FloorCheck], path: Path) -> None:
    console.print(as_table(figures))
    for line in floor_lines(checks):
        console.print(line)
    console.print(f"written to {path}")
