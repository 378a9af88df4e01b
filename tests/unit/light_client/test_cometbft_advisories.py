"""Published advisories of other light clients, one test each: what broke them must be refused here.

The list is `cometbft.md` 3.6 of the study this profile was built from; each test names its source.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import BridgeError, DecodeError, Reason, VerificationError
from bridge.light_client.cometbft import PROFILE, log_app_hash, log_leaf
from bridge.light_client.cometbft_bytes import canonical_order, hash_bytes, validator_set_hash, varint_field
from bridge.light_client.cometbft_types import Commit, Validator, ValidatorSet
from bridge.light_client.misbehaviour import verify_misbehaviour
from bridge.light_client.types import Entry
from bridge.light_client.verifier import verify_update
from bridge.merkle.log import MerkleLog
from bridge.v1.cometbft_pb2 import CometbftUpdate, CometbftValidator
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.wire import encode
from tests.unit.light_client.lightblocks import (
    ABSENT,
    NOW,
    OPTIONS,
    SET,
    START,
    TRUSTED,
    Group,
    Made,
    group,
    made,
    sign,
    trusted_at,
)


def refuse(update: Made, trusted=TRUSTED) -> Reason:
    with pytest.raises(BridgeError) as caught:
        verify_update(PROFILE, trusted, update.block, OPTIONS, NOW)
    return caught.value.reason


def with_set(update: Made, validators: tuple[Validator, ...]) -> Made:
    """The update with another own set that its header, freshly signed, commits to."""
    made_set = ValidatorSet(validators)
    update.own = Group(update.own.signers, made_set)
    update.header = replace(update.header, validators_hash=validator_set_hash(made_set))
    return update.resign()


def test_cardano_ibc_incubator_668_wrapped_power_is_refused_before_hashing() -> None:
    honest = SET.validators.validators[0]
    wrapped = honest.voting_power - 2**64
    assert varint_field(2, wrapped) == varint_field(2, honest.voting_power)  # the trap: both hash alike
    with pytest.raises(DecodeError) as caught:
        replace(honest, voting_power=wrapped)
    assert caught.value.reason is Reason.INVALID_FIELD


@pytest.mark.parametrize("power", [-10, 0, -(2**63)])
def test_cardano_ibc_incubator_668_a_commit_without_signatures_never_passes(power: int) -> None:
    members = list(SET.validators.validators)
    members[-1] = replace(members[-1], voting_power=power)
    update = with_set(made(2, SET), tuple(members))
    update.trusted_group = update.own
    update.commit = replace(update.commit, signatures=(ABSENT,) * 4)
    trusted = replace(TRUSTED, next_validators_hash=update.header.validators_hash)
    assert refuse(update, trusted) is Reason.VALIDATOR_SET_INVALID
    # Nor when only the trusted set is doctored.
    skipping = made(9, SET, trusted_group=update.own)
    assert refuse(skipping, trusted) is Reason.VALIDATOR_SET_INVALID


def test_ghsa_6jrf_4jv4_r9mw_addresses_are_derived_from_keys() -> None:
    members = list(SET.validators.validators)
    members[1] = replace(members[1], address=members[0].address)
    assert refuse(with_set(made(2, SET), tuple(members))) is Reason.VALIDATOR_SET_INVALID
    # A stranger who takes a trusted validator's address, so that a look-up by address finds its own key.
    stranger = group("x")
    victim = SET.validators.validators[0]
    spoofed = replace(stranger.validators.validators[0], address=victim.address)
    update = made(9, stranger, trusted_group=SET)
    update.own = Group(stranger.signers, ValidatorSet((spoofed,)))
    assert refuse(update.resign()) is Reason.VALIDATOR_SET_INVALID
    trusted_spoof = made(9, SET)
    trusted_spoof.trusted_group = Group({}, ValidatorSet((spoofed, *SET.validators.validators[1:])))
    trusted = replace(TRUSTED, next_validators_hash=trusted_spoof.trusted_group.hash)
    assert refuse(trusted_spoof, trusted) is Reason.VALIDATOR_SET_INVALID


def test_bep_682_duplicate_validators_in_a_supplied_set_do_not_count_twice() -> None:
    first = SET.validators.validators[0]
    twice = (first, first, *SET.validators.validators[1:])
    assert refuse(with_set(made(2, SET), twice)) is Reason.VALIDATOR_SET_INVALID
    # The same key with another power sorts apart, so only its identity gives it away.
    apart = canonical_order((*SET.validators.validators, replace(first, voting_power=5)))
    assert refuse(with_set(made(2, SET), apart.validators)) is Reason.VALIDATOR_SET_INVALID
    trusted_twice = made(9, SET, trusted_group=Group({}, ValidatorSet(twice)))
    trusted = replace(TRUSTED, next_validators_hash=trusted_twice.trusted_group.hash)
    assert refuse(trusted_twice, trusted) is Reason.VALIDATOR_SET_INVALID


def test_tendermint_rs_335_one_signer_is_never_counted_twice() -> None:
    update = made(2, SET)
    entry = update.commit.signatures[0]
    update.commit = replace(update.commit, signatures=(entry, entry, entry, entry))
    assert refuse(update) is Reason.DUPLICATE_SIGNER
    skipping = made(9, group("awxy"), trusted_group=SET)
    first = skipping.commit.signatures[0]
    skipping.commit = replace(skipping.commit, signatures=(first, *skipping.commit.signatures[:2], first))
    assert refuse(skipping) is Reason.DUPLICATE_SIGNER


def test_ghsa_c32p_wcqj_j677_index_and_address_name_the_same_validator() -> None:
    update = made(2, SET)
    first, second, *rest = update.commit.signatures
    update.commit = replace(update.commit, signatures=(second, first, *rest))
    assert refuse(update) is Reason.COMMIT_INVALID
    # Signature by one, address (and so time) of another.
    mixed = made(2, SET).entry(0, validator_address=group("x").validators.validators[0].address)
    assert refuse(mixed) is Reason.COMMIT_INVALID


def test_ghsa_f3w5_v9xx_rp8p_a_header_above_the_chain_with_an_early_time_is_provable_misbehaviour() -> None:
    lunatic = made(500, SET, time=Nanos(START + 5 * NANOS_PER_SECOND))
    honest = made(6, SET)
    verify_misbehaviour(PROFILE, (TRUSTED, lunatic.block), (TRUSTED, honest.block), OPTIONS)
    with pytest.raises(VerificationError) as caught:
        verify_misbehaviour(PROFILE, (TRUSTED, made(500, SET).block), (TRUSTED, honest.block), OPTIONS)
    assert caught.value.reason is Reason.MISBEHAVIOUR_INVALID


def test_ghsa_g5xx_c4hv_9ccc_what_is_not_hashed_is_not_carried() -> None:
    assert [field.name for field in CometbftValidator.DESCRIPTOR.fields] == ["address", "pub_key", "voting_power"]
    with pytest.raises(DecodeError) as caught:  # proposer_priority, field 4 of the original
        PROFILE.decode_update(_with_validator_bytes(made(2, SET), b"\x20\x01"))
    assert caught.value.reason is Reason.MALFORMED_MESSAGE


def _with_validator_bytes(update: Made, extra: bytes) -> bytes:
    message = CometbftUpdate.FromString(update.data)
    first = encode(message.validator_set.validators[0])
    message.validator_set.validators[0].ParseFromString(first + extra)
    return encode(message)


def test_cometbft_1749_evidence_with_bogus_signatures_proves_nothing() -> None:
    bogus = made(5, SET, app_hash=b"\7" * 32)
    bogus.commit = Commit(
        bogus.commit.height,
        bogus.commit.round,
        bogus.commit.block_id,
        tuple(replace(entry, signature=b"\1" * 64) for entry in bogus.commit.signatures),
    )
    with pytest.raises(VerificationError) as caught:
        verify_misbehaviour(PROFILE, (TRUSTED, made(5, SET).block), (TRUSTED, bogus.block), OPTIONS)
    assert caught.value.reason is Reason.MISBEHAVIOUR_INVALID
    assert caught.value.facts["cause"] is Reason.SIGNATURE_INVALID


def test_cometbft_1749_evidence_without_a_header_is_malformed() -> None:
    message = CometbftUpdate.FromString(made(5, SET).data)
    message.signed_header.ClearField("header")
    with pytest.raises(DecodeError) as caught:
        PROFILE.decode_update(encode(message))
    assert caught.value.reason is Reason.FIELD_REQUIRED


def test_cometbft_5820_verification_stops_at_the_first_divergence() -> None:
    asked: list[object] = []

    def refusing(*task: object) -> None:
        asked.append(task)
        raise VerificationError(Reason.SIGNATURE_INVALID)

    with pytest.raises(VerificationError):
        verify_misbehaviour(
            PROFILE,
            (TRUSTED, made(5, SET).block),
            (TRUSTED, made(5, SET, app_hash=b"\7" * 32).block),
            OPTIONS,
            refusing,
        )
    assert len(asked) == 1


def test_ics23_prefix_confusion_a_proof_has_one_fixed_shape() -> None:
    entries = [Entry(b"p%d" % index, hash_bytes(b"%d" % index)) for index in range(4)]
    log = MerkleLog(hash_bytes)
    log.append(log_leaf(entry) for entry in entries)
    trusted = replace(TRUSTED, root=log_app_hash(4, log.root()))
    honest = log.range_proof(2, 1)
    for hashes in ([*honest, honest[-1]], honest[:1], [honest[0] + honest[1]], list(reversed(honest)), []):
        data = encode(LogRangeProof(log_size=4, log_root=log.root(), first_index=2, hashes=hashes))
        with pytest.raises(VerificationError) as caught:
            PROFILE.verify_membership(trusted, data, [entries[2]])
        assert caught.value.reason is Reason.PROOF_INVALID


def test_unsorted_sets_are_refused() -> None:
    members = SET.validators.validators
    for wrong in (tuple(reversed(members)), (members[1], members[0], *members[2:])):
        assert refuse(with_set(made(2, SET), wrong)) is Reason.VALIDATOR_SET_INVALID
    powers = group("abcd", [10, 20, 30, 40])
    by_address = tuple(sorted(powers.validators.validators, key=lambda v: v.address))
    if by_address != powers.validators.validators:
        assert refuse(with_set(made(2, powers), by_address), trusted_at(1, powers)) is Reason.VALIDATOR_SET_INVALID


def test_a_signature_of_another_round_is_no_vote_for_this_one() -> None:
    update = made(2, SET)
    elsewhere = sign(update.header, SET, round=1)
    update.commit = replace(update.commit, signatures=elsewhere.signatures)
    assert refuse(update) is Reason.SIGNATURE_INVALID
