"""Blocks that a real ChainMaker 2.3.2 network committed: both verify in full, and no part of them can be changed."""

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from bridge.cli.chainmaker_json import VOTE_SET_KEY, verify_case
from bridge.cli.plumbing import verify_header_cases
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.keys import public_key_from_pem, public_key_to_pem
from bridge.crypto.suites import check_signature, suite
from bridge.errors import BridgeError, Reason
from bridge.light_client.chainmaker import ChainmakerProfile
from bridge.light_client.chainmaker_bytes import state_root, validator_set_hash
from bridge.light_client.chainmaker_votes import decode_vote_set
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.v1.chainmaker_pb2 import (
    ChainmakerBlockHeader,
    ChainmakerMember,
    ChainmakerUpdate,
    ChainmakerValidator,
    ChainmakerValidatorSet,
    ChainmakerVote,
    ChainmakerVoteSet,
)
from bridge.wire import encode
from tests.vectors import load_json

WHOLE = "block_2_contract_install.json"
HEADER_ONLY = "2_blockInfoJson_1704945589_header_and_votes.json"
BLOCKS = (WHOLE, HEADER_ONLY)
FOLDER = ("ledgers", "chainmaker")


def recorded(name: str) -> dict[str, Any]:
    return {
        "block": load_json(*FOLDER, name),
        "suite": "sha256-p256",
        "validators": load_json(*FOLDER, "validators.json"),
        "chain_id": "chain1",
        "pre_block_hash": None,
    }


def header_of(case: dict[str, Any]) -> dict[str, Any]:
    return case["block"]["block"]["header"]


def vote_set_of(case: dict[str, Any]) -> bytes:
    return base64.b64decode(case["block"]["block"]["additional_data"]["extra_data"][VOTE_SET_KEY])


def with_vote_set(case: dict[str, Any], data: bytes) -> dict[str, Any]:
    other = copy.deepcopy(case)
    other["block"]["block"]["additional_data"]["extra_data"][VOTE_SET_KEY] = base64.b64encode(data).decode()
    return other


def reason_of(case: dict[str, Any]) -> Reason | None:
    """Why the case is refused; None when it is not."""
    try:
        verify_case(case)
    except BridgeError as error:
        return error.reason
    return None


def test_both_recorded_blocks_verify_with_three_votes_each():
    verified = 0
    for name, height in zip(BLOCKS, (2, 3), strict=True):
        case = recorded(name)
        checked: list[tuple[bytes, ...]] = []

        def note(suite_id: str, key: bytes, message: bytes, signature: bytes, checked: list = checked) -> None:
            checked.append((key, message))
            check_signature(suite_id, key, message, signature)

        verify_case(case, note)
        assert header_of(case)["block_height"] == height
        assert len(checked) == 4
        assert len({key for key, _ in checked[:3]}) == 3
        assert len({message for _, message in checked[:3]}) == 3
        assert checked[3][1] == base64.b64decode(header_of(case)["block_hash"])
        assert [len(message) for _, message in checked] == [86, 86, 86, 32]
        verified += 1
    assert verified == 2


def test_the_second_block_follows_the_first():
    first, second = (recorded(name) for name in BLOCKS)
    second["pre_block_hash"] = header_of(first)["block_hash"]
    assert reason_of(second) is None
    second["pre_block_hash"] = header_of(second)["block_hash"]
    assert reason_of(second) == Reason.HEADER_HASH_MISMATCH
    second["pre_block_hash"] = "AAAA="
    assert reason_of(second) == Reason.INVALID_FIELD
    first["chain_id"] = "chain2"
    assert reason_of(first) == Reason.LEDGER_ID_MISMATCH


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(child, (*path, key))
    else:
        yield path, value


def altered(value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, int):
        return value + 1
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError:
        data = b""
    if data and base64.b64encode(data).decode() == value:
        return base64.b64encode(bytes([data[0] ^ 1]) + data[1:]).decode()
    return value + "x"


