"""Sign-bytes of everything the bridge itself signs: a domain tag, the ledger id and the body, each of known length.

Header votes are signed in their ledger's own format; those rules live in `bridge.light_client`.
"""

from __future__ import annotations

from enum import Enum


class Domain(Enum):
    """What a signature is about; a signature made for one domain never verifies in another."""

    STATEMENT = b"cargobridge/v1/statement"
    MEMBER = b"cargobridge/v1/member"
    MAPPING = b"cargobridge/v1/mapping"
    TRANSACTION = b"cargobridge/v1/transaction"
    ACT = b"cargobridge/v1/act"


def sign_bytes(domain: Domain, ledger_id: str, body: bytes) -> bytes:
    """[SIG-1] `domain NUL length(ledger_id) ledger_id length(body) body`; lengths are 4 bytes, big-endian."""
    ledger = ledger_id.encode()
    return b"".join((domain.value, b"\0", len(ledger).to_bytes(4, "big"), ledger, len(body).to_bytes(4, "big"), body))
