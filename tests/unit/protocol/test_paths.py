"""Paths and identifiers [PATH-1] to [PATH-5]."""

from __future__ import annotations

import pytest

from bridge.errors import DecodeError, Reason
from bridge.protocol.paths import (
    acknowledgement_path,
    packet_path,
    require_client_id,
    require_ledger_id,
    require_port,
)


def test_paths_match_the_published_ones_of_eureka() -> None:
    assert packet_path("channel-0", 1).hex() == "6368616e6e656c2d30010000000000000001"
    assert acknowledgement_path("channel-2", 3).hex() == "6368616e6e656c2d32030000000000000003"


def test_no_two_paths_are_alike() -> None:
    paths = {
        f(client, n) for f in (packet_path, acknowledgement_path) for client in ("hk-0", "hk-01") for n in (1, 256)
    }
    assert len(paths) == 8


@pytest.mark.parametrize("client_id", ["hk-0", "ab", "a" + "b" * 62 + "0"])
def test_client_ids_that_stand(client_id: str) -> None:
    assert require_client_id(client_id) == client_id


@pytest.mark.parametrize(
    "client_id", ["", "a", "0hk", "hk-", "HK-0", "hk/0", "hk 0", "hk\x01", "ｈk", "a" * 65, "hk-0\n"]
)
def test_client_ids_that_do_not(client_id: str) -> None:
    with pytest.raises(DecodeError) as caught:
        require_client_id(client_id)
    assert caught.value.reason is Reason.INVALID_IDENTIFIER


@pytest.mark.parametrize("port", ["", "a", "Cargo", "cargo ", "1cargo", "cargo.", "a" * 129])
def test_ports_that_do_not_stand(port: str) -> None:
    with pytest.raises(DecodeError) as caught:
        require_port(port)
    assert caught.value.reason is Reason.INVALID_IDENTIFIER


@pytest.mark.parametrize("port", ["cargo", "title.v2", "a" * 128])
def test_ports_that_stand(port: str) -> None:
    assert require_port(port) == port


@pytest.mark.parametrize("ledger_id", ["", "h", "hk trade", "-hk", "香港", "h" * 51])
def test_ledger_ids_that_do_not_stand(ledger_id: str) -> None:
    with pytest.raises(DecodeError) as caught:
        require_ledger_id(ledger_id)
    assert caught.value.reason is Reason.INVALID_IDENTIFIER


def test_ledger_ids_that_stand() -> None:
    assert require_ledger_id("cosmoshub-4") == "cosmoshub-4"
