"""The signers' mark in a file of two slots, so that a torn write can harm only the mark that was not yet promised.

A slot is one line of text with its own checksum, padded to a sector's size and synced before the call returns. Marks go
to the two slots in turn. The file is locked while it is open: two programs cannot sign for one ledger.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from bridge.errors import BridgeError, LedgerUnavailableError, LimitError, PreconditionError, Reason
from bridge.ledger.high_water import require_above_mark

SLOT_BYTES = 4096
"""Bytes of a slot: a whole page of any usual file system, so that writing one cannot touch the other."""

_TITLE = "cargobridge-high-water-1"


class FileHighWaterMark:
    """[STO-1] A HighWaterMark on disk. One file a ledger; keep it out of database backups and off shared disks."""

    def __init__(self, path: str | os.PathLike[str], ledger_id: str) -> None:
        """Open or create the file and lock it.

        Raises PreconditionError CONFIGURATION_INVALID when another program holds it or it cannot be opened,
        LEDGER_ID_MISMATCH when it is another ledger's, and BridgeError STORAGE_CORRUPT when neither slot can be read.
        """
        self._path = Path(path)
        self._ledger_id = ledger_id
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PreconditionError(
                Reason.CONFIGURATION_INVALID, "the signers' mark cannot be opened", path=path, cause=error.strerror
            ) from error
        try:
            self._lock()
            self._mark, self._slot = self._read()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def latest(self) -> tuple[int, bytes]:
        """Height signed last and the digest signed there; (0, b"") before the first."""
        return self._mark

    def advance_all(self, height: int, digest: bytes) -> None:
        """[STO-1] As HighWaterMark.advance_all: the mark is on disk when this returns."""
        if not require_above_mark(self._mark, height, digest):
            return
        slot = 1 - self._slot
        try:
            os.pwrite(self._file, _encode(self._ledger_id, height, digest), slot * SLOT_BYTES)
            os.fdatasync(self._file)
        except OSError as error:
            raise _refusal(error) from error
        self._mark, self._slot = (height, digest), slot

    def close(self) -> None:
        """Release the file and its lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PreconditionError(
                Reason.CONFIGURATION_INVALID, "another program signs for this ledger", path=self._path
            ) from error

    def _read(self) -> tuple[tuple[int, bytes], int]:
        content = os.pread(self._file, 2 * SLOT_BYTES, 0)
        if not content:
            self._create()
            return (0, b""), 1
        slots = [_decode(content[start : start + SLOT_BYTES]) for start in (0, SLOT_BYTES)]
        readable = [(found[1], found[2], found[0], slot) for slot, found in enumerate(slots) if found is not None]
        if not readable:
            raise BridgeError(Reason.STORAGE_CORRUPT, "the signers' mark cannot be read", path=self._path)
        height, digest, ledger_id, slot = max(readable)
        if ledger_id != self._ledger_id:
            raise PreconditionError(
                Reason.LEDGER_ID_MISMATCH,
                "the signers' mark belongs to another ledger",
                got=ledger_id,
                expected=self._ledger_id,
            )
        return (height, digest), slot

    def _create(self) -> None:
        """Write both slots once, so that later marks change no file size and one sync is enough."""
        try:
            blank = _encode(self._ledger_id, 0, b"")
            os.pwrite(self._file, blank + blank, 0)
            os.fsync(self._file)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _refusal(error) from error


def _encode(ledger_id: str, height: int, digest: bytes) -> bytes:
    line = f"{_TITLE} {ledger_id} {height} {digest.hex() or '-'}"
    return f"{line} {_checksum(line)}\n".encode().ljust(SLOT_BYTES, b"\n")


def _decode(slot: bytes) -> tuple[str, int, bytes] | None:
    """Ledger id, height and digest of a slot, or None when it is torn."""
    try:
        line, checksum = slot.decode().rstrip("\n").rsplit(" ", 1)
        title, ledger_id, height, digest = line.split(" ")
        if title != _TITLE or checksum != _checksum(line):
            return None
        return ledger_id, int(height), b"" if digest == "-" else bytes.fromhex(digest)
    except ValueError:
        return None


def _checksum(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def _refusal(error: OSError) -> BridgeError:
    if error.errno in (28, 122):  # ENOSPC, EDQUOT
        return LimitError(Reason.STORAGE_FULL, "no space left for the signers' mark; nothing was signed")
    return LedgerUnavailableError(
        Reason.LEDGER_UNAVAILABLE, "the signers' mark could not be written; nothing was signed", cause=error.strerror
    )
