"""Validator sets of the chainmaker profile: which is asked, what makes one sound, how one hands over to the next."""

import pytest

from bridge.crypto.keys import generate_signer
from bridge.errors import Reason
from bridge.light_client.chainmaker_bytes import validator_set_hash
from bridge.v1.chainmaker_pb2 import (
    ChainmakerConfigChange,
    ChainmakerUpdate,
    ChainmakerValidator,
    ChainmakerValidatorSet,
)
from bridge.wire import encode
from tests.unit.light_client.chainmaker_forge import Forge, refused


def test_the_set_must_be_the_trusted_one(forge: Forge, stranger):
    other = forge.validators()
    other.validators[3].public_key = stranger.public_key
    refused(forge, forge.update(forge.header(), validators=other), Reason.VALIDATOR_SET_MISMATCH)
    other = forge.validators()
    other.validators[3].org_id = "org-x"
    refused(forge, forge.update(forge.header(), validators=other), Reason.VALIDATOR_SET_MISMATCH)
    del other.validators[3]
    refused(forge, forge.update(forge.header(), validators=other), Reason.VALIDATOR_SET_MISMATCH)


def test_one_key_for_two_nodes_refuses_the_set(forge: Forge):
    twin = Forge(signers={**forge.signers, "node-04": forge.signers["node-00"]}, count=0)
    refused(twin, twin.update(twin.header()), Reason.VALIDATOR_SET_INVALID)
    unsorted = ChainmakerValidatorSet(validators=reversed(forge.validators().validators))
    refused(forge, forge.update(forge.header(), validators=unsorted), Reason.VALIDATOR_SET_INVALID)
    repeated = forge.validators()
    repeated.validators[1].node_id = "node-00"
    refused(forge, forge.update(forge.header(), validators=repeated), Reason.VALIDATOR_SET_INVALID)


def test_the_set_has_1_to_64_named_nodes(forge: Forge):
    header = forge.header()
    many = [ChainmakerValidator(node_id=f"n{n:03d}", org_id="o", public_key=bytes([n])) for n in range(65)]
    refused(forge, forge.update(header, validators=ChainmakerValidatorSet(validators=many)), Reason.LIMIT_EXCEEDED)
    empty = ChainmakerValidatorSet(config_height=1)
    refused(forge, forge.update(header, validators=empty), Reason.FIELD_REQUIRED)
    for name in ("node_id", "org_id"):
        nameless = forge.validators()
        setattr(nameless.validators[0], name, "")
        refused(forge, forge.update(header, validators=nameless), Reason.INVALID_FIELD)


# rotation


def rotation(forge: Forge, after: Forge, **changes: object) -> tuple[bytes, ChainmakerConfigChange]:
    transaction = forge.config_transaction(after.validators(), **changes)
    change = ChainmakerConfigChange(transaction=transaction, next_validators=after.validators())
    header = forge.header(transactions=[transaction], block_type=1)
    return forge.update(header, change=change), change


def test_a_config_block_hands_over_to_the_next_set(forge: Forge):
    after = Forge(config_height=6, signers={f"new-{n}": generate_signer("sm3-sm2") for n in range(5)}, count=0)
    state = forge.verify(rotation(forge, after)[0])
    assert state.next_validators_hash == validator_set_hash(forge.hash, after.validators())
    follows = after.header(height=7, proposer="new-1", pre_block_hash=state.header_hash)
    assert after.verify(after.update(follows, trusted_height=6), state).height == 7
    # The old set signs nothing any more, and a header after the change cannot be reached over it.
    old = forge.header(height=7, pre_block_hash=state.header_hash)
    refused(forge, forge.update(old, trusted_height=6), Reason.VALIDATOR_SET_MISMATCH, state)
    refused(after, after.update(follows), Reason.NOT_ENOUGH_TRUST, forge.anchor())


def test_a_rotation_that_the_block_does_not_carry_is_refused(forge: Forge, stranger):
    after = Forge(config_height=6)
    other = Forge(config_height=6, signers=dict(after.signers), count=0)
    other.signers["node-03"] = stranger
    update = ChainmakerUpdate.FromString(rotation(forge, after)[0])
    update.config_change.next_validators.CopyFrom(other.validators())
    refused(forge, encode(update), Reason.VALIDATOR_SET_INVALID)
    update.config_change.transaction = forge.config_transaction(other.validators())
    refused(forge, encode(update), Reason.VALIDATOR_SET_INVALID)
    update.ClearField("config_change")
    refused(forge, encode(update), Reason.VALIDATOR_SET_INVALID)
    update.config_change.transaction = b"\1"
    refused(forge, encode(update), Reason.FIELD_REQUIRED)


def test_an_ordinary_block_cannot_change_the_validators(forge: Forge):
    after = Forge(config_height=6)
    transaction = forge.config_transaction(after.validators())
    change = ChainmakerConfigChange(transaction=transaction, next_validators=after.validators())
    ordinary = forge.header(transactions=[transaction])
    refused(forge, forge.update(ordinary, change=change), Reason.VALIDATOR_SET_INVALID)
    two = forge.header(transactions=[transaction, transaction], block_type=1)
    refused(forge, forge.update(two, change=change), Reason.VALIDATOR_SET_INVALID)


def test_a_rotation_signed_by_the_new_set_alone_is_refused(forge: Forge):
    after = Forge(config_height=6)
    update = ChainmakerUpdate.FromString(rotation(forge, after)[0])
    header = forge.header(transactions=[update.config_change.transaction], block_type=1)
    update.vote_set = encode(forge.vote_set(header, after.votes(header)))
    refused(forge, encode(update), Reason.COMMIT_INVALID)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payload": {"chain_id": "test-sh-2"}}, Reason.LEDGER_ID_MISMATCH),
        ({"result": {"code": 4}}, Reason.PROOF_INVALID),
        ({"result": {"contract_result": {"code": 1}}}, Reason.PROOF_INVALID),
        ({"result": {"contract_result": {"gas_used": 9}}}, Reason.INVALID_FIELD),
        ({"result": {"contract_result": {"result": b"other"}}}, Reason.VALIDATOR_SET_INVALID),
    ],
)
def test_a_config_transaction_must_have_taken_effect_here(forge: Forge, changes: dict, reason: Reason):
    refused(forge, rotation(forge, Forge(config_height=6), **changes)[0], reason)


def test_the_next_set_must_be_sound_and_name_its_block(forge: Forge):
    for config_height in (0, 5, 7):
        refused(forge, rotation(forge, Forge(config_height=config_height))[0], Reason.VALIDATOR_SET_INVALID)
    twin = Forge(config_height=6)
    twin.signers["node-09"] = twin.signers["node-00"]
    refused(forge, rotation(forge, twin)[0], Reason.VALIDATOR_SET_INVALID)
    weak = Forge(config_height=6, suite_id="sha256-ed25519")
    refused(forge, rotation(forge, weak)[0], Reason.VALIDATOR_SET_INVALID)
