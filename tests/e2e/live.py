"""The command line against two real adapters in this process; packets are carried when a test says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs
from typer.testing import CliRunner

from bridge.cli.main import app
from bridge.clock import Clock
from tests.unit.rpc.pair import Pair, linked_pair


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def invoke(arguments: Sequence[object]) -> Answer:
    """Run one command in this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


class Live:
    """Commands under the callers of a linked pair."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    def caller(self, name: str) -> Path:
        """File of a caller such as "hk/platform"."""
        return self.pair.folder / f"{name}.yaml"

    async def run(self, name: str, *arguments: object) -> Answer:
        """One command under a caller; the adapters go on meanwhile."""
        return await asyncio.to_thread(invoke, [*arguments, "--as", self.caller(name)])

    async def json(self, name: str, *arguments: object) -> Any:
        """What a command that must succeed prints for machines."""
        answer = await self.run(name, *arguments, "--json")
        assert answer.code == 0, answer
        return answer.json


@asynccontextmanager
async def live_pair(folder: Path, clock: Clock | None = None) -> AsyncIterator[Live]:
    """A linked pair whose log lines stay out of what commands print."""
    with capture_logs():
        async with linked_pair(folder, clock) as pair:
            yield Live(pair)
