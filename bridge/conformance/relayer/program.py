"""The relayer under test as a process: started by its own command, told to stop, or killed as a power cut would."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.errors import DecodeError, Reason

STOP_SECONDS = 15.0
"""Longest time a relayer may take to stop when told to, in seconds; then it is killed."""

TAIL_BYTES = 4000
"""Bytes of its output that are shown when it died."""


class Program:
    """One command with its placeholders filled in; starts as often as it is told to."""

    def __init__(self, command: Sequence[str], places: Mapping[str, str], log: Path) -> None:
        """`places` are the placeholders without braces."""
        self.command = [_filled(part, places) for part in command]
        self.log = log
        self.exit_code: int | None = None
        """How it ended the last time."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it runs."""
        if self._process is not None and self._process.poll() is not None:
            self._end(self._process)
        return self._process is not None

    def start(self) -> None:
        """Start it unless it runs; DecodeError CONFIGURATION_INVALID when there is no such command."""
        if self.running:
            return
        environment = dict(os.environ, PYTHONUNBUFFERED="1")
        with self.log.open("ab") as sink:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the command whose conduct is asked for, no shell
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                detail = f"{self.command[0]}: cannot be started: {error.strerror}"
                raise DecodeError(Reason.CONFIGURATION_INVALID, detail) from error

    def kill(self) -> None:
        """SIGKILL, to everything it started too."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._end(process)

    def stop(self) -> float:
        """SIGTERM; the seconds it took to end. It is killed when it does not: then `exit_code` is negative."""
        begun = time.monotonic()
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
            else:
                self._end(process)
        return time.monotonic() - begun

    def tail(self) -> str:
        """The end of its output."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace")

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """It has ended: remember how, and leave nothing of it behind."""
        self.exit_code = process.returncode
        self._process = None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def require_command(command: Sequence[str]) -> None:
    """DecodeError CONFIGURATION_INVALID for a command that names no configuration or no program of this machine."""
    if not command or not any("{config}" in part for part in command):
        detail = "the relayer's command must name its configuration as {config}: relayer start --config {config}"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail)
    if shutil.which(command[0]) is None:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{command[0]}: there is no such program")


def _filled(part: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        part = part.replace("{" + name + "}", value)
    return part
