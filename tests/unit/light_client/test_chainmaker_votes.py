"""Votes of the chainmaker profile: which are counted, which refuse the block, and how many are enough."""

import pytest

from bridge.crypto.cache import VerifiedSignatures
from bridge.crypto.suites import check_signature
from bridge.errors import Reason
from bridge.light_client.verifier import verify_update
from bridge.v1.chainmaker_pb2 import ChainmakerVoteSet
from bridge.wire import encode
from tests.unit.light_client.chainmaker_forge import NOW, OPTIONS, Forge, refused


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
