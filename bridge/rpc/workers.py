"""A few worker processes for work that depends on bytes alone; the calling thread waits without holding anybody up.

Small batches are not worth the way and are left to the caller; so is everything while a worker is broken, since what
workers do can always be done where it is asked for.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, cast

import structlog

from bridge.ledger.examined import Examined, PacketTask
from bridge.rpc.checking import DocumentTask, DocumentVerdict
from bridge.rpc.worker import read_frame, write_frame

LEAST_BATCH = 24
"""Tasks below which a batch stays in the calling process: the way to a worker and back costs as much as a few tasks."""

CHUNK = 64
"""Tasks sent to a worker at once: large enough that the way costs little, small enough that all workers get some."""

MAX_WORKERS = 64
"""Most worker processes of an adapter."""

Rules = Mapping[int, tuple[str, ...]]
"""Pointer patterns by record type: a corridor policy in plain values."""

_LOG = structlog.get_logger("bridge.workers")


class _Worker:
    """One process with its pipes; used by one thread at a time."""

    def __init__(self, rules: Rules) -> None:
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-m", "bridge.rpc.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        write_frame(cast("IO[bytes]", self._process.stdin), dict(rules))  # type: ignore[arg-type]

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def run(self, name: str, tasks: Sequence[Any]) -> list[Any]:
        """Have a batch done; OSError or EOFError when the process is gone."""
        write_frame(cast("IO[bytes]", self._process.stdin), (name, [tuple(task) for task in tasks]))  # type: ignore[arg-type]
        return cast("list[Any]", read_frame(cast("IO[bytes]", self._process.stdout)))  # type: ignore[arg-type]

    def close(self) -> None:
        """End the process by ending its input."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    _LOG.debug("worker.gone", pid=self._process.pid)
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Workers:
    """Worker processes; `close` ends them. Safe to use from any thread."""

    def __init__(self, count: int, rules: Rules | None = None) -> None:
        """`count` 0 leaves all work to the callers; `rules` are the corridor policy's, for checking documents."""
        self._count = count
        self._rules = rules or {}
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._started = False
        self._closed = False
        self._lock = threading.Lock()
        # One waiting thread for each worker: they hold no lock while they wait.
        self._threads = ThreadPoolExecutor(max(1, count), thread_name_prefix="worker")

    def start(self) -> None:
        """Start the processes now; else the first batch that is large enough does."""
        with self._lock:
            if self._started or self._closed:
                return
            for _ in range(self._count):
                self._idle.put(_Worker(self._rules))
            self._started = True

    def examine(self, tasks: Sequence[PacketTask]) -> Sequence[Examined | None]:
        """Examine packets (`bridge.ledger.examined`); None for those the caller is to examine itself."""
        if self._count == 0 or self._closed or len(tasks) < LEAST_BATCH:
            return [None] * len(tasks)
        self.start()
        chunks = [tasks[start : start + CHUNK] for start in range(0, len(tasks), CHUNK)]
        found = self._threads.map(lambda chunk: self._run("packets", chunk), chunks)
        return [None if each is None else Examined(*each) for part in found for each in part]

    def check(self, tasks: Sequence[DocumentTask]) -> Sequence[DocumentVerdict | None]:
        """Check documents (`bridge.rpc.checking`) in one process; None for those the caller is to check itself."""
        if self._count == 0 or self._closed:
            return [None] * len(tasks)
        self.start()
        return [None if each is None else DocumentVerdict(*each) for each in self._run("documents", tasks)]

    def pids(self) -> list[int]:
        """Processes that wait for work."""
        waiting = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        for worker in waiting:
            self._idle.put(worker)
        return [worker.pid for worker in waiting]

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._closed = True
        self._threads.shutdown()
        if self._started:
            for _ in range(self._count):
                self._idle.get().close()

    def _run(self, name: str, tasks: Sequence[Any]) -> list[Any]:
        worker = self._idle.get()
        try:
            return worker.run(name, tasks)
        except (OSError, EOFError, ValueError) as error:
            _LOG.warning("worker.lost", pid=worker.pid, error=str(error))
            worker.close()
            worker = _Worker(self._rules)
            return [None] * len(tasks)
        finally:
            self._idle.put(worker)
