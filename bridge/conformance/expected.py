"""The file of expected failures: one pattern a line, and a reason for people; a pattern that fails nothing is an error.

# what is known, and where it is tracked
HDR-011
EXT-*     # streaming is not built yet
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from bridge.conformance.case import Case
from bridge.errors import DecodeError, Reason

MAX_FILE_BYTES = 256 * 1024
"""Largest file of expected failures, in bytes: every case with a long reason stays far below it."""


@dataclass(frozen=True, slots=True)
class ExpectedFailures:
    """Patterns of case ids; `*` and `?` stand for what they do in a shell."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> ExpectedFailures:
        """The patterns of a file; DecodeError CONFIGURATION_INVALID when it cannot be read."""
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
            text = data.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: cannot be read: {error}") from error
        if len(data) > MAX_FILE_BYTES:
            raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: too large", limit=MAX_FILE_BYTES)
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return cls(tuple(line for line in lines if line))

    def covers(self, case: Case) -> bool:
        """True when the case is expected to fail."""
        return any(fnmatchcase(case.id, pattern) for pattern in self.patterns)

    def require_known(self, cases: Iterable[Case]) -> None:
        """DecodeError CONFIGURATION_INVALID for a pattern that names no case: it would excuse nothing, or a typo."""
        ids = [case.id for case in cases]
        for pattern in self.patterns:
            if not any(fnmatchcase(each, pattern) for each in ids):
                raise DecodeError(Reason.CONFIGURATION_INVALID, f"expected failures: no case is called {pattern}")
