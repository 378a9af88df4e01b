"""Headers of the chainmaker profile with SM2 and SM3: what is believed, and every way to be refused."""

import pytest

from bridge.clock import NANOS_PER_SECOND
from bridge.crypto.cache import VerifiedSignatures
from bridge.crypto.keys import generate_signer
from bridge.crypto.suites import check_signature
from bridge.errors import BridgeError, DecodeError, LimitError, PreconditionError, Reason, VerificationError
from bridge.light_client.chainmaker import PROFILE, ChainmakerProfile
from bridge.light_client.chainmaker_bytes import state_root, validator_set_hash
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.v1.chainmaker_pb2 import (
    ChainmakerConfigChange,
    ChainmakerPayload,
    ChainmakerUpdate,
    ChainmakerValidator,
    ChainmakerValidatorSet,
    ChainmakerVoteSet,
)
from bridge.v1.transaction_pb2 import TransactionBody
from bridge.wire import encode
from tests.unit.light_client.chainmaker_forge import LEDGER, NOW, OPTIONS, START, Forge, make_transaction


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


@pytest.fixture(scope="module")
def stranger():
    return generate_signer("sm3-sm2")


def refused(forge: Forge, update: bytes, reason: Reason, trusted: ConsensusState | None = None) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        forge.verify(update, trusted)
    assert caught.value.reason == reason, caught.value
    return caught.value


# believed


@pytest.mark.parametrize("suite_id", ["sm3-sm2", "sha256-p256", "sha256-ed25519"])
def test_a_quorum_of_the_trusted_set_is_believed_in_every_suite(suite_id: str):
    forge = Forge(suite_id=suite_id)
    transactions = [encode(make_transaction([(b"path", b"v" * 32)]))]
    header = forge.header(transactions=transactions)
    state = forge.verify(forge.update(header))
    assert state == ConsensusState(
        ledger_id=LEDGER,
        height=6,
        time=(START + 6) * NANOS_PER_SECOND,
        header_hash=header.block_hash,
        root=header.tx_root + (1).to_bytes(4, "big"),
        next_validators_hash=forge.anchor().next_validators_hash,
    )


def test_exactly_a_quorum_is_enough_and_skipping_heights_is_fine(forge: Forge):
    header = forge.header(height=60, pre_block_hash=forge.hash(b"another"), block_timestamp=START)
    state = forge.verify(forge.update(header, forge.votes(header, ["node-00", "node-01", "node-03"])))
    assert state.height == 60
    assert state.time == forge.anchor().time
    assert state.root == state_root(forge.hash, b"", 0) == forge.hash(b"") + bytes(4)


def test_other_votes_and_a_foreign_order_do_not_matter(forge: Forge):
    header = forge.header()
    votes = forge.votes(header, ["node-03", "node-01", "node-02"])
    votes["node-00"] = forge.vote("node-00", header, hash=forge.hash(b"another block"))
    votes["node-99"] = forge.vote("node-99", header, generate_signer("sm3-sm2"))
    whole = forge.vote_set(header, votes, sum=77, maj23=b"untrusted")
    whole.votes_by_block["whatever"].sum = 3
    # Go writes maps as they come: entries in another order than Python's, the set's other fields behind them.
    pieces = [encode(ChainmakerVoteSet(votes={node: vote})) for node, vote in votes.items()]
    whole.ClearField("votes")
    assert forge.verify(forge.update(header, b"".join(pieces[::-1]) + encode(whole))).height == 6


