"""A file that is read again when it changes, or when told to; a bad new version leaves the last good one in force."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from bridge.errors import BridgeError
from bridge.rpc.limits import RELOAD_CHECK_SECONDS

_LOG = structlog.get_logger("bridge.rpc")

T = TypeVar("T")

_NANOS = 1_000_000_000


class WatchedFile(Generic[T]):
    """The parsed content of one file. `value` looks at the file's time of change at most once a second.

    The first read raises whatever `parse` raises; later failures are logged and the last good value stays, because a
    door that opens or shuts by a typing error is worse than one that is a moment late.
    """

    def __init__(self, path: Path, parse: Callable[[Path], T]) -> None:
        self._path = path
        self._parse = parse
        self._stamp = self._look()
        self._value = parse(path)
        self._next_look = time.monotonic_ns() + RELOAD_CHECK_SECONDS * _NANOS

    def value(self) -> T:
        """The content in force now."""
        now = time.monotonic_ns()
        if now >= self._next_look:
            self._next_look = now + RELOAD_CHECK_SECONDS * _NANOS
            if self._look() != self._stamp:
                self.reload()
        return self._value

    def reload(self) -> bool:
        """Read the file now; True when its content is in force, False when the last good one stays."""
        stamp = self._look()
        try:
            self._value = self._parse(self._path)
        except (BridgeError, OSError) as error:
            _LOG.error("file.reload_refused", path=self._path.name, error=str(error))
            return False
        finally:
            self._stamp = stamp
        _LOG.info("file.reloaded", path=self._path.name)
        return True

    def _look(self) -> tuple[int, int, int]:
        """Time of change, size and inode; zeros while the file is missing."""
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)
