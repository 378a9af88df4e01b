"""The signers' mark: moved before signing, never back, by one program at a time, and never fooled by a torn file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from bridge.errors import BridgeError, LedgerUnavailableError, LimitError, PreconditionError, Reason
from bridge.ledger.high_water import HighWaterMark, MemoryHighWaterMark
from bridge.store.high_water import SLOT_BYTES, FileHighWaterMark

A, B = b"a" * 32, b"b" * 32


@pytest.fixture(params=["file", "memory"])
def mark(request: pytest.FixtureRequest, tmp_path: Path) -> HighWaterMark:
    return FileHighWaterMark(tmp_path / "mark", "hk-1") if request.param == "file" else MemoryHighWaterMark()


def test_it_begins_below_every_height(mark: HighWaterMark) -> None:
    assert mark.latest() == (0, b"")


def test_it_rises_and_may_sign_the_same_again(mark: HighWaterMark) -> None:
    mark.advance_all(1, A)
    mark.advance_all(1, A)
    mark.advance_all(5, B)
    assert mark.latest() == (5, B)


@pytest.mark.parametrize(("height", "digest"), [(5, A), (4, B), (1, A), (0, b"")])
def test_it_refuses_another_digest_at_or_anything_below_the_mark(
    mark: HighWaterMark, height: int, digest: bytes
) -> None:
    mark.advance_all(5, B)
    with pytest.raises(PreconditionError) as refused:
        mark.advance_all(height, digest)
    assert refused.value.reason is Reason.DOUBLE_SIGN_REFUSED
    assert mark.latest() == (5, B)


def test_it_survives_the_process(tmp_path: Path) -> None:
    for height in (1, 2, 3):
        with FileHighWaterMark(tmp_path / "mark", "hk-1") as mark:
            assert mark.latest()[0] == height - 1
            mark.advance_all(height, A)
    assert stat.S_IMODE((tmp_path / "mark").stat().st_mode) == 0o600


@pytest.mark.parametrize("cut", [0, 1, 20, 60, 100])
def test_a_torn_write_leaves_the_mark_before(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "mark"
    with FileHighWaterMark(path, "hk-1") as mark:
        mark.advance_all(1, A)
        before = path.read_bytes()
        mark.advance_all(2, B)
    after = path.read_bytes()
    changed = [slot for slot in (0, 1) if _slot(before, slot) != _slot(after, slot)]
    assert len(changed) == 1
    start = changed[0] * SLOT_BYTES
    path.write_bytes(after[: start + cut] + before[start + cut : start + SLOT_BYTES] + after[start + SLOT_BYTES :])
    with FileHighWaterMark(path, "hk-1") as mark:
        assert mark.latest() == (1, A)


def test_one_damaged_slot_is_survived_and_two_are_not(tmp_path: Path) -> None:
    path = tmp_path / "mark"
    with FileHighWaterMark(path, "hk-1") as mark:
        mark.advance_all(1, A)
        mark.advance_all(2, B)
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    content[SLOT_BYTES + 30] ^= 1
    path.write_bytes(content)
    with pytest.raises(BridgeError) as refused:
        FileHighWaterMark(path, "hk-1")
    assert refused.value.reason is Reason.STORAGE_CORRUPT


def test_another_ledgers_mark_is_refused(tmp_path: Path) -> None:
    FileHighWaterMark(tmp_path / "mark", "hk-1").close()
    with pytest.raises(PreconditionError) as refused:
        FileHighWaterMark(tmp_path / "mark", "sh-1")
    assert refused.value.reason is Reason.LEDGER_ID_MISMATCH


def test_two_programs_cannot_hold_it(tmp_path: Path) -> None:
    with FileHighWaterMark(tmp_path / "mark", "hk-1"):
        with pytest.raises(PreconditionError) as refused:
            FileHighWaterMark(tmp_path / "mark", "hk-1")
        assert refused.value.reason is Reason.CONFIGURATION_INVALID
    FileHighWaterMark(tmp_path / "mark", "hk-1").close()


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (errno.ENOSPC, LimitError, Reason.STORAGE_FULL),
        (errno.EIO, LedgerUnavailableError, Reason.LEDGER_UNAVAILABLE),
    ],
)
def test_a_mark_that_cannot_be_written_signs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[BridgeError], reason: Reason
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with FileHighWaterMark(tmp_path / "mark", "hk-1") as mark:
        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(kind) as refused:
            mark.advance_all(1, A)
        assert refused.value.reason is reason
        assert mark.latest() == (0, b"")
        monkeypatch.undo()
        mark.advance_all(1, A)
        assert mark.latest() == (1, A)


def _slot(content: bytes, slot: int) -> bytes:
    return content[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES]
