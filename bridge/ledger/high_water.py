"""The port of the signers' memory: the highest height a ledger's validators signed, kept outside the database.

A database can be restored from a backup; a signature cannot be taken back. The mark is written, durably, before any
validator signs, so at most one header is ever signed at a height. The file that keeps it is `bridge.store.high_water`;
here is also the plain in-memory mark that simulations use.
"""

from __future__ import annotations

from typing import Protocol

from bridge.errors import PreconditionError, Reason


class HighWaterMark(Protocol):
    """One mark a ledger, moved for all of its validators together: one durable write a block."""

    def latest(self) -> tuple[int, bytes]:
        """Height signed last and the digest signed there; (0, b"") before the first."""
        ...

    def advance_all(self, height: int, digest: bytes) -> None:
        """[STO-1] Return when the validators may sign `digest` (the header hash) at `height`, remembering it durably
        first.

        The same digest at the height of the mark may be signed again. Anything else at or below the mark raises
        PreconditionError DOUBLE_SIGN_REFUSED, and the mark stands.
        """
        ...


def require_above_mark(mark: tuple[int, bytes], height: int, digest: bytes) -> bool:
    """[STO-1] True when the mark must move to sign, False when the same digest is signed again; raises otherwise."""
    marked_height, marked_digest = mark
    if height > marked_height:
        return True
    if height == marked_height and digest == marked_digest:
        return False
    raise PreconditionError(
        Reason.DOUBLE_SIGN_REFUSED,
        "a height is signed once; the store is older than the signers' mark",
        height=height,
        digest=digest,
        marked_height=marked_height,
        marked_digest=marked_digest,
    )


class MemoryHighWaterMark:
    """A mark that lives as long as the process; for simulations and tests."""

    def __init__(self) -> None:
        self._mark = (0, b"")

    def latest(self) -> tuple[int, bytes]:
        """As HighWaterMark.latest."""
        return self._mark

    def advance_all(self, height: int, digest: bytes) -> None:
        """As HighWaterMark.advance_all."""
        if require_above_mark(self._mark, height, digest):
            self._mark = (height, digest)
