"""What a CometBFT light block must satisfy, one clause each: header, commit, validator sets, and who signed.

Pure; the order is decided in `cometbft.py`: everything that only needs hashing comes before the first signature.
Source: CometBFT 0.38 light/verifier.go, types/validation.go, types/block.go; decisions where those leave room are in
docs/protocol.md part 5.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.crypto.ports import SignatureCheck, SignatureTask
from bridge.errors import Reason, VerificationError
from bridge.light_client.cometbft_bytes import SUITE_ID, address_of, commit_sign_bytes, validator_set_hash
from bridge.light_client.cometbft_types import (
    FLAG_ABSENT,
    FLAG_COMMIT,
    FLAG_NIL,
    INT64_MAX,
    ZERO_TIME,
    CommitSig,
    Header,
    LightBlock,
    Validator,
    ValidatorSet,
)
from bridge.light_client.types import ConsensusState, TrustOptions

BLOCK_PROTOCOL = 11
"""The block protocol whose byte rules are in `cometbft_bytes.py` (version.BlockProtocol)."""

MAX_TOTAL_POWER = INT64_MAX // 8
"""Most voting power of a set in total (types.MaxTotalVotingPower), so that sums and products stay in 64 bits."""


def require_header(header: Header) -> None:
    """[CMT-6] Block protocol 11, a height above zero, and both validator set hashes present.

    Raises VerificationError HEADER_INVALID. Without validators_hash a header has no hash, and nothing could follow one
    without next_validators_hash.
    """
    if header.version_block != BLOCK_PROTOCOL:
        raise VerificationError(
            Reason.HEADER_INVALID, "another block protocol", got=header.version_block, expected=BLOCK_PROTOCOL
        )
    if header.height <= 0:
        raise VerificationError(Reason.HEADER_INVALID, "the height must be above zero", got=header.height)
    if not header.validators_hash or not header.next_validators_hash:
        raise VerificationError(Reason.HEADER_INVALID, "a validator set hash is empty")


def require_commit_for(block: LightBlock) -> None:
    """[CMT-7] The commit is for this very header: height, block id and the recomputed hash.

    Raises VerificationError COMMIT_INVALID or HEADER_HASH_MISMATCH.
    """
    commit = block.commit
    if commit.height != block.height:
        raise VerificationError(
            Reason.COMMIT_INVALID, "commit of another height", got=commit.height, expected=block.height
        )
    if commit.round < 0 or commit.block_id.is_zero() or not commit.signatures:
        raise VerificationError(Reason.COMMIT_INVALID, "a commit has a round, a block id and votes", got=commit.round)
    if commit.block_id.hash != block.header_hash:
        raise VerificationError(
            Reason.HEADER_HASH_MISMATCH,
            "the commit is for another header",
            got=block.header_hash,
            expected=commit.block_id.hash,
        )


def require_commit_entries(block: LightBlock) -> None:
    """[CMT-8] Every entry is well formed, counted or not: a known flag, data where it voted, none where it did not.

    Raises VerificationError COMMIT_INVALID, or DUPLICATE_SIGNER when an address stands twice [CMT-9].
    """
    seen: set[bytes] = set()
    for index, entry in enumerate(block.commit.signatures):
        _require_entry(index, entry)
        address = entry.validator_address
        if not address:
            continue
        if address in seen:
            raise VerificationError(Reason.DUPLICATE_SIGNER, "a validator stands twice in the commit", address=address)
        seen.add(address)


def _require_entry(index: int, entry: CommitSig) -> None:
    if entry.block_id_flag == FLAG_ABSENT:
        good = not entry.validator_address and not entry.signature and entry.timestamp == ZERO_TIME
    else:
        known = entry.block_id_flag in (FLAG_COMMIT, FLAG_NIL)
        good = known and bool(entry.validator_address) and bool(entry.signature)
    if not good:
        raise VerificationError(
            Reason.COMMIT_INVALID, "a commit entry contradicts its flag", index=index, flag=entry.block_id_flag
        )


def require_set(validators: ValidatorSet) -> None:
    """[CMT-10] Powers of at least 1 and (2^63-1)/8 in total, addresses derived from keys, each once, canonical order.

    Raises VerificationError VALIDATOR_SET_INVALID. The hash covers keys and powers only; what it does not cover is
    derived here, never believed (GHSA-6jrf-4jv4-r9mw, GHSA-g5xx-c4hv-9ccc).
    """
    total = 0
    seen: set[bytes] = set()
    previous: tuple[int, bytes] | None = None
    for index, validator in enumerate(validators.validators):
        if validator.voting_power < 1:
            raise _bad_set("a voting power is below 1", index)
        total += validator.voting_power
        if total > MAX_TOTAL_POWER:
            raise _bad_set("the total voting power is too high", index)
        if validator.address != address_of(validator.public_key):
            raise _bad_set("an address is not its key's", index)
        if validator.public_key in seen:
            raise _bad_set("a key stands twice", index)
        seen.add(validator.public_key)
        place = (-validator.voting_power, validator.address)
        if previous is not None and place <= previous:
            raise _bad_set("not in order of power, then address", index)
        previous = place


def _bad_set(detail: str, index: int) -> VerificationError:
    return VerificationError(Reason.VALIDATOR_SET_INVALID, detail, index=index)


def require_own_set(block: LightBlock) -> None:
    """[CMT-11] The set hashes to the header's validators_hash; VerificationError VALIDATOR_SET_MISMATCH otherwise."""
    _require_set_hash(validator_set_hash(block.validators), block.header.validators_hash, "the header's")


