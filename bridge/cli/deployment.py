"""The four programs on this machine, as the demonstration, the benchmark and the end-to-end tests run them.

Everything lies in one folder: certificates, keys, configurations, databases and logs. Programs are started as separate
processes by their own commands, told to stop by SIGTERM, and killed only when they do not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from bridge.cli.callers import CallerFile, load_caller
from bridge.cli.link import link_ledgers
from bridge.clock import SystemClock
from bridge.errors import LedgerUnavailableError, PreconditionError, Reason
from bridge.rpc.clients import LedgerClient
from bridge.rpc.pki import DEFAULT_VALIDATORS, make_pki
from bridge.v1.ledger_service_pb2 import ListClientsRequest

START_SECONDS = 30
"""Longest time a program may take to answer its first call: a cold start on a busy machine takes a few."""

STOP_SECONDS = 10
"""Longest time a program may take to stop when told to; then it is killed."""

LOG_TAIL_BYTES = 4000
"""Bytes of a program's log that are shown when it died."""


@dataclass(slots=True)
class Program:
    """One program: its command, its log file, and its process while it runs."""

    name: str
    command: Sequence[str]
    log: Path
    detached: bool = False
    """True for one that goes on when this program and its terminal have ended."""
    process: subprocess.Popen[bytes] | None = None
    _sink: IO[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, with its output going to the log."""
        self._sink = self.log.open("ab")
        environment = dict(os.environ, PYTHONUNBUFFERED="1")
        self.process = subprocess.Popen(  # noqa: S603 - our own console scripts, no shell
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self._sink,
            stderr=self._sink,
            env=environment,
            start_new_session=self.detached,
        )

    def require_running(self) -> None:
        """PreconditionError with the log's tail when it has ended."""
        if self.process is None or self.process.poll() is not None:
            code = self.process.returncode if self.process else None
            raise PreconditionError(
                Reason.LEDGER_UNAVAILABLE, f"{self.name} ended with code {code}; its log says:\n{self.tail()}"
            )

    def tail(self) -> str:
        """The last lines of its log."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace")

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL, STOP_SECONDS)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it does not help."""
        self._end(signal.SIGTERM, STOP_SECONDS)

    def _end(self, number: signal.Signals, seconds: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        if self._sink is not None:
            self._sink.close()
            self._sink = None


class Deployment:
    """Two adapters and two relayers under one folder."""

    def __init__(self, folder: Path, validators: int = DEFAULT_VALIDATORS) -> None:
        self.folder = folder.resolve()
        self.ports = make_pki(self.folder, SystemClock(), validators=validators).ports
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        self.programs = {
            name: Program(name, _command(script, self.folder / config), logs / f"{name}.log")
            for name, script, config in (
                ("hk-adapter", "hk-adapter", "hk/adapter.yaml"),
                ("sh-adapter", "sh-adapter", "sh/adapter.yaml"),
                ("relayer-hk", "relayer", "relayer-hk/relayer.yaml"),
                ("relayer-sh", "relayer", "relayer-sh/relayer.yaml"),
            )
        }

    def caller_path(self, side: str, name: str) -> Path:
        """The caller's file of one who calls ("platform", "bank", "authority", ...) on a side ("hk", "sh")."""
        return self.folder / side / f"{name}.yaml"

    def caller(self, side: str, name: str) -> CallerFile:
        """That file, read."""
        return load_caller(self.caller_path(side, name))

    async def start_adapters(self) -> None:
        """Start both adapters and wait until they answer."""
        for name in ("hk-adapter", "sh-adapter"):
            self.programs[name].start()
        for side in ("hk", "sh"):
            await self.ready(side)

    async def ready(self, side: str) -> None:
        """Wait until the adapter of a side answers; PreconditionError with its log when it ends instead."""
        program = self.programs[f"{side}-adapter"]
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(LedgerUnavailableError),
            stop=stop_after_delay(START_SECONDS),
            wait=wait_fixed(0.1),
            reraise=True,
        )
        async for attempt in attempts:
            with attempt:
                program.require_running()
                async with LedgerClient(self.caller(side, "authority").channel(), seconds=5) as ledger:
                    await ledger.info()

    async def link(self, trusting_seconds: int = 14 * 86_400) -> dict[str, str]:
        """Create and pair the clients; client id by ledger id."""
        first, second = self.caller("hk", "authority"), self.caller("sh", "authority")
        return await link_ledgers(first, second, trusting_seconds=trusting_seconds)

    def start_relayers(self) -> None:
        """Start both relayers; they find their way by themselves."""
        for name in ("relayer-hk", "relayer-sh"):
            self.programs[name].start()

    async def settle(self) -> None:
        """Wait until each ledger has confirmed the other's members: before that no issuer's record may leave.

        PreconditionError CLIENT_NOT_PAIRED when it takes longer than a start may.
        """
        attempts = AsyncRetrying(
            retry=retry_if_exception_type((LedgerUnavailableError, PreconditionError)),
            stop=stop_after_delay(START_SECONDS),
            wait=wait_fixed(0.1),
            reraise=True,
        )
        for side in ("hk", "sh"):
            await attempts(self._require_settled, side)

    async def _require_settled(self, side: str) -> None:
        async with LedgerClient(self.caller(side, "authority").channel(), seconds=5) as ledger:
            clients = (await ledger.clients(ListClientsRequest())).clients
        waiting = sum(client.pending_count for client in clients)
        if waiting or not clients:
            raise PreconditionError(
                Reason.CLIENT_NOT_PAIRED, f"{side}: the other ledger has not confirmed the members", waiting=waiting
            )

    def stop(self) -> None:
        """Stop everything, relayers first; safe to repeat."""
        for name in ("relayer-hk", "relayer-sh", "hk-adapter", "sh-adapter"):
            self.programs[name].stop()


@contextlib.asynccontextmanager
async def deployed(folder: Path, validators: int = DEFAULT_VALIDATORS) -> AsyncIterator[Deployment]:
    """All four programs running, linked and known to each other; stopped at the end, whatever happens."""
    deployment = await asyncio.to_thread(Deployment, folder, validators)
    try:
        await deployment.start_adapters()
        await deployment.link()
        deployment.start_relayers()
        await deployment.settle()
        yield deployment
    finally:
        await asyncio.to_thread(deployment.stop)


def _command(script: str, config: Path) -> Sequence[str]:
    program = Path(sys.executable).with_name(script)
    verb = "start" if script == "relayer" else "serve"
    if not program.exists():
        raise PreconditionError(Reason.CONFIGURATION_INVALID, f"{script} is not installed beside this Python")
    return (str(program), verb, "--config", str(config))
