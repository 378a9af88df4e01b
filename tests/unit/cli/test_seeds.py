"""Seeds are found again from the secret, differ in everything they are of, and the secret is kept from others."""

from __future__ import annotations

import itertools
import stat
from pathlib import Path

import pytest

from bridge.cli.seeds import SECRET_BYTES, SeedSource, open_seeds, seed_file
from bridge.errors import DecodeError, Reason

KEY, OTHER = b"\1" * 32, b"\2" * 32


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "carrier.seeds"
    first = open_seeds(path).seed(KEY, 1, b"{}")
    assert open_seeds(path).seed(KEY, 1, b"{}") == first
    assert len(first) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == SECRET_BYTES


def test_every_version_of_every_record_and_document_has_its_own_seed() -> None:
    of = itertools.product((b"a" * 32, b"b" * 32), (KEY, OTHER), (1, 2), (b"{}", b"{ }"))
    seeds = {SeedSource(secret).seed(key, version, document) for secret, key, version, document in of}
    assert len(seeds) == 16


def test_a_new_key_of_the_same_member_keeps_its_secret(tmp_path: Path) -> None:
    assert seed_file(tmp_path / "k1.key", "carrier") == seed_file(tmp_path / "k2.key", "carrier")
    assert seed_file(tmp_path / "k1.key", "carrier") != seed_file(tmp_path / "k1.key", "forwarder")


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "carrier.seeds"
    open_seeds(path)
    path.chmod(0o644)
    with pytest.raises(DecodeError, match="others may read") as refused:
        open_seeds(path)
    assert refused.value.reason == Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "carrier.seeds"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(DecodeError, match="must hold 32 bytes"):
        open_seeds(path)


def test_a_secret_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="cannot be made"):
        open_seeds(tmp_path / "missing" / "carrier.seeds")
