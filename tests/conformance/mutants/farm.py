"""Test ledgers for mutants: made once, copied for each, started with its fault, asked the named cases, and ended."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bridge.clock import SystemClock
from bridge.conformance.case import Mode, cases
from bridge.conformance.deployment import ADAPTER_FILE, adapter_of, make_target
from bridge.conformance.ledger_mode import LedgerBench
from bridge.conformance.preflight import examine
from bridge.conformance.results import CaseResult, Status
from bridge.conformance.runner import RunOptions, run_case
from bridge.conformance.target import TARGET_FILE, Target
from bridge.errors import CallerNotAllowedError, LedgerUnavailableError
from tests.conformance.mutants.mutant import Mutant

ROOT = Path(__file__).parents[3]
"""The repository, where `tests` is a package."""

START_SECONDS = 40.0
"""Longest time an adapter may take to answer, in seconds: a cold start on a busy machine takes a few."""

CAUGHT = (Status.FAIL, Status.WARN)
"""What comes of a case when its rule is not held: a MUST fails, a SHOULD warns."""

NO_ANSWER = "UNAVAILABLE"
"""A program that does not answer is caught by every case, which says nothing about its fault."""

POLL_SECONDS = 0.05
SEED = 7


def mutant_command(mutant: Mutant) -> tuple[str, ...]:
    """The command that runs a mutant's program; arguments follow."""
    return (sys.executable, "-m", "tests.conformance.mutants.serve", mutant.name, "--", mutant.program)


def shipped_command(program: str) -> tuple[str, ...]:
    """The command of the program as it is installed."""
    return (str(Path(sys.executable).with_name(program)),)


class Farm:
    """Folders of test ledgers, one a running adapter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Path] = {}

    def prepare(self, program: str) -> None:
        """Make keys and certificates of the program's ledger, which its copies share."""
        folder = self._folder / program
        make_target(folder, adapter_of([program]), SystemClock())
        settings = folder / ADAPTER_FILE
        # Worker processes would run without the fault; the adapter leaves their work to its own threads.
        settings.write_text(settings.read_text() + "workers: 0\n")
        self._made[program] = folder

    def ask(
        self, name: str, program: str, command: Sequence[str], facing: str, case_ids: Sequence[str]
    ) -> dict[str, CaseResult]:
        """Start the command on a fresh ledger and run the cases in this order."""
        with self._running(name, program, command) as target:
            met, info = examine(target.facing(facing))
            bench = LedgerBench(met, info, SEED)
            try:
                return ask(bench, Mode.LEDGER, case_ids)
            finally:
                bench.close()

    @contextlib.contextmanager
    def _running(self, name: str, program: str, command: Sequence[str]) -> Iterator[Target]:
        folder = self._folder / name
        self._copy(self._made[program], folder, [*command, "serve", "--config", ADAPTER_FILE])
        target = Target.load(folder)
        with (folder / "adapter.log").open("wb") as log:
            process = subprocess.Popen(target.file.hooks.serve, cwd=folder, stdout=log, stderr=log)
            (folder / "adapter.pid").write_text(f"{process.pid}\n")  # the hooks find it there
            try:
                _await(target, process, folder / "adapter.log")
                yield target
            finally:
                _end(process, folder / "adapter.pid")
                shutil.rmtree(folder / "data", ignore_errors=True)

    def _copy(self, made: Path, folder: Path, serve: Sequence[str]) -> None:
        shutil.copytree(made, folder)
        endpoint, port = Target.load(made).endpoint, _free_port()
        for file in (folder / ADAPTER_FILE, folder / TARGET_FILE):
            text = file.read_text().replace(endpoint, f"127.0.0.1:{port}")
            text = re.sub(r"^serve = .*$", lambda _: f"serve = {json.dumps(serve)}", text, flags=re.MULTILINE)
            file.write_text(text)


def ask(bench: object, mode: Mode, case_ids: Sequence[str]) -> dict[str, CaseResult]:
    """Results of these cases on a bench, in this order."""
    known = {case.id: case for case in cases(mode)}
    options = RunOptions(profile="all", seed=SEED)
    return {case_id: run_case(known[case_id], bench, options) for case_id in case_ids}  # type: ignore[arg-type]


def judge(mutant: Mutant, whole: Mapping[str, CaseResult], broken: Mapping[str, CaseResult]) -> None:
    """The cases that name the fault pass on the whole program and not on the mutant, which is not simply broken."""
    shown = {name: whole[name] for name in (mutant.control, *mutant.cases)}
    assert {each.status for each in shown.values()} == {Status.PASS}, f"the unbroken program:\n{_told(shown)}"
    assert broken[mutant.control].status is Status.PASS, f"it breaks everything:\n{_told(broken)}"
    named = {name: broken[name] for name in mutant.cases}
    missed = [name for name, each in named.items() if each.status not in CAUGHT or each.got.startswith(NO_ANSWER)]
    assert not missed, f"{mutant.fault} {', '.join(missed)} did not notice:\n{_told(broken)}"
    print(_told(named))


def _told(results: Mapping[str, CaseResult]) -> str:
    return "\n".join(
        f"{name} {each.status}: {each.message}; got {each.got}, expected {each.expected}"
        for name, each in results.items()
    )


def _await(target: Target, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise AssertionError(f"the adapter ended with {process.returncode}: {log.read_text()[-2000:]}")
        try:
            examine(target)
        except (LedgerUnavailableError, CallerNotAllowedError):
            if time.monotonic() > until:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return


def _end(process: subprocess.Popen[bytes], pid_file: Path) -> None:
    """End the process that was started, and the one that a hook started in its place."""
    process.kill()
    process.wait()
    successor = int(pid_file.read_text())
    if successor != process.pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(successor, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
