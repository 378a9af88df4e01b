"""The bench of relayer cases: one estate, a world of two ledgers, and the relayer under test between them.

A case finds the relayer running and nothing pending. What a case breaks for good, the next one finds made anew.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from bridge.clock import SystemClock
from bridge.conformance.case import Case
from bridge.conformance.checks import Failed
from bridge.conformance.connection import MAX_EXCHANGES, MAX_REMEMBERED_BYTES, Exchange
from bridge.conformance.relayer.door import Call
from bridge.conformance.relayer.estate import LEDGER_IDS, RELAYER, Estate
from bridge.conformance.relayer.kit import RelayerKit
from bridge.conformance.relayer.program import Program
from bridge.conformance.relayer.world import World

CALM_SECONDS = 20.0
"""Longest time until a relayer has carried everything that waits before a case begins, in seconds."""

MAX_RESTLESS = 3
"""Cases before which the relayer never came to rest; after so many nobody waits for it any more."""


class RelayerBench:
    """Everything that relayer cases share. Use it as a context manager."""

    def __init__(self, command: Sequence[str], seed: int) -> None:
        """Make certificates and keys; nothing runs before the first kit is asked for."""
        self.seed = seed
        self._folder = Path(tempfile.mkdtemp(prefix="conformance-relayer-"))
        self.estate = Estate(self._folder / "estate", SystemClock())
        places = {
            "config": str(self.estate.relayer_config),
            "folder": str(self.estate.relayer_config.parent),
            "listen": self.estate.relayer_door,
        }
        self.relayer = Program(command, places, self._folder / "relayer.log")
        self.started_at = 0.0
        """When the relayer was started last, on the clock of the calls."""
        self.worn = False
        """Whether the world is not fit for another case."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ledgers", daemon=True)
        self._thread.start()
        self._world: World | None = None
        self._worlds = 0
        self._restless = 0
        self._told = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End relayer and ledgers, and remove every file."""
        self.relayer.kill()
        if self._world is not None:
            self._world.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    # what the runner asks

    def undeclared(self, case: Case) -> str:  # noqa: ARG002 a relayer declares nothing
        """Nothing: a relayer declares nothing."""
        return ""

    def missing(self, case: Case) -> str:  # noqa: ARG002 no relayer case needs a hook
        """Nothing: the kit starts and stops the relayer itself."""
        return ""

    def kit(self, case: Case) -> RelayerKit:
        """The kit of a case: relayer running, nothing pending. Failed when the relayer does not come to rest."""
        kit = RelayerKit(self, case)
        if self.worn or self._world is None:
            self.renew()
        self.world.heal()
        self.start_relayer()
        if not self._calm():
            self.renew()
            self.start_relayer()
            if not self._calm():
                self._restless += 1
                self.worn = True
                pending = {each.ledger_id: each.pending() for each in self.world.ledgers}
                raise Failed(
                    "a relayer between two fresh ledgers carries what waits before the case begins",
                    got=f"pending {pending}, running {self.relayer.running}, it says: {self.relayer.tail()}",
                    expected=f"nothing pending within {CALM_SECONDS:.0f} s",
                )
        self._restless = 0
        kit.begin()
        return kit

    def exchanges(self) -> Sequence[Exchange]:
        """Calls at both doors since the last time."""
        since, self._told = self._told, time.monotonic()
        found = [call for call in self.calls() if call.at >= since]
        return [_exchange(call) for call in found[-MAX_EXCHANGES:]]

    def subject(self) -> Mapping[str, str]:
        """What is under test."""
        return {"command": " ".join(self.relayer.command), "ledgers": " and ".join(LEDGER_IDS)}

    # what kits ask

    @property
    def world(self) -> World:
        """The two ledgers."""
        assert self._world is not None
        return self._world

    def calls(self) -> list[Call]:
        """Every call that the present world saw, in order."""
        found = [call for ledger in self.world.ledgers for call in list(ledger.doings.calls)] if self._world else []
        return sorted(found, key=lambda call: call.at)

    def renew(self, *, backdated_seconds: int = 0, waiting: int = 0) -> World:
        """Two fresh ledgers in place of the present ones; the relayer is stopped."""
        self.relayer.kill()
        if self._world is not None:
            self._world.stop()
        self._worlds += 1
        folder = self._folder / f"world-{self._worlds}"
        self._world = World(self.estate, folder, self._loop, backdated_seconds=backdated_seconds, waiting=waiting)
        self.worn = False
        return self._world

    def start_relayer(self) -> None:
        """Start the relayer unless it runs."""
        if not self.relayer.running:
            self.started_at = time.monotonic()
            self.relayer.start()

    def _calm(self) -> bool:
        """Wait until the relayer has asked both ledgers who they are and nothing is pending."""
        seconds = CALM_SECONDS if self._restless < MAX_RESTLESS else 0.0
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self.relayer.running:
                return False
            met = {call.ledger_id for call in self.calls() if call.at >= self.started_at and call.method != ""}
            if len(met) == len(LEDGER_IDS) and not any(each.pending() for each in self.world.ledgers):
                return True
            time.sleep(0.02)
        return False


def _exchange(call: Call) -> Exchange:
    answer = call.answer.SerializeToString()[:MAX_REMEMBERED_BYTES] if call.answer is not None else b""
    return Exchange(
        f"bridge.v1.LedgerService/{call.method}@{call.ledger_id}",
        RELAYER,
        call.request.SerializeToString()[:MAX_REMEMBERED_BYTES],
        answer,
        call.outcome or "RUNNING",
        round(1_000 * ((call.ended or time.monotonic()) - call.at)),
    )
