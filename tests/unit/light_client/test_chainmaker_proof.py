"""Membership proofs of the chainmaker profile: a run of events of one whole transaction, and nothing else."""

import dataclasses

import pytest

from bridge.errors import BridgeError, Reason
from bridge.light_client.chainmaker_bytes import transaction_bytes
from bridge.light_client.types import Entry, OpaqueLeaf
from bridge.v1.chainmaker_pb2 import ChainmakerTransaction
from bridge.v1.proof_pb2 import TransactionProof
from bridge.wire import encode
from tests.unit.light_client.chainmaker_forge import Forge, changed, entry_event, make_transaction

PAIRS = [(f"path-{n}".encode(), bytes([n]) * 32) for n in range(4)]
ENTRIES = [Entry(path, value) for path, value in PAIRS]


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge(count=1)


def block(count: int, index: int = 0, middle: ChainmakerTransaction | None = None) -> list[bytes]:
    """Transactions of a block; the one at `index` has the entries."""
    forms = [encode(make_transaction([], number)) for number in range(count)]
    forms[index] = encode(middle or make_transaction(PAIRS, index))
    return forms


def refused(forge: Forge, state, proof, elements, reason: Reason = Reason.PROOF_INVALID) -> None:
    with pytest.raises(BridgeError) as caught:
        forge.profile.verify_membership(state, proof if isinstance(proof, bytes) else encode(proof), elements)
    assert caught.value.reason == reason, caught.value


@pytest.mark.parametrize("count", range(1, 18))
def test_every_place_in_every_small_block_is_provable_and_no_other_index_or_count(forge: Forge, count: int):
    for index in range(count):
        forms = block(count, index)
        state, proof = forge.state(forms), forge.proof(forms, index)
        forge.profile.verify_membership(state, encode(proof), ENTRIES)
        for other in range(count + 2):
            if other != index:
                proof.transaction_index = other
                refused(forge, state, proof, ENTRIES)
        proof.transaction_index = index
        for other_count in {count - 1, count + 1, 2 * count, 0} - {count}:
            root = state.root[:32] + other_count.to_bytes(4, "big")
            moved = dataclasses.replace(state, root=root)
            if (other_count - 1).bit_length() == (count - 1).bit_length() and _same_shape(index, count, other_count):
                continue  # the path of this leaf does not touch where the trees differ; the root does not tell either
            refused(forge, moved, proof, ENTRIES)


def _same_shape(index: int, count: int, other: int) -> bool:
    """Whether the leaf's path pairs with itself at the same levels in both trees."""
    if not index < other:
        return False
    while count > 1:
        if (index ^ 1 >= count) != (index ^ 1 >= other):
            return False
        index, count, other = index >> 1, (count + 1) >> 1, (other + 1) >> 1
    return True


def test_a_repeated_last_leaf_is_not_another_transaction(forge: Forge):
    forms = block(3, 2)
    state = forge.state(forms)
    padded = forge.state([*forms, forms[2]])
    assert state.root[:32] == padded.root[:32]
    proof = forge.proof([*forms, forms[2]], 3)
    refused(forge, state, proof, ENTRIES)
    # Even with a count that says four, a leaf is never its own neighbour inside the tree.
    refused(forge, padded, proof, ENTRIES)


def test_a_path_has_exactly_its_length_and_full_hashes(forge: Forge):
    forms = block(5, 1)
    state, good = forge.state(forms), forge.proof(forms, 1)
    siblings = list(good.siblings)
    for bad in (
        siblings[:-1],
        [*siblings, siblings[-1]],
        siblings[::-1],
        [],
        [b"", *siblings[1:]],
        [siblings[0] + b"\0", *siblings[1:]],
    ):
        proof = TransactionProof(transaction_index=1, transaction=forms[1], siblings=bad)
        refused(forge, state, proof, ENTRIES)


def test_a_run_is_consecutive_events_from_the_first_one_named(forge: Forge):
    forms = block(2)
    state = forge.state(forms)
    for first in range(4):
        for last in range(first + 1, 5):
            forge.profile.verify_membership(state, encode(forge.proof(forms, 0, first)), ENTRIES[first:last])
    refused(forge, state, forge.proof(forms, 0, 1), ENTRIES)
    refused(forge, state, forge.proof(forms, 0, 1), ENTRIES[:2])
    refused(forge, state, forge.proof(forms, 0, 0), [ENTRIES[0], ENTRIES[2]])
    refused(forge, state, forge.proof(forms, 0, 0), ENTRIES[::-1])
    refused(forge, state, forge.proof(forms, 0, 4), ENTRIES[:1])
    refused(forge, state, forge.proof(forms, 0, 2**32 - 1), ENTRIES[:1])
    refused(forge, state, forge.proof(forms, 0, 0), [*ENTRIES, ENTRIES[0]])
    refused(forge, state, forge.proof(forms, 0, 0), [])


def test_an_opaque_element_stands_for_one_event_and_has_no_hash(forge: Forge):
    forms = block(2)
    state, proof = forge.state(forms), encode(forge.proof(forms, 0))
    forge.profile.verify_membership(state, proof, [ENTRIES[0], OpaqueLeaf(b""), OpaqueLeaf(b""), ENTRIES[3]])
    refused(forge, state, proof, [ENTRIES[0], OpaqueLeaf(b""), ENTRIES[3]])
    refused(forge, state, proof, [ENTRIES[0], OpaqueLeaf(b"\1" * 32)])
    refused(forge, state, proof, [*ENTRIES, OpaqueLeaf(b"")])


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b"path-1", b"\0" * 32),
        Entry(b"path-0", b"\1" * 32),
        Entry(b"path-", b"0" + b"\0" * 32),
        Entry(b"path-0", b"\0" * 31),
        Entry(b"", b"path-0" + b"\0" * 32),
        Entry(b"Path-0", b"\0" * 32),
    ],
)
def test_another_entry_is_not_proven(forge: Forge, entry: Entry):
    forms = block(1)
    refused(forge, forge.state(forms), forge.proof(forms, 0), [entry])