def set_at(case: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    other = copy.deepcopy(case)
    place: Any = other["block"]
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return other


@pytest.mark.parametrize(("name", "count"), [(WHOLE, 72), (HEADER_ONLY, 13)])
def test_no_field_of_a_recorded_block_can_be_changed_or_left_out(name: str, count: int):
    case = recorded(name)
    paths = [(path, value) for path, value in leaves(case["block"]) if path[-1] != VOTE_SET_KEY]
    unhashed = {"gas_used"}
    for path, value in paths:
        if path[-1] in unhashed:
            assert reason_of(set_at(case, path, altered(value))) is None, path
            continue
        part, field = path[1] if path[0] == "block" else path[0], path[-1]
        expected = Reason.HEADER_INVALID
        if part == "header":
            expected = Reason.SIGNATURE_INVALID if field == "signature" else Reason.HEADER_HASH_MISMATCH
        # Altered base64 or text may also stop being what its field holds; then the field is named.
        assert reason_of(set_at(case, path, altered(value))) in {expected, Reason.INVALID_FIELD}, path
        if not isinstance(path[-1], int):
            refused = reason_of(set_at(case, path, None))
            assert refused in {expected, Reason.INVALID_FIELD, Reason.HEADER_INVALID}, path
    assert len(paths) == count


@pytest.mark.parametrize("name", BLOCKS)
def test_structure_cannot_be_added_or_taken_away(name: str):
    case = recorded(name)
    header = ("block", "header")
    assert reason_of(set_at(case, (*header, "consensus_args"), "AAAA")) == Reason.HEADER_HASH_MISMATCH
    assert reason_of(set_at(case, (*header, "surprise"), 1)) == Reason.MALFORMED_MESSAGE
    assert reason_of(set_at(case, (*header, "block_height"), -1)) == Reason.INVALID_FIELD
    assert reason_of(set_at(case, (*header, "block_height"), 2**64)) == Reason.INVALID_FIELD
    assert reason_of(set_at(case, (*header, "block_height"), True)) == Reason.INVALID_FIELD
    assert reason_of(set_at(case, (*header, "block_timestamp"), "01701421143")) == Reason.INVALID_FIELD
    assert reason_of(set_at(case, (*header, "block_timestamp"), str(header_of(case)["block_timestamp"]))) is None
    assert reason_of(set_at(case, (*header, "tx_root"), header_of(case)["tx_root"].rstrip("="))) == Reason.INVALID_FIELD
    assert reason_of(set_at(case, ("block", "dag", "vertexes"), [])) == Reason.HEADER_INVALID
    assert reason_of(set_at(case, ("block", "dag", "vertexes"), [{}, {}])) == Reason.HEADER_INVALID
    assert reason_of(set_at(case, ("block", "txs"), [])) == Reason.HEADER_INVALID
    assert reason_of(set_at(case, ("block", "txs"), {})) == Reason.INVALID_FIELD
    for missing in (header, ("block", "additional_data"), ("block",)):
        assert reason_of(set_at(case, missing, None)) == Reason.FIELD_REQUIRED
    for key in ("suite", "validators", "chain_id", "block"):
        without = {name: value for name, value in case.items() if name != key}
        assert reason_of(without) == Reason.FIELD_REQUIRED


def test_transactions_and_read_write_sets_are_checked_one_by_one():
    case = recorded(WHOLE)
    assert reason_of(set_at(case, ("block", "txs"), case["block"]["block"]["txs"] * 2)) == Reason.HEADER_INVALID
    assert reason_of(set_at(case, ("rwset_list",), [])) == Reason.HEADER_INVALID
    assert reason_of(set_at(case, ("rwset_list",), None)) is None
    assert reason_of(set_at(case, ("block", "txs"), None)) is None
    assert reason_of(set_at(case, ("block", "txs", 0, "result", "extra"), 1)) == Reason.MALFORMED_MESSAGE
    assert reason_of(set_at(case, ("block", "txs", 0, "payer"), {})) == Reason.HEADER_INVALID


# votes


def change_votes(case: dict[str, Any], change: Any) -> Reason | None:
    """Reason after `change(votes, vote set)` on the recorded votes, in the order of their node ids."""
    vote_set = ChainmakerVoteSet.FromString(vote_set_of(case))
    votes = [vote_set.votes[node] for node in sorted(vote_set.votes)]
    change(votes, vote_set)
    return reason_of(with_vote_set(case, encode(vote_set)))


def set_vote(name: str, value: Any) -> Any:
    def change(votes: list[ChainmakerVote], _: ChainmakerVoteSet) -> None:
        setattr(votes[1], name, value)

    return change


def set_signer(name: str, value: Any) -> Any:
    def change(votes: list[ChainmakerVote], _: ChainmakerVoteSet) -> None:
        setattr(votes[1].endorsement.signer, name, value)

    return change


def set_whole(name: str, value: Any) -> Any:
    def change(_: list[ChainmakerVote], vote_set: ChainmakerVoteSet) -> None:
        setattr(vote_set, name, value)

    return change


def swap_signatures(votes: list[ChainmakerVote], _: ChainmakerVoteSet) -> None:
    votes[0].endorsement.signature, votes[1].endorsement.signature = (
        votes[1].endorsement.signature,
        votes[0].endorsement.signature,
    )


def drop_vote(_: list[ChainmakerVote], vote_set: ChainmakerVoteSet) -> None:
    del vote_set.votes[min(vote_set.votes)]


def repeat_vote(votes: list[ChainmakerVote], vote_set: ChainmakerVoteSet) -> None:
    vote_set.votes["another"].CopyFrom(votes[0])


def sign_for_another(votes: list[ChainmakerVote], _: ChainmakerVoteSet) -> None:
    votes[0].endorsement.CopyFrom(votes[1].endorsement)


def late_transaction(votes: list[ChainmakerVote], _: ChainmakerVoteSet) -> None:
    votes[0].invalid_txs.append("x")


CHANGES = [
    (set_whole("type", 0), Reason.COMMIT_INVALID),
    (set_whole("height", 4), Reason.COMMIT_INVALID),
    (set_whole("round", 1), Reason.INSUFFICIENT_QUORUM),
    (set_whole("sum", 9), None),
    (set_whole("maj23", b""), None),
    (set_vote("type", 0), Reason.INSUFFICIENT_QUORUM),
    (set_vote("height", 4), Reason.INSUFFICIENT_QUORUM),
    (set_vote("round", 1), Reason.INSUFFICIENT_QUORUM),
    (set_vote("hash", b"\0" * 32), Reason.INSUFFICIENT_QUORUM),
    (set_vote("voter", "unknown"), Reason.COMMIT_INVALID),
    (set_signer("org_id", "wx-org9.chainmaker.org"), Reason.COMMIT_INVALID),
    (set_signer("member_type", 1), Reason.COMMIT_INVALID),
    (set_signer("member_type", 2), Reason.COMMIT_INVALID),
    (set_signer("member_info", b""), Reason.COMMIT_INVALID),
    (swap_signatures, Reason.SIGNATURE_INVALID),
    (drop_vote, Reason.INSUFFICIENT_QUORUM),
    (repeat_vote, Reason.DUPLICATE_SIGNER),
    (sign_for_another, Reason.COMMIT_INVALID),
    (late_transaction, Reason.SIGNATURE_INVALID),
]


@pytest.mark.parametrize("name", BLOCKS)
def test_every_change_to_a_recorded_vote_is_refused_for_its_reason(name: str):
    case = recorded(name)
    assert change_votes(case, lambda *_: None) is None
    run = 0
    for change, expected in CHANGES:
        assert change_votes(case, change) == expected, change
        run += 1
    assert run == 19


@pytest.mark.parametrize("name", BLOCKS)
def test_bytes_of_the_counted_votes_cannot_be_changed(name: str):
    case = recorded(name)
    data = vote_set_of(case)
    vote_set = ChainmakerVoteSet.FromString(data)
    assert len(decode_vote_set(data).votes) == len(vote_set.votes) == 3
    run = 0
    for vote in vote_set.votes.values():
        start = data.index(encode(vote))
        for position in range(start, start + vote.ByteSize(), 13):
            damaged = data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :]
            assert reason_of(with_vote_set(case, damaged)) is not None, position
            run += 1
    assert run > 250


