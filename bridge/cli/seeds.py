"""The seeds of an issuer's documents, derived from one secret file, so that a repeated command makes the same salts.

A seed that is drawn afresh could not be found again: whether a document is already on the ledger would then be
unanswerable, because the ledger shows only the root of its salted leaves. So each seed is an HMAC-SHA-256 of record
key, version and document under 32 random bytes that never leave the issuer's machine. Without the file a seed is as
hard to guess as a random one; with it, an issuer who lost an answer asks again and gets the same version, not another.
Losing the file loses only that: documents already issued then look like new content.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from bridge.errors import DecodeError, Reason
from bridge.rpc.tls import read_private

SECRET_BYTES = 32
"""Random bytes of the secret: the strength of the seeds derived from it."""

_DOMAIN = b"cargobridge/v1/seed"


class SeedSource:
    """Derives seeds from one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seed(self, key_digest: bytes, version: int, document: bytes) -> bytes:
        """The 32-byte seed of one version of one record made from these document bytes."""
        message = b"".join((_DOMAIN, key_digest, version.to_bytes(8, "big"), hashlib.sha256(document).digest()))
        return hmac.digest(self._secret, message, "sha256")


def seed_file(key_file: Path, member_id: str) -> Path:
    """Where a member's secret lies: beside its key, under the member's name, so that a new key keeps old seeds."""
    return key_file.with_name(f"{member_id}.seeds")


def open_seeds(path: Path) -> SeedSource:
    """The source in the secret file, which is made with mode 0600 at its first use.

    Raises DecodeError CONFIGURATION_INVALID when the file cannot be made or read, is open to others, or is damaged.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    except OSError as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: cannot be made: {error.strerror}") from error
    else:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
    secret = read_private(path)
    if len(secret) != SECRET_BYTES:
        detail = f"{path}: must hold {SECRET_BYTES} bytes; move it away to have a new one made"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail, got=len(secret))
    return SeedSource(secret)