def test_one_validator_is_a_quorum_of_one_and_64_are_allowed():
    for count in (1, 64):
        forge = Forge(count=count)
        header = forge.header()
        assert (
            forge.verify(forge.update(header, forge.votes(header, sorted(forge.signers)[: 2 * count // 3 + 1]))).height
            == 6
        )


def test_the_batch_of_signatures_is_all_that_verification_asks_for(forge: Forge):
    header = forge.header()
    untrusted = forge.profile.decode_update(forge.update(header))
    tasks = forge.profile.signature_tasks(untrusted)
    assert len(tasks) == 5
    asked = []

    def note(*task: bytes) -> None:
        asked.append(task)
        check_signature(*task)

    verify_update(forge.profile, forge.anchor(), untrusted, OPTIONS, NOW, note)
    assert sorted(asked) == sorted(tasks)
    memory = VerifiedSignatures()
    memory.check_ahead(tasks)
    assert verify_update(forge.profile, forge.anchor(), untrusted, OPTIONS, NOW, memory).height == 6


# the header


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chain_id": "test-sh-2"}, Reason.LEDGER_ID_MISMATCH),
        ({"block_timestamp": START - 1}, Reason.NON_INCREASING_TIME),
        ({"block_timestamp": START + 3600 * 24}, Reason.HEADER_FROM_FUTURE),
        ({"pre_block_hash": b"\7" * 32}, Reason.HEADER_HASH_MISMATCH),
        ({"pre_block_hash": b"\7" * 31}, Reason.HEADER_INVALID),
        ({"dag_hash": b"\7" * 33}, Reason.HEADER_INVALID),
        ({"tx_root": b"\7" * 32}, Reason.HEADER_INVALID),
        ({"tx_count": 1}, Reason.HEADER_INVALID),
        ({"rw_set_root": b"\7" * 32}, Reason.HEADER_INVALID),
        ({"pre_conf_height": 3}, Reason.VALIDATOR_SET_MISMATCH),
        ({"block_type": 3}, Reason.HEADER_INVALID),
        ({"block_type": 5}, Reason.HEADER_INVALID),
        ({"block_type": 1}, Reason.VALIDATOR_SET_INVALID),
        ({"block_version": 2299}, Reason.HEADER_INVALID),
        ({"block_timestamp": -1}, Reason.INVALID_FIELD),
        ({"chain_id": "a\nb"}, Reason.INVALID_FIELD),
    ],
)
def test_a_header_the_validators_should_not_have_signed_is_refused(forge: Forge, changes: dict, reason: Reason):
    refused(forge, forge.update(forge.header(**changes)), reason)


@pytest.mark.parametrize("height", [5, 4, 0, 2**63])
def test_a_height_that_does_not_rise_or_cannot_be_is_refused(forge: Forge, height: int):
    header = forge.header()
    header.block_height = height
    reason = Reason.NON_INCREASING_HEIGHT if 0 < height < 6 else Reason.INVALID_FIELD
    refused(forge, forge.update(forge.rehash(header)), reason)


@pytest.mark.parametrize("stored", [b"", b"\1" * 32])
def test_a_stored_hash_that_is_not_the_headers_is_refused(forge: Forge, stored: bytes):
    header = forge.header()
    votes = forge.votes(header)
    header.block_hash = stored
    refused(forge, forge.update(header, encode(forge.vote_set(header, votes))), Reason.HEADER_HASH_MISMATCH)


@pytest.mark.parametrize(
    "name",
    [
        "block_version",
        "pre_block_hash",
        "tx_count",
        "tx_root",
        "dag_hash",
        "rw_set_root",
        "block_timestamp",
        "consensus_args",
    ],
)
def test_a_field_changed_after_signing_is_refused(forge: Forge, name: str):
    header = forge.header(transactions=[encode(make_transaction([]))])
    update = forge.update(header)
    value = getattr(header, name)
    setattr(header, name, value + 1 if isinstance(value, int) else bytes([*value[:-1], 0xAA]))
    parsed = ChainmakerUpdate.FromString(update)
    parsed.header = encode(header)
    reason = Reason.HEADER_HASH_MISMATCH
    assert refused(forge, encode(parsed), reason).reason == reason
    # The hash corrected as well: now the votes are for another block.
    header = forge.rehash(header)
    parsed.header = encode(header)
    with pytest.raises(VerificationError) as caught:
        forge.verify(encode(parsed))
    expected = {Reason.INSUFFICIENT_QUORUM} | ({Reason.HEADER_HASH_MISMATCH} if name == "pre_block_hash" else set())
    assert caught.value.reason in expected


def test_the_proposer_is_a_registered_validator_who_signed(forge: Forge, stranger):
    header = forge.header(proposer="node-02")
    header.signature = forge.signers["node-01"].sign(header.block_hash)
    refused(forge, forge.update(header), Reason.SIGNATURE_INVALID)
    header.signature = b""
    refused(forge, forge.update(header), Reason.SIGNATURE_INVALID)
    header = forge.header()
    header.proposer.CopyFrom(forge.member("node-00", stranger.public_key))
    header.block_hash = b""
    refused(forge, forge.update(forge.rehash(header)), Reason.HEADER_INVALID)
    header = forge.header()
    header.proposer.org_id = "org-node-01"
    refused(forge, forge.update(forge.rehash(header)), Reason.HEADER_INVALID)


# the votes


@pytest.mark.parametrize(
    "changes",
    [{"type": 0}, {"height": 5}, {"round": 1}, {"round": -1}, {"hash": b"\1" * 32}, {"hash": b""}, {"voter": "x"}],
)
def test_votes_that_do_not_fit_are_not_counted(forge: Forge, changes: dict):
    header = forge.header()
    votes = forge.votes(header)
    for node in ("node-01", "node-02"):
        votes[node] = forge.vote(node, header, **changes)
    if "voter" in changes:
        votes = forge.votes(header, ["node-00", "node-01"])
        votes["x"] = forge.vote("x", header, forge.signers["node-02"])
    error = refused(forge, forge.update(header, votes), Reason.INSUFFICIENT_QUORUM)
    assert (error.facts["got"], error.facts["expected"]) == (2, 3)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 13])
