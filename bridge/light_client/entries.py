"""The bytes of an entry, as a log leaf hashes them.

Paths and values themselves are built in `bridge.protocol`; here they are only framed.
"""

from __future__ import annotations

from bridge.light_client.types import Entry

MAX_PART_BYTES = 0xFFFF
"""Longest path or value in bytes: what a 2-byte length can say."""


def entry_bytes(entry: Entry) -> bytes:
    """[ENT-1] `length(path) path length(value) value`, lengths as 2 bytes big-endian: no two entries share bytes.

    Raises OverflowError for a part over MAX_PART_BYTES; paths and values are built here and are far shorter.
    """
    path, value = entry.path, entry.value
    return len(path).to_bytes(2, "big") + path + len(value).to_bytes(2, "big") + value