# validators


def test_only_the_registered_validators_count():
    case = recorded(WHOLE)
    voters = set(ChainmakerVoteSet.FromString(vote_set_of(case)).votes)
    absent = next(node for node in case["validators"] if node not in voters)
    # Three validators still need three votes; two of the voters alone are no quorum of the rest.
    assert reason_of({**case, "validators": {n: p for n, p in case["validators"].items() if n != absent}}) is None
    voter = min(voters)
    fewer = {n: p for n, p in case["validators"].items() if n != voter}
    assert reason_of({**case, "validators": fewer}) == Reason.INSUFFICIENT_QUORUM
    renamed = {**fewer, "Qm-someone": case["validators"][voter]}
    assert reason_of({**case, "validators": renamed}) == Reason.INSUFFICIENT_QUORUM
    exchanged = {**case["validators"], voter: case["validators"][absent], absent: case["validators"][voter]}
    assert reason_of({**case, "validators": exchanged}) == Reason.COMMIT_INVALID
    twice = {**case["validators"], absent: case["validators"][voter]}
    assert reason_of({**case, "validators": twice}) == Reason.VALIDATOR_SET_INVALID
    assert reason_of({**case, "validators": {}}) == Reason.FIELD_REQUIRED
    assert reason_of({**case, "validators": {**case["validators"], voter: "PEM"}}) == Reason.INVALID_PUBLIC_KEY
    assert reason_of({**case, "suite": "sm3-sm2"}) == Reason.INVALID_PUBLIC_KEY
    assert reason_of({**case, "suite": "sha512-rsa"}) == Reason.INVALID_FIELD