def test_one_vote_short_of_a_quorum_is_refused(count: int):
    forge = Forge(suite_id="sha256-ed25519", count=count)
    header = forge.header()
    nodes = sorted(forge.signers)
    quorum = {1: 1, 2: 2, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5, 13: 9}[count]
    assert forge.verify(forge.update(header, forge.votes(header, nodes[:quorum]))).height == 6
    refused(forge, forge.update(header, forge.votes(header, nodes[: quorum - 1])), Reason.INSUFFICIENT_QUORUM)


@pytest.mark.parametrize("changes", [{"type": 0}, {"height": 7}, {"height": 0}])
def test_a_vote_set_about_something_else_is_refused(forge: Forge, changes: dict):
    header = forge.header()
    vote_set = forge.vote_set(header, forge.votes(header), **changes)
    refused(forge, forge.update(header, encode(vote_set)), Reason.COMMIT_INVALID)


def test_a_set_of_prevotes_is_refused_even_when_every_prevote_is_signed(forge: Forge):
    header = forge.header()
    prevotes = {node: forge.vote(node, header, type=0) for node in forge.signers}
    refused(forge, forge.update(header, encode(forge.vote_set(header, prevotes, type=0))), Reason.COMMIT_INVALID)
    refused(forge, forge.update(header, encode(forge.vote_set(header, prevotes))), Reason.INSUFFICIENT_QUORUM)


def test_a_set_of_another_round_than_its_votes_is_refused(forge: Forge):
    header = forge.header()
    vote_set = forge.vote_set(header, forge.votes(header), round=1)
    refused(forge, forge.update(header, encode(vote_set)), Reason.INSUFFICIENT_QUORUM)
    votes = {node: forge.vote(node, header, round=1) for node in forge.signers}
    assert forge.verify(forge.update(header, encode(forge.vote_set(header, votes, round=1)))).height == 6


def test_votes_by_block_alone_are_no_votes(forge: Forge):
    header = forge.header()
    vote_set = forge.vote_set(header, {})
    for node, vote in forge.votes(header).items():
        vote_set.votes_by_block["hash"].votes[node].CopyFrom(vote)
    refused(forge, forge.update(header, encode(vote_set)), Reason.INSUFFICIENT_QUORUM)


def test_a_voter_that_appears_twice_is_refused(forge: Forge):
    header = forge.header()
    votes = forge.votes(header, ["node-00", "node-01"])
    refused(forge, forge.update(header, {**votes, "node-02": votes["node-01"]}), Reason.DUPLICATE_SIGNER)
    # The same key twice is one entry to a parser of maps, but two on the wire.
    entry = encode(ChainmakerVoteSet(votes={"node-01": votes["node-01"]}))
    twice = encode(forge.vote_set(header, forge.votes(header))) + entry
    refused(forge, forge.update(header, twice), Reason.DUPLICATE_SIGNER)
    # Not even where it would not be counted.
    old = {node: forge.vote("node-03", header, height=2) for node in ("node-02", "node-03")}
    refused(forge, forge.update(header, {**votes, **old}), Reason.DUPLICATE_SIGNER)


def test_a_vote_under_another_nodes_id_is_refused(forge: Forge):
    header = forge.header()
    votes = forge.votes(header, ["node-00", "node-01", "node-02"])
    votes["node-09"] = forge.vote("node-03", header)
    refused(forge, forge.update(header, votes), Reason.COMMIT_INVALID)


