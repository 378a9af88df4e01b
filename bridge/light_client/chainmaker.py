"""The chainmaker header profile: ChainMaker 2.3 blocks under TBFT, believed on the votes of a pinned validator set.

Hash and signature suite are parameters. The common rules (ledger id, height, time, expiry) come first, in
`verifier.py`. There is no trust level here: ChainMaker changes validators by config blocks only, so a header is
verified by the whole set in force or not at all.
Source: docs/protocol.md [CMK]; chainmaker 2.3 utils/v2 and consensus-tbft.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.crypto.ports import SignatureCheck, SignatureTask
from bridge.crypto.suites import suite
from bridge.errors import DecodeError, PreconditionError, Reason, VerificationError
from bridge.light_client.chainmaker_bytes import (
    BLOCK_CONFIG,
    BLOCK_TYPES,
    GAS_ZEROED_FROM_VERSION,
    HASH_BYTES,
    Hash,
    block_hash,
    payload_of,
    state_root,
    validator_set_hash,
)
from bridge.light_client.chainmaker_proof import decode_bridge_transaction, verify_transaction_proof
from bridge.light_client.chainmaker_types import (
    ChainmakerHeader,
    decode_config_change,
    decode_header,
    decode_update_message,
    decode_validator_set,
    header_time,
    require_sound_set,
    validators_of,
)
from bridge.light_client.chainmaker_votes import (
    Registry,
    decode_vote_set,
    quorum_tasks,
    verify_proposer,
    verify_quorum,
)
from bridge.light_client.types import ConsensusState, RunElement, TrustOptions, UntrustedHeader
from bridge.v1.chainmaker_pb2 import ChainmakerBlockHeader, ChainmakerValidatorSet
from bridge.wire import encode


class ChainmakerProfile:
    """HeaderProfile of ChainMaker 2.3 ledgers that use one hash and signature suite. Stateless."""

    def __init__(self, suite_id: str, profile_id: str) -> None:
        self._suite_id = suite_id
        self._profile_id = profile_id

    @property
    def profile_id(self) -> str:
        """Id of the profile."""
        return self._profile_id

    @property
    def suite_id(self) -> str:
        """Suite of hashes, votes and submissions."""
        return self._suite_id

    @property
    def strict_time(self) -> bool:
        """False: block time has whole seconds and may stand still."""
        return False

    @property
    def proves_earlier(self) -> bool:
        """False: a header has the root of its own transactions only."""
        return False

    def decode_update(self, data: bytes) -> ChainmakerHeader:
        """[CMK-1, CMK-4] Header update from the bytes of a ChainmakerUpdate; DecodeError or LimitError otherwise."""
        update = decode_update_message(data)
        header = decode_header(update.header)
        return ChainmakerHeader(
            ledger_id=header.chain_id,
            height=header.block_height,
            time=header_time(header),
            header_hash=block_hash(self._hash, header),
            trusted_height=update.trusted_height,
            header=header,
            vote_set=decode_vote_set(update.vote_set),
            validators=decode_validator_set(update.validators),
            config_change=decode_config_change(update),
        )

    def signature_tasks(self, untrusted: UntrustedHeader) -> Sequence[SignatureTask]:
        """The votes and the proposer's signature, as far as they fit the set the update brings."""
        header = _own(untrusted)
        registry = Registry(self._suite_id, validators_of(header.validators))
        return quorum_tasks(registry, header.vote_set, header.header, header.header_hash)

    def verify_header(
        self,
        trusted: ConsensusState,
        untrusted: UntrustedHeader,
        options: TrustOptions,  # noqa: ARG002 - a trust level is for profiles that weigh overlapping sets
        check: SignatureCheck,
    ) -> ConsensusState:
        """[CMK-2..12] The consensus state that the header proves; VerificationError otherwise."""
        header = _own(untrusted)
        registry = self._trusted_registry(trusted, header)
        require_block_header(header.header, header.header_hash)
        if header.height == trusted.height + 1 and header.header.pre_block_hash != trusted.header_hash:
            raise VerificationError(
                Reason.HEADER_HASH_MISMATCH,
                "the header does not follow the trusted one",
                got=header.header.pre_block_hash,
                expected=trusted.header_hash,
            )
        next_validators = self._next_validators(header)
        verify_quorum(registry, header.vote_set, header.height, header.header_hash, check)
        verify_proposer(registry, header.header, header.header_hash, check)
        return ConsensusState(
            ledger_id=header.ledger_id,
            height=header.height,
            time=header.time,
            header_hash=header.header_hash,
            root=state_root(self._hash, header.header.tx_root, header.header.tx_count),
            next_validators_hash=validator_set_hash(self._hash, next_validators),
        )

    def verify_membership(self, trusted: ConsensusState, proof: bytes, elements: Sequence[RunElement]) -> None:
        """[CMK-13..16] Return when `elements` are consecutive entries of one transaction of the trusted block."""
        verify_transaction_proof(self._hash, trusted.ledger_id, trusted.root, proof, elements)

    def transaction_sign_bytes(self, ledger_id: str, body: bytes) -> bytes:
        """[CMK-17] The marshalled ChainMaker payload of a transaction; a member signs it with its registered key."""
        return encode(payload_of(self._hash, ledger_id, body))

    @property
    def _hash(self) -> Hash:
        return suite(self._suite_id).hash

    def _trusted_registry(self, trusted: ConsensusState, header: ChainmakerHeader) -> Registry:
        """[CMK-9, CMK-10] The set the update brings, when it is the trusted one and no config block lies between.

        NOT_ENOUGH_TRUST says that the header itself names a config block above the trusted height, which would help.
        """
        validators = validators_of(header.validators)
        require_sound_set(validators)
        set_hash = validator_set_hash(self._hash, header.validators)
        if set_hash != trusted.next_validators_hash:
            if header.header.pre_conf_height > trusted.height:
                raise VerificationError(
                    Reason.NOT_ENOUGH_TRUST, "a config block lies between", height=header.header.pre_conf_height
                )
            raise VerificationError(
                Reason.VALIDATOR_SET_MISMATCH,
                "not the validators the trusted header names",
                got=set_hash,
                expected=trusted.next_validators_hash,
            )
        if header.header.pre_conf_height != header.validators.config_height:
            raise VerificationError(
                Reason.VALIDATOR_SET_MISMATCH,
                "the header counts from another config block",
                got=header.header.pre_conf_height,
                expected=header.validators.config_height,
            )
        return Registry(self._suite_id, validators)

    def _next_validators(self, header: ChainmakerHeader) -> ChainmakerValidatorSet:
        """[CMK-11, CMK-12] The set that signs what follows: the one the config transaction carries, else the same.

        A config block without its transaction is refused: a client that took it would keep the old set for good.
        """
        block, change = header.header, header.config_change
        if block.block_type != BLOCK_CONFIG:
            if change is not None:
                raise VerificationError(Reason.VALIDATOR_SET_INVALID, "only a config block changes the validators")
            return header.validators
        if change is None or block.tx_count != 1:
            raise VerificationError(
                Reason.VALIDATOR_SET_INVALID, "a config block is its one transaction", tx_count=block.tx_count
            )
        if self._hash(change.transaction) != block.tx_root:
            raise VerificationError(Reason.VALIDATOR_SET_INVALID, "the config transaction is not the block's")
        transaction = decode_bridge_transaction(header.ledger_id, change.transaction)
        if transaction.result.contract_result.result != encode(change.next_validators):
            raise VerificationError(Reason.VALIDATOR_SET_INVALID, "the config transaction carries another set")
        require_config_set(self._suite_id, change.next_validators, header.height)
        return change.next_validators


