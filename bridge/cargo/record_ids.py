"""Local record ids: the number a ledger gives a record in its own format, `{prefix}-{year}-{serial}`.

The year is that of the block's time in UTC, the serial rises by one over the ledger's life. Nothing is decided by an
id: a record is named by its key; this is the number people quote on the telephone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, LimitError, Reason

MIN_SERIAL_DIGITS = 9
"""Serials are padded to this many digits, so that ids sort as text through the first thousand million records."""

MAX_SERIAL = 10**12 - 1
"""Highest serial: twelve digits, five years of records at the rate one machine can carry."""

MAX_MADE_CHARACTERS = 8 + 1 + 4 + 1 + 12
"""Longest id this ledger makes: the longest prefix, a year and the highest serial, with their hyphens."""

PREFIX_FORM = re.compile(r"[A-Z][A-Z0-9]{1,7}", re.ASCII)
_ID_FORM = re.compile(r"([A-Z][A-Z0-9]{1,7})-([1-9][0-9]{3})-([0-9]{9}|[1-9][0-9]{9,11})", re.ASCII)

_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class RecordId:
    """A local record id in its parts."""

    prefix: str
    year: int
    serial: int

    def __str__(self) -> str:
        return f"{self.prefix}-{self.year:04d}-{self.serial:0{MIN_SERIAL_DIGITS}d}"


def make_record_id(prefix: str, block_time: Nanos, serial: int) -> str:
    """[RID-1] The id of the `serial`th record, counted from 1; LimitError LIMIT_EXCEEDED when serials are used up."""
    if not 1 <= serial <= MAX_SERIAL:
        raise LimitError(Reason.LIMIT_EXCEEDED, "no serial left for a record id", got=serial, limit=MAX_SERIAL)
    return f"{prefix}-{_year(block_time // NANOS_PER_SECOND // _SECONDS_PER_DAY)}-{serial:0{MIN_SERIAL_DIGITS}d}"


def parse_record_id(text: str) -> RecordId:
    """[RID-2] The parts of an id; DecodeError INVALID_IDENTIFIER unless it is exactly what `make_record_id` writes."""
    parts = _ID_FORM.fullmatch(text)
    if parts is None or int(parts[3]) == 0:
        raise DecodeError(Reason.INVALID_IDENTIFIER, "not a record id", value=text[:40])
    return RecordId(parts[1], int(parts[2]), int(parts[3]))


def require_prefix(prefix: str) -> str:
    """The prefix when ids may begin with it: 2 to 8 capitals or digits; DecodeError INVALID_IDENTIFIER otherwise."""
    if not PREFIX_FORM.fullmatch(prefix):
        raise DecodeError(
            Reason.INVALID_IDENTIFIER, "a record id's prefix is 2 to 8 capitals or digits", value=prefix[:40]
        )
    return prefix


@lru_cache(maxsize=8)
def _year(day: int) -> int:
    return datetime.fromtimestamp(day * _SECONDS_PER_DAY, tz=UTC).year