def test_a_counted_vote_with_a_bad_signature_refuses_the_block(forge: Forge):
    header = forge.header()
    votes = forge.votes(header)
    votes["node-03"].endorsement.signature = votes["node-02"].endorsement.signature
    refused(forge, forge.update(header, votes), Reason.SIGNATURE_INVALID)
    votes["node-03"].endorsement.signature = b""
    refused(forge, forge.update(header, votes), Reason.SIGNATURE_INVALID)
    votes = forge.votes(header)
    votes["node-03"].invalid_txs.append("late")
    refused(forge, forge.update(header, votes), Reason.SIGNATURE_INVALID)


def test_a_vote_signed_by_another_key_than_the_voters_refuses_the_block(forge: Forge, stranger):
    header = forge.header()
    for signer in (stranger, forge.signers["node-01"]):
        votes = forge.votes(header)
        votes["node-03"] = forge.vote("node-03", header, signer)
        refused(forge, forge.update(header, votes), Reason.COMMIT_INVALID)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("org_id", "org-node-01"),
        ("org_id", ""),
        ("member_type", 0),
        ("member_type", 1),
        ("member_type", 3),
        ("member_info", b""),
        ("member_info", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ],
)
def test_a_signer_must_be_exactly_the_registered_member(forge: Forge, name: str, value: object):
    header = forge.header()
    votes = forge.votes(header)
    setattr(votes["node-03"].endorsement.signer, name, value)
    refused(forge, forge.update(header, votes), Reason.COMMIT_INVALID)
    votes["node-03"].endorsement.signer.member_type = 0
    refused(forge, forge.update(header, votes), Reason.COMMIT_INVALID)


def test_key_text_of_any_size_is_refused_without_being_read(forge: Forge):
    header = forge.header()
    votes = forge.votes(header)
    votes["node-03"].endorsement.signer.member_info += b"\n" * 9000
    refused(forge, forge.update(header, votes), Reason.COMMIT_INVALID)
    votes["node-03"].endorsement.signer.member_info += b"\n" * 20_000
    refused(forge, forge.update(header, votes), Reason.LIMIT_EXCEEDED)


# the validator set


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


# the bytes


def test_header_bytes_must_round_trip(forge: Forge):
    update = ChainmakerUpdate.FromString(forge.update(forge.header()))
    header = update.header
    for bad in (header + b"\x80\x01\x01", header + header[:4], b"\x08\x00" + header, header[:-1], b"\xff"):
        update.header = bad
        with pytest.raises(DecodeError) as caught:
            forge.profile.decode_update(encode(update))
        assert caught.value.reason == Reason.MALFORMED_MESSAGE
    update.header = b"\x6a\x81\x80\x08" + bytes(128 * 1024)
    with pytest.raises(LimitError):
        forge.profile.decode_update(encode(update))


def test_update_bytes_must_round_trip(forge: Forge):
    update = forge.update(forge.header())
    for bad in (update + b"\x30\x01", update[:-1], b"", update * 2):
        with pytest.raises(DecodeError) as caught:
            forge.profile.decode_update(bad)
        assert caught.value.reason in {Reason.MALFORMED_MESSAGE, Reason.FIELD_REQUIRED}


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b"\x08\x01", Reason.MALFORMED_MESSAGE),  # type twice
        (b"\x40\x01", Reason.MALFORMED_MESSAGE),  # field 8
        (b"\x35\x00\x00\x00\x00", Reason.MALFORMED_MESSAGE),  # votes as fixed32
        (b"\x32", Reason.MALFORMED_MESSAGE),  # a length that is not there
        (b"\x32\x05\x0a", Reason.MALFORMED_MESSAGE),  # a field past the end
        (b"\x20\x80\x00", Reason.MALFORMED_MESSAGE),  # a varint with a padding byte
        (b"\x20" + b"\xff" * 9 + b"\x02", Reason.MALFORMED_MESSAGE),  # above 64 bits
        (b"\x20" + b"\x80" * 11, Reason.MALFORMED_MESSAGE),
        (b"\x32\x00", Reason.MALFORMED_MESSAGE),  # an entry without key and vote
        (b"\x32\x03\x0a\x01a", Reason.MALFORMED_MESSAGE),  # without vote
        (b"\x32\x05\x0a\x01\xff\x12\x00", Reason.MALFORMED_MESSAGE),  # key not UTF-8
        (b"\x32\x08\x0a\x01a\x12\x00\x0a\x01b", Reason.MALFORMED_MESSAGE),  # two keys
        (b"\x32\x08\x0a\x01a\x12\x03\x40\x01\x00", Reason.MALFORMED_MESSAGE),  # vote with an unknown field
        (b"\x32\x07\x0a\x01a\x12\x02\x18\x00", Reason.MALFORMED_MESSAGE),  # vote with an explicit default
        (b"\x32\x06\x0a\x01a\x12\x01\x0a", Reason.MALFORMED_MESSAGE),
        (b"\x3a\x80\x80\x20" + bytes(512 * 1024), Reason.LIMIT_EXCEEDED),
    ],
)
def test_a_vote_set_is_read_strictly(forge: Forge, tail: bytes, reason: Reason):
    header = forge.header()
    good = encode(forge.vote_set(header, forge.votes(header), round=0))
    refused(forge, forge.update(header, good + tail), reason)


