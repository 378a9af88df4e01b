"""Blocks of the Shanghai ledger: what is built verifies, continues after a restart, and is never signed twice."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from bridge.cli.chainmaker_json import VOTE_SET_KEY, verify_case
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.keys import generate_signer, public_key_to_pem
from bridge.crypto.ports import Signer
from bridge.crypto.suites import check_signature, suite
from bridge.errors import BridgeError, NotFoundError, PreconditionError, Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.ledger.types import (
    KIND_PACKET,
    BlockInput,
    ProvenRun,
    SealedBlock,
    StoredEntry,
    TransactionResult,
    WrittenEntry,
)
from bridge.light_client.chainmaker import PROFILE
from bridge.light_client.types import ConsensusState, Entry, OpaqueLeaf, TrustOptions
from bridge.light_client.verifier import verify_anchor, verify_update
from bridge.merkle.chainmaker import path, tree_root
from bridge.v1.chainmaker_pb2 import (
    ChainmakerBlockHeader,
    ChainmakerTransaction,
    ChainmakerUpdate,
    ChainmakerValidatorSet,
    ChainmakerVoteSet,
)
from bridge.v1.proof_pb2 import TransactionProof
from bridge.v1.transaction_pb2 import RotateValidatorsAct, Transaction, TransactionBody, TrustAnchor, ValidatorInfo
from bridge.wire import encode, timestamp_of
from sh_adapter.block_format import ChainmakerFormat
from sh_adapter.transactions import TransactionTree, dag_of, rw_set_of

LEDGER = "test-sh-1"
START = Nanos(1_760_000_000 * NANOS_PER_SECOND)
NOW = Nanos(START + 1000 * NANOS_PER_SECOND)
OPTIONS = TrustOptions(trusting_period=36_000 * NANOS_PER_SECOND)


class Ledger:
    """A format with a store in lists; implements BlockReader."""

    def __init__(self, count: int = 4, signers: Sequence[Signer] | None = None) -> None:
        self.signers = list(signers or (generate_signer("sm3-sm2") for _ in range(count + 2)))
        self.validators = infos(self.signers[:count])
        self.mark = MemoryHighWaterMark()
        self.blocks: list[SealedBlock] = []
        self.inputs: list[BlockInput] = []
        self.written: list[StoredEntry] = []
        self.member = generate_signer("sm3-sm2")
        self.format = self.fresh()

    def fresh(self) -> ChainmakerFormat:
        return ChainmakerFormat(LEDGER, self.validators, self.signers, self.mark, START)

    def block(self, height: int) -> SealedBlock:
        if not 1 <= height <= len(self.blocks):
            raise NotFoundError(Reason.HEIGHT_NOT_FOUND, height=height)
        return replace(self.blocks[height - 1], leaves=(), transaction_forms=())

    def transaction_forms(self, height: int) -> Sequence[bytes]:
        return self.blocks[height - 1].transaction_forms

    def entries(self, first_position: int, count: int) -> Sequence[StoredEntry]:
        return self.written[first_position : first_position + count]

    def leaves(self, first_position: int, count: int) -> Sequence[bytes]:
        return ()

    def latest_height(self) -> int:
        return len(self.blocks)

    def submission(self, number: int) -> bytes:
        body = TransactionBody(ledger_id=LEDGER, member_id="platform-1", key_id="k1")
        body.submission_time.FromNanoseconds(START + number)
        data = encode(body)
        signature = self.member.sign(PROFILE.transaction_sign_bytes(LEDGER, data))
        return encode(Transaction(body=data, signature=signature))

    def result(self, entries: int) -> TransactionResult:
        made = [
            Entry(b"hk-0\x01" + bytes([len(self.blocks), n]) * 4, bytes([len(self.blocks), n]) * 16)
            for n in range(entries)
        ]
        return TransactionResult(
            code=0,
            entries=tuple(WrittenEntry(entry, KIND_PACKET, "hk-0", n, b"packet") for n, entry in enumerate(made)),
            data=b"result data",
            submitter_suite="sm3-sm2",
            submitter_key=self.member.public_key,
        )

    def input(
        self, *entries: int, rotation: Sequence[ValidatorInfo] | None = None, time: Nanos | None = None
    ) -> BlockInput:
        """The next block: a transaction for each number of entries."""
        height = len(self.blocks) + 1
        act = None if rotation is None else RotateValidatorsAct(ledger_id=LEDGER, set_number=2, validators=rotation)
        return BlockInput(
            height=height,
            time=self.format.next_time(Nanos(START + height * NANOS_PER_SECOND)) if time is None else time,
            transactions=[self.submission(height * 100 + n) for n in range(len(entries))],
            results=[self.result(count) for count in entries],
            first_position=len(self.written),
            rotation=act,
        )

    def store(self, block: BlockInput) -> SealedBlock:
        sealed = self.format.seal(self.format.build(block))
        self.format.advance(sealed)
        self.blocks.append(sealed)
        self.inputs.append(block)
        for index, result in enumerate(block.results):
            for event, written in enumerate(result.entries):
                self.written.append(StoredEntry(len(self.written), block.height, index, event, written))
        return sealed

    def cut(self, *entries: int, rotation: Sequence[ValidatorInfo] | None = None) -> SealedBlock:
        return self.store(self.input(*entries, rotation=rotation))

    def verify(self, trusted: ConsensusState, height: int) -> ConsensusState:
        update = self.format.update(self, height, trusted.height)
        return verify_update(PROFILE, trusted, PROFILE.decode_update(update), OPTIONS, NOW)


def infos(signers: Sequence[Signer], prefix: str = "node") -> list[ValidatorInfo]:
    return [
        ValidatorInfo(node_id=f"{prefix}-{n:02d}", public_key=signer.public_key, voting_power=1)
        for n, signer in enumerate(signers)
    ]


def refusal(call: Any, *arguments: Any) -> Reason:
    with pytest.raises(BridgeError) as caught:
        call(*arguments)
    return caught.value.reason


def check_run(state: ConsensusState, run: ProvenRun) -> None:
    PROFILE.verify_membership(state, run.proof, [stored.written.entry for stored in run.entries])


# blocks verify


def test_every_block_verifies_from_the_one_before_and_from_genesis():
    ledger = Ledger()
    states = [ledger.format.genesis()]
    for entries in ((), (3,), (0, 2, 1), (), (1,)):
        sealed = ledger.cut(*entries)
        state = ledger.verify(states[-1], sealed.height)
        assert state == sealed.consensus
        assert sealed.commit
        assert sealed.entry_count == sealed.provable_count == len(ledger.written)
        states.append(state)
    for height in range(1, 6):
        for trusted in states[:height]:
            assert ledger.verify(trusted, height) == states[height]
    assert refusal(ledger.format.update, ledger, 3, 3) == Reason.NON_INCREASING_HEIGHT
    assert refusal(ledger.format.update, ledger, 9, 3) == Reason.HEIGHT_NOT_FOUND


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_validator_whose_key_is_here_signs(count: int):
    signers = [generate_signer("sm3-sm2") for _ in range(count)]
    ledger = Ledger(count, signers)
    sealed = ledger.cut(1)
    assert ledger.verify(ledger.format.genesis(), 1) == sealed.consensus
    update = ChainmakerUpdate.FromString(sealed.commit)
    votes = ChainmakerVoteSet.FromString(update.vote_set)
    assert sorted(votes.votes) == [f"node-{n:02d}" for n in range(count)]
    assert (votes.type, votes.height, votes.round, len(votes.votes_by_block)) == (1, 1, 0, 0)


def test_a_quorum_of_keys_is_enough_and_fewer_make_no_ledger():
    signers = [generate_signer("sm3-sm2") for _ in range(4)]
    validators = infos(signers)
    for held in (3, 2, 0):
        arguments = (LEDGER, validators, signers[4 - held :], MemoryHighWaterMark(), START)
        if held < 3:
            assert refusal(ChainmakerFormat, *arguments) == Reason.CONFIGURATION_INVALID
            continue
        ledger = Ledger(4, signers)
        ledger.format = ChainmakerFormat(*arguments)
        for _ in range(4):  # whoever's turn it is, a validator that can sign proposes
            ledger.cut(1)
        assert ledger.verify(ledger.format.genesis(), 4).height == 4


def test_an_unsound_first_set_makes_no_ledger():
    signers = [generate_signer("sm3-sm2") for _ in range(4)]

    def start(validators: Sequence[ValidatorInfo]) -> Reason:
        return refusal(ChainmakerFormat, LEDGER, validators, signers, MemoryHighWaterMark(), START)

    assert start([]) == Reason.FIELD_REQUIRED
    assert start(infos([*signers, signers[0]])) == Reason.VALIDATOR_SET_INVALID
    assert start([*infos(signers), infos(signers)[0]]) == Reason.VALIDATOR_SET_INVALID
    assert start(infos([*signers, generate_signer("sha256-ed25519")])) == Reason.VALIDATOR_SET_INVALID
    assert start(infos([generate_signer("sm3-sm2") for _ in range(65)])) == Reason.LIMIT_EXCEEDED


def test_genesis_is_an_anchor_that_others_can_pin():
    ledger = Ledger()
    genesis = ledger.format.genesis()
    anchor = TrustAnchor(
        ledger_id=genesis.ledger_id,
        profile="chainmaker",
        suite="sm3-sm2",
        height=genesis.height,
        header_time=timestamp_of(genesis.time),
        header_hash=genesis.header_hash,
        root=genesis.root,
        next_validators_hash=genesis.next_validators_hash,
        authority_public_key=ledger.member.public_key,
        authority_suite="sm3-sm2",
    )
    assert verify_anchor(PROFILE, anchor) == genesis
    assert genesis == ledger.fresh().genesis()
    assert genesis != Ledger().format.genesis()
    ledger.cut()
    assert ChainmakerBlockHeader.FromString(ledger.blocks[0].header).pre_block_hash == genesis.header_hash


def test_a_whole_block_holds_as_a_chainmaker_node_records_it():
    ledger = Ledger()
    ledger.cut()
    for entries in ((2, 0, 3), (), (1,)):
        parent = ledger.blocks[-1]
        block = ledger.input(*entries)
        sealed = ledger.store(block)
        transactions = [ChainmakerTransaction.FromString(form) for form in sealed.transaction_forms]
        sets = [rw_set_of(t.payload.tx_id, r) for t, r in zip(transactions, block.results, strict=True)]
        signed = ChainmakerUpdate.FromString(sealed.commit)
        recording = {
            "header": as_json(ChainmakerBlockHeader.FromString(signed.header)),
            "dag": as_json(dag_of(len(entries))),
            "txs": [as_json(transaction) for transaction in transactions],
            "additional_data": {"extra_data": {VOTE_SET_KEY: base64.b64encode(signed.vote_set).decode()}},
        }
        pems = {v.node_id: public_key_to_pem("sm3-sm2", v.public_key).decode() for v in ledger.validators}
        case = {
            "block": {"block": recording, "rwset_list": [as_json(rw_set) for rw_set in sets]},
            "suite": "sm3-sm2",
            "validators": pems,
            "chain_id": LEDGER,
            "pre_block_hash": base64.b64encode(parent.header_hash).decode(),
        }
        verify_case(case)
        recording["dag"] = as_json(dag_of(len(entries) + 1))
        assert refusal(verify_case, case) == Reason.HEADER_INVALID


def as_json(message: Any) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)


def test_a_transaction_names_its_sender_and_binds_what_was_submitted():
    ledger = Ledger()
    block = ledger.input(2)
    form = ChainmakerTransaction.FromString(ledger.store(block).transaction_forms[0])
    submitted = Transaction.FromString(block.transactions[0])
    payload = encode(form.payload)
    assert payload == PROFILE.transaction_sign_bytes(LEDGER, submitted.body)
    check_signature("sm3-sm2", ledger.member.public_key, payload, form.sender.signature)
    assert form.sender.signer.org_id == "platform-1"
    assert form.sender.signer.member_info == public_key_to_pem("sm3-sm2", ledger.member.public_key)
    assert form.payload.parameters[0].value == suite("sm3-sm2").hash(submitted.body)
    assert form.result.contract_result.result == b"result data"
    assert form.result.contract_result.gas_used == 0
    assert len(form.result.contract_result.contract_event) == 2


def test_a_refused_transaction_is_in_the_block_and_proves_nothing():
    ledger = Ledger()
    block = replace(ledger.input(1), results=[TransactionResult(code=1, reason="MEMBER_UNKNOWN")])
    sealed = ledger.store(block)
    form = ChainmakerTransaction.FromString(sealed.transaction_forms[0])
    assert (form.result.code, form.result.contract_result.code) == (4, 1)
    assert form.result.message == "MEMBER_UNKNOWN"
    assert form.sender.signer.member_info == b""
    proof = encode(TransactionProof(transaction=sealed.transaction_forms[0]))
    assert refusal(PROFILE.verify_membership, sealed.consensus, proof, [OpaqueLeaf(b"")]) == Reason.PROOF_INVALID


# entries are provable


def test_every_run_of_entries_is_proven_by_its_own_blocks():
    ledger = Ledger()
    for entries in ((1,), (), (2, 0, 3), (1, 1, 1, 1, 1)):
        ledger.cut(*entries)
    assert not ledger.format.needs_proof_block()
    total = len(ledger.written)
    assert total == 11
    for first in range(total):
        for count in range(1, total - first + 1):
            runs = ledger.format.prove(ledger, first, count, 0)
            covered = [stored.position for run in runs for stored in run.entries]
            assert covered == list(range(first, first + count))
            for run in runs:
                assert run.proof_height == run.entries[0].height
                check_run(ledger.blocks[run.proof_height - 1].consensus, run)
                wrong = ledger.blocks[run.proof_height % len(ledger.blocks)].consensus
                assert refusal(check_run, wrong, run) == Reason.PROOF_INVALID
        assert ledger.format.provable_height(ledger, first) == ledger.written[first].height


def test_proofs_are_the_same_after_a_restart_and_beyond_the_trees_that_are_kept():
    ledger = Ledger(1)
    for _ in range(40):
        ledger.cut(1, 1, 1)
    again = ledger.fresh()
    again.restore(ledger)
    for first in (0, 1, 50, 119):
        assert again.prove(ledger, first, 1, 0) == ledger.format.prove(ledger, first, 1, 0)


def test_what_is_not_there_is_not_proven():
    ledger = Ledger()
    ledger.cut(2)
    ledger.cut(1)
    assert ledger.format.provable_height(ledger, 3) == 0
    for first, count in ((3, 1), (2, 2), (0, 0), (-1, 1), (0, -1)):
        assert refusal(ledger.format.prove, ledger, first, count, 0) == Reason.PACKET_NOT_FOUND
    assert refusal(ledger.format.prove, ledger, 0, 1, 2) == Reason.HEIGHT_NOT_FOUND
    assert refusal(ledger.format.prove, ledger, 0, 3, 1) == Reason.HEIGHT_NOT_FOUND
    assert len(ledger.format.prove(ledger, 2, 1, 2)) == 1


@pytest.mark.parametrize("count", range(20))
def test_the_kept_tree_is_the_verifiers_tree(count: int):
    digest = suite("sm3-sm2").hash
    leaves = [digest(bytes([n])) for n in range(count)]
    tree = TransactionTree(digest, leaves)
    assert tree.root == tree_root(digest, leaves)
    assert [tree.path(n) for n in range(count)] == [path(digest, leaves, n) for n in range(count)]


# time


def test_block_time_is_the_second_that_began_and_never_falls():
    ledger = Ledger(1)
    second = NANOS_PER_SECOND
    assert ledger.format.next_time(Nanos(START + 5 * second + 999_999_999)) == START + 5 * second
    assert ledger.format.next_time(Nanos(START - 5 * second)) == START
    ledger.store(ledger.input(1, time=Nanos(START + 7 * second)))
    assert ledger.format.next_time(Nanos(START + 6 * second)) == START + 7 * second
    same = ledger.store(ledger.input(1, time=Nanos(START + 7 * second)))
    assert ledger.verify(ledger.blocks[0].consensus, 2).time == same.time == START + 7 * second
    for time in (START + 6 * second, START + 8 * second + 1, START + 7 * second - 1):
        assert refusal(ledger.format.build, ledger.input(1, time=Nanos(time))) == Reason.STATE_CHANGED


# rotation


def test_a_rotation_makes_a_config_block_that_the_old_set_signs():
    ledger = Ledger()
    ledger.cut(1)
    before = ledger.blocks[-1].consensus
    after = infos([ledger.signers[4], ledger.signers[5], ledger.signers[0]], "new")
    config = ledger.cut(0, rotation=after)
    header = ChainmakerBlockHeader.FromString(config.header)
    assert (header.block_type, header.tx_count, header.pre_conf_height) == (1, 1, 0)
    state = ledger.verify(before, config.height)
    assert state == config.consensus
    assert state.next_validators_hash != before.next_validators_hash
    following = ledger.cut(2)
    assert ChainmakerBlockHeader.FromString(following.header).pre_conf_height == config.height
    made = ChainmakerValidatorSet.FromString(following.validators)
    assert [v.node_id for v in made.validators] == ["new-00", "new-01", "new-02"]
    assert ledger.verify(state, following.height) == following.consensus
    for run in ledger.format.prove(ledger, 0, 3, 0):
        check_run(ledger.blocks[run.proof_height - 1].consensus, run)
    assert refusal(ledger.verify, before, following.height) == Reason.NOT_ENOUGH_TRUST


def test_rotations_follow_one_another_and_survive_restarts():
    ledger = Ledger(1)
    trusted = ledger.format.genesis()
    for turn in range(5):
        ledger.cut(0, rotation=infos(ledger.signers[: turn % 3 + 1], f"turn{turn}"))
        ledger.format = ledger.fresh()
        ledger.format.restore(ledger)
        trusted = ledger.verify(trusted, 2 * turn + 1)
        ledger.cut(1)
        trusted = ledger.verify(trusted, 2 * turn + 2)
    assert trusted.height == 10


def test_a_rotation_that_could_not_be_followed_is_refused_and_the_ledger_goes_on():
    ledger = Ledger()
    strangers = [generate_signer("sm3-sm2") for _ in range(4)]
    cases = [
        (infos(strangers), Reason.CONFIGURATION_INVALID),
        (infos([*ledger.signers[:2], *strangers[:2]]), Reason.CONFIGURATION_INVALID),
        (infos([ledger.signers[0]] * 2), Reason.VALIDATOR_SET_INVALID),
        ([], Reason.FIELD_REQUIRED),
    ]
    for validators, reason in cases:
        assert refusal(ledger.format.build, ledger.input(0, rotation=validators)) == reason
    assert refusal(ledger.format.build, ledger.input(0, 0, rotation=ledger.validators)) == Reason.STATE_CHANGED
    assert ledger.cut(1).height == 1
    assert ledger.verify(ledger.format.genesis(), 1).height == 1


# crashes and double signing


def test_a_restored_format_builds_the_same_next_block():
    ledger = Ledger()
    for entries in ((), (2,), (1, 1)):
        ledger.cut(*entries)
        again = ledger.fresh()
        again.restore(ledger)
        block = ledger.input(3)
        assert again.build(block) == ledger.format.build(block)
    empty = Ledger()
    again = empty.fresh()
    again.restore(empty)
    block = empty.input(1)
    assert again.build(block) == empty.format.build(block)


def test_a_block_stored_before_a_crash_is_sealed_after_it_and_no_other():
    ledger = Ledger()
    ledger.cut(1)
    built = ledger.format.build(ledger.input(2))
    ledger.format.seal(built)  # the process dies before this is stored
    again = ledger.fresh()
    again.restore(ledger)
    stored = replace(built, leaves=(), transaction_forms=())
    sealed = again.seal(stored)
    again.advance(sealed)
    update = ChainmakerUpdate.FromString(sealed.commit)
    assert ChainmakerBlockHeader.FromString(update.header).block_hash == built.header_hash

    other = ledger.fresh()
    other.restore(ledger)
    another = other.build(ledger.input(1))
    assert another.header_hash != built.header_hash
    assert refusal(other.seal, another) == Reason.DOUBLE_SIGN_REFUSED
    assert refusal(other.seal, replace(built, header=another.header)) == Reason.STORAGE_CORRUPT


def test_blocks_follow_the_tip_and_are_sealed_before_it_moves():
    ledger = Ledger()
    ledger.cut(1)
    block = ledger.input(1)
    built = ledger.format.build(block)
    assert built.commit == b""
    assert refusal(ledger.format.advance, built) == Reason.STATE_CHANGED
    for height in (0, 1, 3):
        assert refusal(ledger.format.build, replace(block, height=height)) == Reason.STATE_CHANGED
    sealed = ledger.store(block)
    assert refusal(ledger.format.seal, built) == Reason.STATE_CHANGED
    assert refusal(ledger.format.advance, sealed) == Reason.STATE_CHANGED


def test_the_mark_moves_before_anything_is_signed():
    ledger = Ledger(1)
    signer = ledger.signers[0]
    order: list[str] = []

    class Watched:
        suite_id = signer.suite_id
        public_key = signer.public_key

        def sign(self, message: bytes) -> bytes:
            order.append("sign")
            return signer.sign(message)

    class Mark(MemoryHighWaterMark):
        def advance_all(self, height: int, digest: bytes) -> None:
            order.append("mark")
            if height == 2:
                raise PreconditionError(Reason.DOUBLE_SIGN_REFUSED)
            super().advance_all(height, digest)

    ledger.format = ChainmakerFormat(LEDGER, ledger.validators, [Watched()], Mark(), START)
    ledger.cut(1)
    assert order == ["mark", "sign", "sign"]
    assert refusal(ledger.cut, 1) == Reason.DOUBLE_SIGN_REFUSED
    assert order == ["mark", "sign", "sign", "mark"]