def require_trusted_set(trusted: ConsensusState, block: LightBlock) -> None:
    """[CMT-12] The set to trust hashes to the trusted next_validators_hash, for adjacent and skipping steps alike.

    Raises VerificationError VALIDATOR_SET_INVALID or VALIDATOR_SET_MISMATCH.
    """
    if block.trusted_validators == block.validators:
        # The usual case, and its hash was just found to be this one.
        _require_set_hash(block.header.validators_hash, trusted.next_validators_hash, "the trusted next")
        return
    require_set(block.trusted_validators)
    _require_set_hash(validator_set_hash(block.trusted_validators), trusted.next_validators_hash, "the trusted next")


def require_adjacent_set(trusted: ConsensusState, block: LightBlock) -> None:
    """[CMT-13] The header right after the trusted one is signed by the set announced there.

    Raises VerificationError VALIDATOR_SET_MISMATCH.
    """
    _require_set_hash(block.header.validators_hash, trusted.next_validators_hash, "the announced")


def _require_set_hash(got: bytes, expected: bytes, whose: str) -> None:
    if got != expected:
        raise VerificationError(
            Reason.VALIDATOR_SET_MISMATCH, f"the validator set is not {whose} one", got=got, expected=expected
        )


def require_entries_match_set(block: LightBlock) -> None:
    """[CMT-14] One entry a validator, and each non-absent entry's address is that of the validator at its index.

    Raises VerificationError COMMIT_INVALID. So index and address can never name two validators (GHSA-c32p-wcqj-j677).
    """
    entries, validators = block.commit.signatures, block.validators.validators
    if len(entries) != len(validators):
        raise VerificationError(
            Reason.COMMIT_INVALID, "not one commit entry a validator", got=len(entries), expected=len(validators)
        )
    for index, (entry, validator) in enumerate(zip(entries, validators, strict=True)):
        if entry.block_id_flag != FLAG_ABSENT and entry.validator_address != validator.address:
            raise VerificationError(
                Reason.COMMIT_INVALID,
                "an entry is not by the validator at its index",
                index=index,
                got=entry.validator_address,
                expected=validator.address,
            )


def verify_trust_level(block: LightBlock, options: TrustOptions, check: SignatureCheck) -> None:
    """[CMT-15] More than the trust level of the trusted set's power signed; NOT_ENOUGH_TRUST otherwise.

    Signers are found by address; unknown ones are skipped. Counting stops as soon as it suffices, but a bad signature
    before that refuses the commit (SIGNATURE_INVALID).
    """
    total = block.trusted_validators.total_power
    needed = total * options.trust_numerator // options.trust_denominator
    tallied = _tally(block, _signers_by_address(block), needed, check)
    if tallied <= needed:
        raise VerificationError(
            Reason.NOT_ENOUGH_TRUST, "too few trusted validators signed", got=tallied, expected_above=needed
        )


def verify_quorum(block: LightBlock, check: SignatureCheck) -> None:
    """[CMT-16] More than two thirds of the set's own power signed; INSUFFICIENT_QUORUM otherwise.

    Only votes for the block count; a vote for nil is neither counted nor verified. Counting stops as at [CMT-15].
    """
    needed = block.validators.total_power * 2 // 3
    tallied = _tally(block, _signers_by_index(block), needed, check)
    if tallied <= needed:
        raise VerificationError(
            Reason.INSUFFICIENT_QUORUM, "not more than two thirds signed", got=tallied, expected_above=needed
        )


def quorum_tasks(block: LightBlock, most: int) -> list[SignatureTask]:
    """The votes both tallies will ask for at the usual trust level, at most `most`; nothing has been believed yet."""
    votes: dict[SignatureTask, None] = {}
    for signers, needed in (
        (_signers_by_address(block), block.trusted_validators.total_power // 3),
        (_signers_by_index(block), block.validators.total_power * 2 // 3),
    ):
        tallied = 0
        for entry, validator in signers:
            if tallied > needed or len(votes) >= most:
                break
            tallied += validator.voting_power
            votes[_task(block, entry, validator)] = None
    return list(votes)


def _tally(
    block: LightBlock, signers: Iterator[tuple[CommitSig, Validator]], needed: int, check: SignatureCheck
) -> int:
    tallied = 0
    for entry, validator in signers:
        check(*_task(block, entry, validator))
        tallied += validator.voting_power
        if tallied > needed:
            break
    return tallied


def _signers_by_index(block: LightBlock) -> Iterator[tuple[CommitSig, Validator]]:
    for entry, validator in zip(block.commit.signatures, block.validators.validators, strict=False):
        if entry.block_id_flag == FLAG_COMMIT:
            yield entry, validator


def _signers_by_address(block: LightBlock) -> Iterator[tuple[CommitSig, Validator]]:
    """Each at most once: [CMT-9] refused a repeated address, [CMT-10] a set where one address means two."""
    trusted = {validator.address: validator for validator in block.trusted_validators.validators}
    for entry in block.commit.signatures:
        if entry.block_id_flag == FLAG_COMMIT and (validator := trusted.pop(entry.validator_address, None)):
            yield entry, validator


def _task(block: LightBlock, entry: CommitSig, validator: Validator) -> SignatureTask:
    message = commit_sign_bytes(block.ledger_id, block.commit, entry)
    return SUITE_ID, validator.public_key, message, entry.signature
