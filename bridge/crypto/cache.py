"""A bounded memory of signature verdicts, filled in batches ahead of the rules that will ask for them.

Rules ask for signatures one at a time and in their own order; processors want many at once. The memory stands between:
a batch is verified in threads, then every rule finds its answer. Verdicts are about (suite, key, message, signature)
together, so nothing is ever taken for a different question. It changes when a signature is checked, never whether.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Executor
from hashlib import sha256

from bridge.crypto.ports import SignatureBatch, SignatureTask
from bridge.crypto.suites import check_signature
from bridge.errors import BridgeError, Reason, VerificationError

MAX_REMEMBERED = 65_536
"""Verdicts kept, about 150 bytes each, 10 MB in all: many times the largest delivery, so a batch outlives its use."""

LEAST_CHUNK = 16
"""Signatures handed to a thread at once; fewer cost more in the handing over than they gain."""


class VerifiedSignatures:
    """Checks signatures through the memory; an instance is a SignatureCheck. Safe to use from any thread."""

    def __init__(self, limit: int = MAX_REMEMBERED, chunks: int | None = None) -> None:
        """Remember `limit` verdicts and cut batches into at most `chunks` pieces, one a processor if None."""
        self._half = max(1, limit // 2)
        self._chunks = chunks or os.cpu_count() or 1
        # Two generations: when the young one is full it becomes the old one, and the old one is forgotten.
        self._young: dict[bytes, bool] = {}
        self._old: dict[bytes, bool] = {}
        self._lock = threading.Lock()

    def __call__(self, suite_id: str, public_key: bytes, message: bytes, signature: bytes) -> None:
        """[CRY-8] Return when valid; VerificationError SIGNATURE_INVALID otherwise; the verdict is remembered."""
        key = _key(suite_id, public_key, message, signature)
        verdict = self._recall(key)
        if verdict is None:
            verdict = _verdict((suite_id, public_key, message, signature))
            if verdict is None:
                check_signature(suite_id, public_key, message, signature)
                return
            self._remember([(key, verdict)])
        if not verdict:
            raise VerificationError(Reason.SIGNATURE_INVALID, "signature does not verify", suite=suite_id)

    def check_ahead(self, tasks: SignatureBatch, executor: Executor | None = None) -> None:
        """Verify what is not remembered yet and remember the verdicts, good and bad; refuses nothing itself.

        With an executor the work is cut into a few chunks, of which the calling thread does one and takes back any that
        nobody has begun; so it cannot wait for an executor whose threads all wait here.
        """
        wanted: dict[bytes, SignatureTask] = {}
        for task in tasks:
            key = _key(*task)
            if self._recall(key) is None:
                wanted[key] = task
        if not wanted:
            return
        pending = list(wanted.values())
        verdicts = _verdicts(pending) if executor is None else self._share(pending, executor)
        self._remember([(key, v) for key, v in zip(wanted, verdicts, strict=True) if v is not None])

    def _share(self, tasks: list[SignatureTask], executor: Executor) -> list[bool | None]:
        """Verdicts of `tasks` in order, worked out by the executor and the calling thread together."""
        size = max(LEAST_CHUNK, -(-len(tasks) // self._chunks))
        chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]
        futures = [executor.submit(_verdicts, chunk) for chunk in chunks[1:]]
        verdicts = _verdicts(chunks[0])
        for future, chunk in zip(futures, chunks[1:], strict=True):
            verdicts += _verdicts(chunk) if future.cancel() else future.result()
        return verdicts

    def _recall(self, key: bytes) -> bool | None:
        verdict = self._young.get(key)
        return self._old.get(key) if verdict is None else verdict

    def _remember(self, verdicts: list[tuple[bytes, bool]]) -> None:
        with self._lock:
            for key, verdict in verdicts:
                if len(self._young) >= self._half:
                    self._old, self._young = self._young, {}
                self._young[key] = verdict


def _key(suite_id: str, public_key: bytes, message: bytes, signature: bytes) -> bytes:
    """SHA-256 over the four parts; the lengths in front keep parts from flowing into each other."""
    name = suite_id.encode()
    lengths = b"%d %d %d " % (len(name), len(public_key), len(signature))
    return sha256(b"".join((lengths, name, public_key, signature, message))).digest()


def _verdict(task: SignatureTask) -> bool | None:
    """True or False for a signature; None where there is no verdict to remember, such as an unknown suite."""
    try:
        check_signature(*task)
    except VerificationError:
        return False
    except BridgeError:
        return None
    return True


def _verdicts(tasks: list[SignatureTask]) -> list[bool | None]:
    """Verdicts in order; a plain function of plain values, so that an executor of processes can run it too."""
    return [_verdict(task) for task in tasks]
