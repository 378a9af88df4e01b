"""Headers of the chainmaker profile with SM2 and SM3: what is believed, and what validators should not have signed."""

import pytest

from bridge.clock import NANOS_PER_SECOND
from bridge.crypto.keys import generate_signer
from bridge.crypto.suites import check_signature
from bridge.errors import PreconditionError, Reason, VerificationError
from bridge.light_client.chainmaker import PROFILE, ChainmakerProfile
from bridge.light_client.chainmaker_bytes import state_root
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.v1.chainmaker_pb2 import ChainmakerUpdate, ChainmakerVoteSet
from bridge.wire import encode
from tests.unit.light_client.chainmaker_forge import LEDGER, NOW, OPTIONS, START, Forge, make_transaction, refused


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


def test_an_expired_trusted_state_proves_nothing(forge: Forge):
    untrusted = forge.profile.decode_update(forge.update(forge.header()))
    short = TrustOptions(trusting_period=100 * NANOS_PER_SECOND)
    with pytest.raises(PreconditionError) as caught:
        verify_update(forge.profile, forge.anchor(), untrusted, short, NOW)
    assert caught.value.reason == Reason.CLIENT_EXPIRED


def test_the_profile_is_found_by_its_own_headers_only(forge: Forge):
    assert (PROFILE.profile_id, PROFILE.suite_id, PROFILE.strict_time) == ("chainmaker", "sm3-sm2", False)
    assert ChainmakerProfile("sha256-p256", "chainmaker-p256").profile_id == "chainmaker-p256"
    with pytest.raises(PreconditionError) as caught:
        forge.profile.verify_header(forge.anchor(), forge.anchor(), OPTIONS, check_signature)  # type: ignore[arg-type]
    assert caught.value.reason == Reason.PROFILE_UNKNOWN