def test_validators_may_be_given_as_public_keys():
    case = recorded(WHOLE)
    keys = {node: public_key_from_pem(pem.encode())[1] for node, pem in case["validators"].items()}
    case["validators"] = {node: public_key_to_pem("sha256-p256", key).decode() for node, key in keys.items()}
    assert reason_of(case) is None


# the whole way, as a light client goes it


def light_client_set(case: dict[str, Any]) -> ChainmakerValidatorSet:
    members = []
    for node, pem in sorted(case["validators"].items()):
        subject = x509.load_pem_x509_certificate(pem.encode()).subject
        members.append(
            ChainmakerValidator(
                node_id=node,
                org_id=subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value,
                public_key=public_key_from_pem(pem.encode())[1],
            )
        )
    return ChainmakerValidatorSet(validators=members)


def message_of(case: dict[str, Any]) -> ChainmakerBlockHeader:
    fields = header_of(case)
    binary = {name: base64.b64decode(fields[name]) for name in fields if name.endswith(("hash", "root", "signature"))}
    rest = {name: fields[name] for name in ("block_version", "chain_id", "block_height", "tx_count", "block_timestamp")}
    proposer = fields["proposer"]
    member = ChainmakerMember(org_id=proposer["org_id"], member_info=base64.b64decode(proposer["member_info"]))
    return ChainmakerBlockHeader(**binary, **rest, proposer=member)


def test_a_light_client_steps_from_one_recorded_block_to_the_next():
    profile = ChainmakerProfile("sha256-p256", "chainmaker-p256")
    digest = suite("sha256-p256").hash
    first, second = (recorded(name) for name in BLOCKS)
    validators, parent, header = light_client_set(second), message_of(first), message_of(second)
    trusted = ConsensusState(
        ledger_id="chain1",
        height=2,
        time=Nanos(parent.block_timestamp * NANOS_PER_SECOND),
        header_hash=parent.block_hash,
        root=state_root(digest, parent.tx_root, parent.tx_count),
        next_validators_hash=validator_set_hash(digest, validators),
    )
    update = ChainmakerUpdate(
        header=encode(header), vote_set=vote_set_of(second), trusted_height=2, validators=validators
    )
    options = TrustOptions(trusting_period=3600 * NANOS_PER_SECOND)
    now = Nanos((header.block_timestamp + 1) * NANOS_PER_SECOND)
    state = verify_update(profile, trusted, profile.decode_update(encode(update)), options, now)
    assert (state.height, state.header_hash) == (3, header.block_hash)
    assert state.root == header.tx_root + b"\0\0\0\1"


def test_plumbing_gives_one_verdict_a_line():
    cases = [recorded(name) for name in BLOCKS]
    cases.append(set_at(cases[0], ("block", "header", "dag_hash"), altered(header_of(cases[0])["dag_hash"])))
    cases.append(set_at(cases[0], ("block", "header", "dag_hash"), "?"))
    verdicts = [json.loads(line) for line in verify_header_cases("chainmaker", [json.dumps(case) for case in cases])]
    assert [verdict["verdict"] for verdict in verdicts] == ["trusted", "trusted", "invalid", "malformed"]
    assert [verdict["reason"] for verdict in verdicts] == ["", "", "HEADER_HASH_MISMATCH", "INVALID_FIELD"]
