"""Paths of provable entries and the form of the identifiers they are built from.

A path is built by whoever verifies, never taken from a relayer. Source: ibc-go `modules/core/24-host/v2/packet_keys.go`
(client id, one separator byte, sequence as 8 bytes big-endian); the receipt's key 0x02 is not provable here.
"""

from __future__ import annotations

import re
from functools import lru_cache

from bridge.errors import DecodeError, Reason

PACKET_SEPARATOR = b"\x01"
ACKNOWLEDGEMENT_SEPARATOR = b"\x03"

MAX_SEQUENCE = 2**63 - 1
"""Highest sequence: what a signed 64-bit column holds; at a million packets a second it lasts 290,000 years."""

_CLIENT_ID = re.compile(r"[a-z][a-z0-9-]{0,62}[a-z0-9]")
_LEDGER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,49}")
_PORT = re.compile(r"[a-z][a-z0-9.-]{0,126}[a-z0-9]")


def packet_path(source_client: str, sequence: int) -> bytes:
    """[PATH-1] Path of a sent packet on its source ledger: `source_client 0x01 sequence`."""
    return source_client.encode("ascii") + PACKET_SEPARATOR + sequence.to_bytes(8, "big")


def acknowledgement_path(destination_client: str, sequence: int) -> bytes:
    """[PATH-2] Path of a written acknowledgement on the destination ledger: `destination_client 0x03 sequence`."""
    return destination_client.encode("ascii") + ACKNOWLEDGEMENT_SEPARATOR + sequence.to_bytes(8, "big")


@lru_cache(maxsize=1024)
def require_client_id(client_id: str, field: str = "client_id") -> str:
    """[PATH-3] A client id has 2 to 64 characters of `a-z 0-9 -`, begins with a letter and does not end with a hyphen.

    Raises DecodeError INVALID_IDENTIFIER.
    """
    return _require(_CLIENT_ID, client_id, field)


@lru_cache(maxsize=1024)
def require_port(port: str, field: str = "port") -> str:
    """[PATH-4] A port has 2 to 128 characters of `a-z 0-9 . -`, first a letter; DecodeError INVALID_IDENTIFIER."""
    return _require(_PORT, port, field)


@lru_cache(maxsize=1024)
def require_ledger_id(ledger_id: str, field: str = "ledger_id") -> str:
    """[PATH-5] A ledger id has 2 to 50 characters of `A-Z a-z 0-9 . _ -`; DecodeError INVALID_IDENTIFIER otherwise.

    50 is CometBFT's limit on a chain id (cometbft: types/genesis.go, MaxChainIDLen).
    """
    return _require(_LEDGER_ID, ledger_id, field)


def _require(pattern: re.Pattern[str], text: str, field: str) -> str:
    if pattern.fullmatch(text) is None:
        raise DecodeError(Reason.INVALID_IDENTIFIER, f"{field} is not an identifier", field=field, got=text)
    return text