def test_a_vote_set_holds_at_most_64_votes(forge: Forge):
    header = forge.header()
    entries = b"".join(b"\x32\x08\x0a\x04" + f"{n:04d}".encode() + b"\x12\x00" for n in range(65))
    refused(forge, forge.update(header, entries), Reason.LIMIT_EXCEEDED)


def test_every_bit_of_an_update_is_hashed_signed_or_refused():
    forge = Forge(suite_id="sha256-ed25519", count=1)
    update = forge.update(forge.header(transactions=[b"transaction"]))
    expected = forge.verify(update)
    for position in range(len(update)):
        damaged = bytearray(update)
        damaged[position] ^= 1 << (position % 8)
        try:
            state = forge.verify(bytes(damaged))
        except BridgeError:
            continue
        # What remains free is not evidence of anything: the set's own idea of a majority.
        assert state == expected
        stated = b"\x2a\x20" + expected.header_hash
        maj23 = update.index(stated, update.index(stated) + 1)
        assert maj23 <= position < maj23 + 34


# the port


def test_the_profile_is_found_by_its_own_headers_only(forge: Forge):
    assert (PROFILE.profile_id, PROFILE.suite_id, PROFILE.strict_time) == ("chainmaker", "sm3-sm2", False)
    assert ChainmakerProfile("sha256-p256", "chainmaker-p256").profile_id == "chainmaker-p256"
    with pytest.raises(PreconditionError) as caught:
        forge.profile.verify_header(forge.anchor(), forge.anchor(), OPTIONS, check_signature)  # type: ignore[arg-type]
    assert caught.value.reason == Reason.PROFILE_UNKNOWN


def test_an_expired_trusted_state_proves_nothing(forge: Forge):
    untrusted = forge.profile.decode_update(forge.update(forge.header()))
    short = TrustOptions(trusting_period=100 * NANOS_PER_SECOND)
    with pytest.raises(PreconditionError) as caught:
        verify_update(forge.profile, forge.anchor(), untrusted, short, NOW)
    assert caught.value.reason == Reason.CLIENT_EXPIRED


def test_what_a_member_signs_is_the_payload_that_binds_the_body(forge: Forge):
    body = TransactionBody(ledger_id=LEDGER, member_id="platform-1", key_id="k1")
    body.submission_time.seconds = START
    signed = PROFILE.transaction_sign_bytes(LEDGER, encode(body))
    payload = ChainmakerPayload.FromString(signed)
    digest = forge.hash(encode(body))
    assert encode(payload) == signed
    assert (payload.chain_id, payload.tx_id, payload.timestamp) == (LEDGER, digest.hex(), START)
    assert (payload.contract_name, payload.method) == ("cargobridge", "execute")
    assert [(pair.key, pair.value) for pair in payload.parameters] == [
        ("operations_digest", digest),
        ("member_id", b"platform-1"),
        ("key_id", b"k1"),
    ]
    body.key_id = "k2"
    assert PROFILE.transaction_sign_bytes(LEDGER, encode(body)) != signed
    assert PROFILE.transaction_sign_bytes("test-sh-2", encode(body)) != PROFILE.transaction_sign_bytes(
        LEDGER, encode(body)
    )
    with pytest.raises(DecodeError) as caught:
        PROFILE.transaction_sign_bytes(LEDGER, b"\xff")
    assert caught.value.reason == Reason.MALFORMED_MESSAGE
