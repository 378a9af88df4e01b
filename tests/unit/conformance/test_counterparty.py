"""The kit's own ledger: what it does right verifies, and what it forges is wrong in the one thing it was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.conformance.checks import NotRun
from bridge.conformance.counterparty.forgery import Votes
from bridge.conformance.counterparty.ledger import Counterparty, other_root
from bridge.conformance.counterparty.validators import make_validators
from bridge.crypto.keys import generate_signer
from bridge.crypto.suites import check_signature
from bridge.errors import BridgeError, Reason
from bridge.light_client.misbehaviour import verify_misbehaviour
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import verify_anchor, verify_update
from bridge.protocol.acts import decode_create_client, decode_pair_client, verify_act
from bridge.protocol.clients import Authority
from bridge.v1.transaction_pb2 import Delivery, Operation
from bridge.wire import encode
from tests.sim.harness import START, SimLedger
from tests.unit.conformance.clocks import following

PROFILES = ("cometbft", "chainmaker")
OPTIONS = TrustOptions(trusting_period=3_600 * NANOS_PER_SECOND)


@pytest.fixture(params=PROFILES)
def other(request: pytest.FixtureRequest) -> Counterparty:
    return Counterparty(request.param)


def believed(other: Counterparty, update: bytes, trusted_height: int | None = None) -> ConsensusState:
    """What a verifier holds after the update."""
    trusted = other.chain.consensus(other.anchor_height if trusted_height is None else trusted_height)
    return verify_update(other.profile, trusted, other.profile.decode_update(update), OPTIONS, other.now)


def reason(other: Counterparty, update: bytes) -> Reason:
    with pytest.raises(BridgeError) as refusal:
        believed(other, update)
    return refusal.value.reason


def test_honest_headers_verify_near_and_far(other: Counterparty) -> None:
    for blocks in (1, 5):
        for _ in range(blocks):
            other.advance()
        assert believed(other, other.update()) == other.chain.consensus(other.height)


def test_a_forgery_of_nothing_is_the_honest_header(other: Counterparty) -> None:
    height = other.advance()
    assert believed(other, other.forge(height)) == other.chain.consensus(height)


def test_entries_are_proven_whatever_they_say(other: Counterparty) -> None:
    written = other.commit(other.acknowledgement(7), other.acknowledgement(9, b"no acknowledgement"))
    (run,) = other.runs(*written)
    trusted = other.chain.consensus(run.proof_height)
    other.profile.verify_membership(trusted, run.proof, [each.entry.entry for each in written])
    assert [item.acknowledgement.sequence for item in run.items] == [7, 9]


def test_runs_are_made_of_neighbours_and_of_one_transaction(other: Counterparty) -> None:
    written = other.commit(*(other.acknowledgement(sequence) for sequence in range(1, 7)), transactions=2)
    alone = other.runs(written[0], written[2])
    assert [len(run.items) for run in alone] == [1, 1]
    together = other.runs(*written)
    assert [len(run.items) for run in together] == ([6] if other.profile_id == "cometbft" else [3, 3])


def test_headers_lead_over_every_change_of_validators(other: Counterparty) -> None:
    for powers in ((1, 1, 1), (1,) * 6):
        other.rotate(powers)
        other.advance()
    trusted = other.chain.consensus(other.anchor_height)
    for update in other.headers():
        untrusted = other.profile.decode_update(update)
        trusted = verify_update(other.profile, trusted, untrusted, OPTIONS, other.now)
    assert trusted == other.chain.consensus(other.height)


def test_a_rotation_tells_who_signs_from_where(other: Counterparty) -> None:
    before = other.chain.consensus(other.height).next_validators_hash
    rotation = other.rotate()
    assert rotation.signs_from == rotation.announced + 1
    assert other.chain.consensus(rotation.announced).next_validators_hash != before
    assert other.chain.consensus(rotation.announced - 1).next_validators_hash == before


WRONG: dict[str, tuple[dict[str, Any], tuple[Reason, Reason]]] = {
    "another ledger": ({"chain_id": "elsewhere"}, (Reason.LEDGER_ID_MISMATCH,) * 2),
    "an old time": ({"time": Nanos(START)}, (Reason.NON_INCREASING_TIME,) * 2),
    "a height": ({"claimed_height": 1}, (Reason.NON_INCREASING_HEIGHT,) * 2),
    "few signers": ({"signers": (0, 1)}, (Reason.INSUFFICIENT_QUORUM,) * 2),
    "one signer everywhere": ({"places": {1: 0, 2: 0, 3: 0}}, (Reason.DUPLICATE_SIGNER,) * 2),
    "places changed": ({"places": {1: 0, 0: 1}}, (Reason.COMMIT_INVALID,) * 2),
    "after signing": ({"after": other_root}, (Reason.HEADER_HASH_MISMATCH,) * 2),
    "bad votes": ({"votes": Votes.BAD}, (Reason.SIGNATURE_INVALID,) * 2),
    "one bad vote": ({"votes": Votes.BAD, "wrong": (0,)}, (Reason.SIGNATURE_INVALID,) * 2),
    "strangers' votes": ({"votes": Votes.STRANGER}, (Reason.SIGNATURE_INVALID,) * 2),
    "another block's votes": ({"votes": Votes.OTHER_BLOCK}, (Reason.SIGNATURE_INVALID,) * 2),
    "another ledger's votes": ({"votes": Votes.OTHER_LEDGER}, (Reason.SIGNATURE_INVALID,) * 2),
    "another height's votes": ({"votes": Votes.OTHER_HEIGHT}, (Reason.SIGNATURE_INVALID,) * 2),
    "prevotes": ({"votes": Votes.PREVOTE}, (Reason.SIGNATURE_INVALID, Reason.INSUFFICIENT_QUORUM)),
    "votes for nothing": ({"votes": Votes.NIL}, (Reason.INSUFFICIENT_QUORUM,) * 2),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_forgery_is_wrong_in_one_thing_only(other: Counterparty, name: str) -> None:
    wrong, reasons = WRONG[name]
    assert reason(other, other.forge(other.advance(), **wrong)) is reasons[PROFILES.index(other.profile_id)]


def test_a_set_of_strangers_signs_for_itself(other: Counterparty) -> None:
    strangers = make_validators(other.profile.suite_id, (1,) * 4)
    assert reason(other, other.forge(other.advance(), validators=strangers)) is Reason.VALIDATOR_SET_MISMATCH


def test_a_header_may_ask_to_be_trusted_from_anywhere(other: Counterparty) -> None:
    assert reason(other, other.forge(other.advance(), trusted_height=77)) is Reason.CONSENSUS_STATE_NOT_FOUND


def test_equivocation_is_proven_by_its_two_headers(other: Counterparty) -> None:
    trusted = other.chain.consensus(other.anchor_height)
    sides = [(trusted, other.profile.decode_update(each)) for each in other.equivocate(other.advance())]
    verify_misbehaviour(other.profile, sides[0], sides[1], OPTIONS)


def test_a_fork_shares_the_past_and_not_the_future(other: Counterparty) -> None:
    branch = other.fork(other.advance())
    other.set_clock(other.now + NANOS_PER_SECOND)
    assert branch.chain.consensus(branch.height) == other.chain.consensus(other.height)
    assert branch.advance() == other.advance()
    assert branch.chain.consensus(branch.height).header_hash != other.chain.consensus(other.height).header_hash
    assert believed(other, branch.update()) == branch.chain.consensus(branch.height)


def test_a_fork_keeps_the_validators_of_its_past(other: Counterparty) -> None:
    stale = other.fork(other.height)
    other.rotate()
    stale.advance()
    assert believed(stale, stale.update()).next_validators_hash == stale.chain.consensus(1).next_validators_hash


def test_a_profile_without_a_forger_forges_nothing(other: Counterparty) -> None:
    other.profile = type("Unforgeable", (), {"profile_id": "unforgeable"})()
    with pytest.raises(NotRun, match="forges no headers"):
        other.forge(other.height)


def test_acts_are_signed_by_those_who_must(other: Counterparty) -> None:
    target = generate_signer("sha256-ed25519")
    authorities = [
        Authority("test-target", target.suite_id, target.public_key),
        Authority(other.ledger_id, other.authority.suite_id, other.authority.public_key),
    ]
    create = other.create_act(("test-target", target), trust_level=(2, 3))
    act = decode_create_client(verify_act(create, authorities[:1], check_signature))
    assert (act.client_id, act.trust_level_numerator) == (other.client_id, 2)
    assert verify_anchor(other.profile, act.anchor) == other.chain.consensus(other.anchor_height)
    pair = other.pair_act(("test-target", target))
    assert decode_pair_client(verify_act(pair, authorities, check_signature)).ledger_id_1 == other.ledger_id
    recover = other.recover_act(("test-target", target), other.anchor())
    verify_act(recover, authorities, check_signature)


@pytest.mark.parametrize("target_profile", PROFILES)
def test_a_ledger_takes_members_and_records_of_it(other: Counterparty, target_profile: str) -> None:
    target = SimLedger("test-target", target_profile, "TGCB", following())
    speaker = (target.ledger_id, target.authority)
    target.submit(Operation(create_client=encode(other.create_act(speaker))))
    target.submit(Operation(pair_client=encode(other.pair_act(speaker))))
    for written in (other.register_issuer(), other.send_record(other.record("KIT-1"))):
        headers, runs = other.delivery(written)
        delivery = Delivery(client_id=other.client_id, headers=headers, runs=runs)
        (result,) = target.submit(Operation(deliver=delivery), member="relayer")
        assert [item.reason for item in result.items] == [""] * len(result.items), result
    assert [record.reference for record in target.records(other.client_id)] == ["KIT-1"]
