"""Which suites exist, and the one direct way to check a signature; every other room asks here by suite id.

A suite fixes hash, signature scheme and key form together, so that a prover can never choose one of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from bridge.crypto import ed25519, p256, sm2
from bridge.crypto.ports import Suite
from bridge.errors import DecodeError, PreconditionError, Reason

SUITE_IDS: tuple[str, ...] = (ed25519.SUITE_ID, p256.SUITE_ID, sm2.SUITE_ID)
"""Every suite id that may stand in a message, whether or not this machine has an engine for it."""

_OPENERS: dict[str, Callable[[], Suite]] = {
    ed25519.SUITE_ID: ed25519.Sha256Ed25519,
    p256.SUITE_ID: p256.Sha256P256,
    sm2.SUITE_ID: sm2.open_suite,
}
_ENGINES = {ed25519.SUITE_ID: "libsodium (PyNaCl)", p256.SUITE_ID: "OpenSSL (cryptography)"}
_ready: dict[str, Suite] = {}
_opening = threading.Lock()


class SuiteDescription(NamedTuple):
    """One line of what this machine can do."""

    suite_id: str
    engine: str
    available: bool
    detail: str


def suite(suite_id: str) -> Suite:
    """[CRY-1] The suite of that id, opened and self-tested at its first use.

    Raises:
        DecodeError INVALID_FIELD: there is no such suite.
        PreconditionError SUITE_UNAVAILABLE: this machine has no engine for it; the detail says what to install.

    """
    found = _ready.get(suite_id)
    return _open(suite_id) if found is None else found


def check_signature(suite_id: str, public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check one signature directly; VerificationError SIGNATURE_INVALID, or what `suite` raises."""
    suite(suite_id).verify(public_key, message, signature)


def describe() -> list[SuiteDescription]:
    """Every suite with its engine and whether it works here; for people who install the bridge."""
    lines = []
    for suite_id in SUITE_IDS:
        try:
            opened = suite(suite_id)
        except PreconditionError as error:
            lines.append(SuiteDescription(suite_id, "none", available=False, detail=error.detail))
            continue
        engine, detail = _ENGINES.get(suite_id, ""), "ready"
        if isinstance(opened, sm2.Sm3Sm2):
            engine, detail = opened.engine_name, opened.engine.detail
        lines.append(SuiteDescription(suite_id, engine, available=True, detail=detail))
    return lines


def _open(suite_id: str) -> Suite:
    """Open a suite once; a failure is not remembered, since the missing library may be installed."""
    opener = _OPENERS.get(suite_id)
    if opener is None:
        raise DecodeError(Reason.INVALID_FIELD, "unknown suite", field="suite_id", got=suite_id)
    with _opening:
        if suite_id not in _ready:
            _ready[suite_id] = opener()
        return _ready[suite_id]