def require_config_set(suite_id: str, validators: ChainmakerValidatorSet, height: int) -> None:
    """[CMK-9, CMK-11] The set a config block at `height` creates is sound, names it and holds keys of the suite."""
    if validators.config_height != height:
        raise VerificationError(
            Reason.VALIDATOR_SET_INVALID,
            "the set names another config block",
            got=validators.config_height,
            expected=height,
        )
    members = validators_of(validators)
    require_sound_set(members)
    for validator in members:
        try:
            suite(suite_id).decode_public_key(validator.public_key)
        except DecodeError as error:
            raise VerificationError(
                Reason.VALIDATOR_SET_INVALID, "a validator's key is not of the suite", node=validator.node_id
            ) from error


def require_block_header(header: ChainmakerBlockHeader, recomputed: bytes) -> None:
    """[CMK-2] A header of a version and type we know, with digests of full length, whose stored hash is its own.

    An empty block has empty roots, as the node's GetMerkleRoot gives none for no leaves.
    """
    if header.block_version < GAS_ZEROED_FROM_VERSION:
        raise VerificationError(Reason.HEADER_INVALID, "a block before 2.3", got=header.block_version)
    if header.block_type not in BLOCK_TYPES:
        raise VerificationError(Reason.HEADER_INVALID, "unknown block type", got=header.block_type)
    if header.block_hash != recomputed:
        raise VerificationError(
            Reason.HEADER_HASH_MISMATCH,
            "the stored hash is not the header's",
            got=header.block_hash,
            expected=recomputed,
        )
    root_bytes = HASH_BYTES if header.tx_count else 0
    lengths = {"pre_block_hash": HASH_BYTES, "dag_hash": HASH_BYTES, "tx_root": root_bytes, "rw_set_root": root_bytes}
    for name, length in lengths.items():
        if len(getattr(header, name)) != length:
            raise VerificationError(Reason.HEADER_INVALID, f"{name} has a wrong length", expected=length)


def _own(untrusted: UntrustedHeader) -> ChainmakerHeader:
    """The header as this profile decoded it; anything else is a caller's mistake."""
    if not isinstance(untrusted, ChainmakerHeader):
        raise PreconditionError(Reason.PROFILE_UNKNOWN, "the header was decoded by another profile")
    return untrusted


PROFILE = ChainmakerProfile("sm3-sm2", "chainmaker")
"""The profile of Shanghai: SM3 and SM2."""
