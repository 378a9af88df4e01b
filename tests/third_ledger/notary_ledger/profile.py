"""The notary header profile: a checkpoint is believed when notaries that the last trusted one named have signed it.

Trust goes from set to set and never skips one: while the set stays the same any later checkpoint can be verified at
once, and where it changed, the checkpoint that announced the change comes first (NOT_ENOUGH_TRUST asks for it).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from notary_ledger.checkpoint import MAX_NOTARIES, Checkpoint, Notary, Update, notaries_hash, read_update

from bridge.crypto.ports import SignatureCheck, SignatureTask
from bridge.crypto.signing import Domain, sign_bytes
from bridge.crypto.suites import suite
from bridge.errors import BridgeError, Reason, VerificationError
from bridge.light_client.entries import entry_bytes
from bridge.light_client.types import ConsensusState, Entry, RunElement, TrustOptions, UntrustedHeader
from bridge.merkle import rfc6962
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.wire import decode_strict

PROFILE_ID = "notary"
SUITE_ID = "sha256-p256"

MAX_PROOF_BYTES = 8 * 1024
"""Largest proof in bytes: two hashes a level of a 64-level tree, and the numbers beside them."""


class NotaryProfile:
    """HeaderProfile (`bridge.light_client.types`) of notary ledgers."""

    profile_id: Final = PROFILE_ID
    suite_id: Final = SUITE_ID
    strict_time: Final = True
    proves_earlier: Final = True

    def decode_update(self, data: bytes) -> Update:
        """A header update in its one form; DecodeError otherwise."""
        return read_update(data)

    def signature_tasks(self, untrusted: UntrustedHeader) -> Sequence[SignatureTask]:
        """Every vote, so that they can be checked ahead in a batch."""
        update = _update(untrusted)
        signed = zip(update.notaries, update.signatures, strict=True)
        text = update.checkpoint.text
        return [(SUITE_ID, notary.public_key, text, signature) for notary, signature in signed if signature]

    def verify_header(
        self, trusted: ConsensusState, untrusted: UntrustedHeader, _options: TrustOptions, check: SignatureCheck
    ) -> ConsensusState:
        """The state that the checkpoint proves; VerificationError otherwise.

        What costs nothing comes first. The trust level is not asked for: nobody but the named set can vouch.
        """
        update = _update(untrusted)
        checkpoint = update.checkpoint
        require_set(update.notaries)
        digest = notaries_hash(update.notaries)
        if checkpoint.notaries != digest:
            raise VerificationError(Reason.VALIDATOR_SET_MISMATCH, "these are not the notaries of the checkpoint")
        adjacent = update.height == trusted.height + 1
        if digest != trusted.next_validators_hash:
            reason = Reason.VALIDATOR_SET_MISMATCH if adjacent else Reason.NOT_ENOUGH_TRUST
            raise VerificationError(reason, "these are not the notaries that the trusted checkpoint named")
        if adjacent and checkpoint.previous != trusted.header_hash:
            raise VerificationError(Reason.HEADER_HASH_MISMATCH, "the checkpoint follows another one")
        _verify_quorum(update, check)
        return consensus_of(checkpoint)

    def verify_membership(self, trusted: ConsensusState, proof: bytes, elements: Sequence[RunElement]) -> None:
        """Return when `elements` are consecutive leaves of the log; DecodeError or VerificationError otherwise.

        `proof` is the bridge's LogRangeProof; size and root must be those of the checkpoint.
        """
        message = decode_strict(LogRangeProof, proof, MAX_PROOF_BYTES)
        if log_root(message.log_size, message.log_root) != trusted.root:
            raise VerificationError(Reason.PROOF_INVALID, "the log is not the one under this checkpoint")
        leaves = [log_leaf(element) if isinstance(element, Entry) else element.leaf_hash for element in elements]
        rfc6962.verify_range(digest_of, message.log_root, message.log_size, message.first_index, leaves, message.hashes)

    def transaction_sign_bytes(self, ledger_id: str, body: bytes) -> bytes:
        """The submission's sign-bytes: domain, ledger id and the exact body."""
        return sign_bytes(Domain.TRANSACTION, ledger_id, body)


PROFILE = NotaryProfile()
"""The profile; registered under `cargobridge.header_profiles`."""


def digest_of(data: bytes) -> bytes:
    """The hash of the suite."""
    return sha256(data).digest()


def log_leaf(entry: Entry) -> bytes:
    """Leaf hash of an entry in the log."""
    return rfc6962.leaf_hash(digest_of, entry_bytes(entry))


def log_root(size: int, root: bytes) -> bytes:
    """Root of a consensus state: the tree's root and its size, which a root alone does not bind."""
    return root + size.to_bytes(8, "big")


def consensus_of(checkpoint: Checkpoint) -> ConsensusState:
    """What a client holds once it trusts a checkpoint."""
    return ConsensusState(
        ledger_id=checkpoint.ledger_id,
        height=checkpoint.height,
        time=checkpoint.time,
        header_hash=checkpoint.digest,
        root=log_root(checkpoint.size, checkpoint.root),
        next_validators_hash=checkpoint.next_notaries,
    )


def require_set(notaries: Sequence[Notary]) -> None:
    """1 to 64 notaries with power and sound keys, each once, in the order of their keys; VALIDATOR_SET_INVALID else."""
    keys = [notary.public_key for notary in notaries]
    if not 0 < len(keys) <= MAX_NOTARIES or any(notary.power < 1 for notary in notaries):
        raise VerificationError(Reason.VALIDATOR_SET_INVALID, "no notaries, too many, or one without power")
    if any(first >= second for first, second in itertools.pairwise(keys)):
        raise VerificationError(Reason.VALIDATOR_SET_INVALID, "the notaries are not in order, or one stands twice")
    for key in keys:
        try:
            suite(SUITE_ID).decode_public_key(key)
        except BridgeError as error:
            raise VerificationError(Reason.VALIDATOR_SET_INVALID, error.detail) from error


def is_quorum(signed: int, total: int) -> bool:
    """Strictly more than two thirds, in whole numbers."""
    return signed * 3 > total * 2


def _verify_quorum(update: Update, check: SignatureCheck) -> None:
    """More than two thirds of the power signed, and every signature that is there is good."""
    votes = [vote for vote in zip(update.notaries, update.signatures, strict=True) if vote[1]]
    signed, total = sum(notary.power for notary, _ in votes), sum(notary.power for notary in update.notaries)
    if not is_quorum(signed, total):
        raise VerificationError(Reason.INSUFFICIENT_QUORUM, "too few notaries signed", got=signed, total=total)
    text = update.checkpoint.text
    for notary, signature in votes:
        check(SUITE_ID, notary.public_key, text, signature)


def _update(untrusted: UntrustedHeader) -> Update:
    """A profile is only ever handed what its own `decode_update` made."""
    if not isinstance(untrusted, Update):
        raise TypeError("not a notary update")
    return untrusted