def test_only_events_of_our_topic_and_contract_are_entries(forge: Forge):
    transaction = make_transaction([])
    events = transaction.result.contract_result.contract_event
    path, value = PAIRS[0]
    events.append(entry_event("x", path, value, topic="cargobridge.entries"))
    events.append(entry_event("x", path, value, contract="cargobridge2"))
    forms = [encode(transaction)]
    refused(forge, forge.state(forms), forge.proof(forms, 0), ENTRIES[:1])
    refused(forge, forge.state(forms), forge.proof(forms, 0), [OpaqueLeaf(b"")])
    events.append(entry_event("x", path, value))
    forms = [encode(transaction)]
    forge.profile.verify_membership(forge.state(forms), encode(forge.proof(forms, 0)), ENTRIES[:1])


@pytest.mark.parametrize(
    "data", [["70", "00"], ["PATH", "VALUE"], [], ["706174682d30"], ["706174682d30", "00" * 32, ""]]
)
def test_event_data_is_path_and_value_in_lower_case_hex(forge: Forge, data: list[str]):
    transaction = make_transaction(PAIRS[:1])
    transaction.result.contract_result.contract_event[0].event_data[:] = data
    forms = [encode(transaction)]
    refused(forge, forge.state(forms), forge.proof(forms, 0), ENTRIES[:1])
    upper = make_transaction([(b"path-0", b"\xab" * 32)])
    upper.result.contract_result.contract_event[0].event_data[1] = "AB" * 32
    forms = [encode(upper)]
    refused(forge, forge.state(forms), forge.proof(forms, 0), [Entry(b"path-0", b"\xab" * 32)])


def _set_code(transaction: ChainmakerTransaction) -> None:
    transaction.result.code = 4


def _set_contract_code(transaction: ChainmakerTransaction) -> None:
    transaction.result.contract_result.code = 1


def _set_gas(transaction: ChainmakerTransaction) -> None:
    transaction.result.contract_result.gas_used = 1


def _set_chain(transaction: ChainmakerTransaction) -> None:
    transaction.payload.chain_id = "test-sh-2"


def _drop_result(transaction: ChainmakerTransaction) -> None:
    transaction.ClearField("result")


def _drop_contract_result(transaction: ChainmakerTransaction) -> None:
    transaction.result.ClearField("contract_result")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_set_code, Reason.PROOF_INVALID),
        (_set_contract_code, Reason.PROOF_INVALID),
        (_set_gas, Reason.INVALID_FIELD),
        (_set_chain, Reason.LEDGER_ID_MISMATCH),
        (_drop_result, Reason.PROOF_INVALID),
        (_drop_contract_result, Reason.PROOF_INVALID),
    ],
)
def test_a_transaction_must_have_taken_effect_on_this_ledger(forge: Forge, change, reason: Reason):
    forms = [changed(make_transaction(PAIRS), change)]
    refused(forge, forge.state(forms), forge.proof(forms, 0), ENTRIES[:1], reason)


def test_a_leaf_is_the_hash_of_bytes_that_read_one_way(forge: Forge):
    good = encode(make_transaction(PAIRS))
    for bad in (good + b"\x30\x01", good + good, good[:-1], b"\x0a\x00" + good, b"\xff"):
        refused(forge, forge.state([bad]), forge.proof([bad], 0), ENTRIES[:1], Reason.MALFORMED_MESSAGE)
    refused(forge, forge.state([b""]), forge.proof([b""], 0), ENTRIES[:1], Reason.LEDGER_ID_MISMATCH)


def test_a_proof_is_read_strictly(forge: Forge):
    forms = block(3)
    proof = encode(forge.proof(forms, 0))
    state = forge.state(forms)
    for bad in (proof + b"\x30\x01", proof[:-1], proof + proof, b"\x08\x00" + proof):
        refused(forge, state, bad, ENTRIES, Reason.MALFORMED_MESSAGE)
    refused(forge, state, b"", ENTRIES)


def test_no_entry_is_in_an_empty_block_or_under_a_root_of_another_profile(forge: Forge):
    forms = block(1)
    empty = dataclasses.replace(forge.state(forms), root=forge.hash(b"") + bytes(4))
    refused(forge, empty, forge.proof(forms, 0), ENTRIES)
    for root in (forge.state(forms).root[:32], forge.state(forms).root + b"\0", b""):
        refused(forge, dataclasses.replace(empty, root=root), forge.proof(forms, 0), ENTRIES)


def test_every_bit_of_a_proof_is_hashed_or_refused(forge: Forge):
    forms = block(3, 1)
    state, proof = forge.state(forms), encode(forge.proof(forms, 1))
    forge.profile.verify_membership(state, proof, ENTRIES)
    for position in range(len(proof)):
        for bit in range(0, 8, 3):
            damaged = bytearray(proof)
            damaged[position] ^= 1 << bit
            with pytest.raises(BridgeError):
                forge.profile.verify_membership(state, bytes(damaged), ENTRIES)


def test_gas_is_zeroed_before_a_transaction_is_hashed():
    transaction = make_transaction(PAIRS)
    expected = encode(transaction)
    transaction.result.contract_result.gas_used = 29853
    assert transaction_bytes(transaction) == expected
    assert transaction.result.contract_result.gas_used == 29853
    bare = ChainmakerTransaction()
    assert transaction_bytes(bare) == b""
    assert not bare.HasField("result")
