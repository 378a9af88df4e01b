"""Blocks made for Shanghai are what the light client and ChainMaker's own rules expect of them."""

import base64
from dataclasses import replace
from typing import Any

from google.protobuf.json_format import MessageToDict

from bridge.cli.chainmaker_json import VOTE_SET_KEY, verify_case
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.keys import public_key_to_pem
from bridge.crypto.suites import check_signature, suite
from bridge.errors import Reason
from bridge.ledger.types import TransactionResult
from bridge.light_client.chainmaker import PROFILE
from bridge.light_client.types import OpaqueLeaf
from bridge.light_client.verifier import verify_anchor
from bridge.v1.chainmaker_pb2 import ChainmakerBlockHeader, ChainmakerTransaction, ChainmakerUpdate
from bridge.v1.proof_pb2 import TransactionProof
from bridge.v1.transaction_pb2 import Transaction, TrustAnchor
from bridge.wire import encode, timestamp_of
from sh_adapter.transactions import dag_of, rw_set_of
from tests.unit.sh_adapter.chain import LEDGER, START, Chain, refusal


def test_every_block_verifies_from_the_one_before_and_from_genesis():
    chain = Chain()
    states = [chain.format.genesis()]
    for entries in ((), (3,), (0, 2, 1), (), (1,)):
        sealed = chain.cut(*entries)
        state = chain.follow(states[-1], sealed.height)
        assert state == sealed.consensus
        assert sealed.commit
        assert sealed.entry_count == sealed.provable_count == len(chain.written)
        states.append(state)
    for height in range(1, 6):
        for trusted in states[:height]:
            assert chain.follow(trusted, height) == states[height]
    assert refusal(chain.format.update, chain, 3, 3) == Reason.NON_INCREASING_HEIGHT
    assert refusal(chain.format.update, chain, 9, 3) == Reason.HEIGHT_NOT_FOUND


def test_genesis_is_an_anchor_that_others_can_pin():
    chain = Chain()
    genesis = chain.format.genesis()
    anchor = TrustAnchor(
        ledger_id=genesis.ledger_id,
        profile="chainmaker",
        suite="sm3-sm2",
        height=genesis.height,
        header_time=timestamp_of(genesis.time),
        header_hash=genesis.header_hash,
        root=genesis.root,
        next_validators_hash=genesis.next_validators_hash,
        authority_public_key=chain.member.public_key,
        authority_suite="sm3-sm2",
    )
    assert verify_anchor(PROFILE, anchor) == genesis
    assert genesis == chain.fresh().genesis()
    assert genesis != Chain().format.genesis()
    chain.cut()
    assert ChainmakerBlockHeader.FromString(chain.blocks[0].header).pre_block_hash == genesis.header_hash


def test_a_whole_block_holds_as_a_chainmaker_node_records_it():
    chain = Chain()
    chain.cut()
    for entries in ((2, 0, 3), (), (1,)):
        parent = chain.blocks[-1]
        block = chain.input(*entries)
        sealed = chain.store(block)
        transactions = [ChainmakerTransaction.FromString(form) for form in sealed.transaction_forms]
        sets = [rw_set_of(t.payload.tx_id, r) for t, r in zip(transactions, block.results, strict=True)]
        signed = ChainmakerUpdate.FromString(sealed.commit)
        recording = {
            "header": as_json(ChainmakerBlockHeader.FromString(signed.header)),
            "dag": as_json(dag_of(len(entries))),
            "txs": [as_json(transaction) for transaction in transactions],
            "additional_data": {"extra_data": {VOTE_SET_KEY: base64.b64encode(signed.vote_set).decode()}},
        }
        pems = {v.node_id: public_key_to_pem("sm3-sm2", v.public_key).decode() for v in chain.validators}
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
    chain = Chain()
    block = chain.input(2)
    form = ChainmakerTransaction.FromString(chain.store(block).transaction_forms[0])
    submitted = Transaction.FromString(block.transactions[0])
    payload = encode(form.payload)
    assert payload == PROFILE.transaction_sign_bytes(LEDGER, submitted.body)
    check_signature("sm3-sm2", chain.member.public_key, payload, form.sender.signature)
    assert form.sender.signer.org_id == "platform-1"
    assert form.sender.signer.member_info == public_key_to_pem("sm3-sm2", chain.member.public_key)
    assert form.payload.parameters[0].value == suite("sm3-sm2").hash(submitted.body)
    assert form.result.contract_result.result == b"result data"
    assert form.result.contract_result.gas_used == 0
    assert len(form.result.contract_result.contract_event) == 2


def test_a_refused_transaction_is_in_the_block_and_proves_nothing():
    chain = Chain()
    block = replace(chain.input(1), results=[TransactionResult(code=1, reason="MEMBER_UNKNOWN")])
    sealed = chain.store(block)
    form = ChainmakerTransaction.FromString(sealed.transaction_forms[0])
    assert (form.result.code, form.result.contract_result.code) == (4, 1)
    assert form.result.message == "MEMBER_UNKNOWN"
    assert form.sender.signer.member_info == b""
    proof = encode(TransactionProof(transaction=sealed.transaction_forms[0]))
    assert refusal(PROFILE.verify_membership, sealed.consensus, proof, [OpaqueLeaf(b"")]) == Reason.PROOF_INVALID


# time


def test_block_time_is_the_second_that_began_and_never_falls():
    chain = Chain(1)
    second = NANOS_PER_SECOND
    assert chain.format.next_time(Nanos(START + 5 * second + 999_999_999)) == START + 5 * second
    assert chain.format.next_time(Nanos(START - 5 * second)) == START
    chain.store(chain.input(1, time=Nanos(START + 7 * second)))
    assert chain.format.next_time(Nanos(START + 6 * second)) == START + 7 * second
    same = chain.store(chain.input(1, time=Nanos(START + 7 * second)))
    assert chain.follow(chain.blocks[0].consensus, 2).time == same.time == START + 7 * second
    for time in (START + 6 * second, START + 8 * second + 1, START + 7 * second - 1):
        assert refusal(chain.format.build, chain.input(1, time=Nanos(time))) == Reason.STATE_CHANGED
