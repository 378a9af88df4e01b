"""The cometbft header profile: CometBFT 0.38 light blocks, and entries in an RFC 6962 log under app_hash.

Byte rules are in `cometbft_bytes.py`, single clauses in `cometbft_rules.py`; here is their order, and the log.
Trusted validators are the *next* set of the trusted height (as ibc-go and tendermint-rs have it), so that a client
stores only time, root and one hash a height.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.crypto.ports import SignatureCheck, SignatureTask
from bridge.crypto.signing import Domain, sign_bytes
from bridge.errors import Reason, VerificationError
from bridge.light_client.cometbft_bytes import SUITE_ID, hash_bytes
from bridge.light_client.cometbft_rules import (
    quorum_tasks,
    require_adjacent_set,
    require_commit_entries,
    require_commit_for,
    require_entries_match_set,
    require_header,
    require_own_set,
    require_set,
    require_trusted_set,
    verify_quorum,
    verify_trust_level,
)
from bridge.light_client.cometbft_types import LightBlock
from bridge.light_client.cometbft_wire import update_from_wire
from bridge.light_client.entries import entry_bytes
from bridge.light_client.types import ConsensusState, Entry, RunElement, TrustOptions, UntrustedHeader
from bridge.merkle import rfc6962
from bridge.v1.cometbft_pb2 import CometbftUpdate
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.wire import decode_strict

LOG_DOMAIN = b"cargobridge/v1/log"
"""What app_hash begins to hash with, so that it is never another ledger's app_hash by accident."""

MAX_TASKS_AHEAD = 128
"""Most votes offered for checking ahead: both tallies of the largest embedded ledger. A forged update may name 10,000
validators, and before its hashes are checked it must not cost 10,000 signature checks."""

MAX_PROOF_BYTES = 8 * 1024
"""Largest LogRangeProof in bytes: two hashes a level of a 64-level tree, and the numbers beside them."""


class CometbftProfile:
    """HeaderProfile of ledgers in CometBFT's format."""

    profile_id: Final = "cometbft"
    suite_id: Final = SUITE_ID
    strict_time: Final = True
    proves_earlier: Final = True

    def decode_update(self, data: bytes) -> LightBlock:
        """[CMT-5] A CometbftUpdate, well formed; DecodeError otherwise."""
        return update_from_wire(decode_strict(CometbftUpdate, data))

    def signature_tasks(self, untrusted: UntrustedHeader) -> Sequence[SignatureTask]:
        """The votes `verify_header` will ask for, at most MAX_TASKS_AHEAD."""
        return quorum_tasks(_light_block(untrusted), MAX_TASKS_AHEAD)

    def verify_header(
        self, trusted: ConsensusState, untrusted: UntrustedHeader, options: TrustOptions, check: SignatureCheck
    ) -> ConsensusState:
        """[CMT] The state that the light block proves, by its hashes, sets and votes; VerificationError otherwise.

        The trusted set is asked before the own one, so a forged set of strangers costs no signature checks.
        """
        block = _light_block(untrusted)
        _require_sound(block)
        require_trusted_set(trusted, block)
        if block.height == trusted.height + 1:
            require_adjacent_set(trusted, block)
        else:
            verify_trust_level(block, options, check)
        verify_quorum(block, check)
        return _consensus_state(block)

    def verify_alone(self, untrusted: LightBlock, check: SignatureCheck) -> ConsensusState:
        """The state that a light block states about itself: hashes, and more than two thirds of its *own* set.

        That says nothing about whose set it is; for inspection and for choosing an anchor.
        """
        _require_sound(untrusted)
        verify_quorum(untrusted, check)
        return _consensus_state(untrusted)

    def verify_membership(self, trusted: ConsensusState, proof: bytes, elements: Sequence[RunElement]) -> None:
        """[CMT-18] Return when `elements` are consecutive leaves of the log whose size and root app_hash commits to.

        `proof` is a LogRangeProof. Raises DecodeError, or VerificationError PROOF_INVALID.
        """
        message = decode_strict(LogRangeProof, proof, MAX_PROOF_BYTES)
        if log_app_hash(message.log_size, message.log_root) != trusted.root:
            raise VerificationError(Reason.PROOF_INVALID, "the log is not the one under this header", got=trusted.root)
        leaves = [log_leaf(element) if isinstance(element, Entry) else element.leaf_hash for element in elements]
        rfc6962.verify_range(
            hash_bytes, message.log_root, message.log_size, message.first_index, leaves, message.hashes
        )

    def transaction_sign_bytes(self, ledger_id: str, body: bytes) -> bytes:
        """[CMT-19] The submission's sign-bytes: domain, ledger id and the exact body."""
        return sign_bytes(Domain.TRANSACTION, ledger_id, body)


PROFILE = CometbftProfile()
"""The profile; registered under `cargobridge.header_profiles`."""


def log_leaf(entry: Entry) -> bytes:
    """[CMT-17] Leaf hash of an entry in the log."""
    return rfc6962.leaf_hash(hash_bytes, entry_bytes(entry))


def log_app_hash(size: int, root: bytes) -> bytes:
    """[CMT-17] app_hash of the header after a log had `size` entries and `root`: the size is bound by it."""
    return hash_bytes(LOG_DOMAIN + size.to_bytes(8, "big") + root)


def _light_block(untrusted: UntrustedHeader) -> LightBlock:
    """A profile is only ever handed what its own `decode_update` made."""
    if not isinstance(untrusted, LightBlock):
        raise TypeError("not a cometbft light block")
    return untrusted


def _require_sound(block: LightBlock) -> None:
    """Everything that needs no signature and no trusted state."""
    require_header(block.header)
    require_commit_for(block)
    require_set(block.validators)
    require_own_set(block)
    require_commit_entries(block)
    require_entries_match_set(block)


def _consensus_state(block: LightBlock) -> ConsensusState:
    return ConsensusState(
        ledger_id=block.ledger_id,
        height=block.height,
        time=block.time,
        header_hash=block.header_hash,
        root=block.header.app_hash,
        next_validators_hash=block.header.next_validators_hash,
    )
