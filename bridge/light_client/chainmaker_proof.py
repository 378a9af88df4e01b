"""Membership in a ChainMaker block: a whole transaction under `tx_root`, and the entries its events carry.

The leaf is recomputed from the transaction's bytes and the path's direction comes from index and count, never from the
prover. Source: docs/protocol.md [CMK-13..16].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.errors import DecodeError, Reason, VerificationError
from bridge.light_client.chainmaker_bytes import CONTRACT_NAME, ENTRY_TOPIC, HASH_BYTES, gas_used
from bridge.light_client.types import OpaqueLeaf, RunElement
from bridge.merkle.chainmaker import verify_path
from bridge.v1.chainmaker_pb2 import ChainmakerContractEvent, ChainmakerTransaction
from bridge.v1.proof_pb2 import TransactionProof
from bridge.wire import MAX_MESSAGE_BYTES, decode_strict

ROOT_BYTES = HASH_BYTES + 4
"""Length of a consensus state's root in this profile: the transaction root and the count, 4 bytes big-endian."""

MAX_PROOF_BYTES = MAX_MESSAGE_BYTES
"""Largest proof in bytes; it carries a whole transaction, whose events are bounded by the largest delivery."""


def verify_transaction_proof(
    hash_function: Callable[[bytes], bytes], ledger_id: str, root: bytes, proof: bytes, elements: Sequence[RunElement]
) -> None:
    """[CMK-13..16] Return when `elements` are consecutive entries of one transaction under `root`.

    Raises DecodeError when proof or transaction are malformed, VerificationError PROOF_INVALID when they prove
    something else, LEDGER_ID_MISMATCH when the transaction is of another ledger.
    """
    if len(root) != ROOT_BYTES:
        raise VerificationError(Reason.PROOF_INVALID, "the trusted root is not of this profile", got=len(root))
    message = decode_strict(TransactionProof, proof, MAX_PROOF_BYTES)
    tx_root, count = root[:HASH_BYTES], int.from_bytes(root[HASH_BYTES:], "big")
    if message.transaction_index >= count:
        raise VerificationError(
            Reason.PROOF_INVALID, "no such transaction in the block", got=message.transaction_index, count=count
        )
    leaf = hash_function(message.transaction)
    verify_path(hash_function, leaf, message.transaction_index, count, list(message.siblings), tx_root)
    transaction = decode_bridge_transaction(ledger_id, message.transaction)
    _require_entries(entry_events(transaction), message.first_event, elements)


def decode_bridge_transaction(ledger_id: str, data: bytes) -> ChainmakerTransaction:
    """[CMK-15] [CTR-4] Transaction of this ledger that took effect, from the exact bytes a leaf hashes.

    Raises DecodeError when the bytes do not round-trip or state gas (they are hashed with none), VerificationError
    LEDGER_ID_MISMATCH for another chain, PROOF_INVALID when a result code is not success.
    """
    transaction = decode_strict(ChainmakerTransaction, data, MAX_PROOF_BYTES)
    if gas_used(transaction):
        raise DecodeError(Reason.INVALID_FIELD, "gas_used is zero in what is hashed", field="gas_used")
    if transaction.payload.chain_id != ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH,
            "the transaction is of another ledger",
            got=transaction.payload.chain_id,
            expected=ledger_id,
        )
    if not transaction.HasField("result") or not transaction.result.HasField("contract_result"):
        raise VerificationError(Reason.PROOF_INVALID, "the transaction has no result")
    if transaction.result.code or transaction.result.contract_result.code:
        raise VerificationError(Reason.PROOF_INVALID, "the transaction did not succeed", got=transaction.result.code)
    return transaction


def entry_events(transaction: ChainmakerTransaction) -> list[ChainmakerContractEvent]:
    """[CMK-16] The events that are entries, in order: of our topic and our contract; others may copy the topic."""
    events = transaction.result.contract_result.contract_event
    return [event for event in events if event.topic == ENTRY_TOPIC and event.contract_name == CONTRACT_NAME]


def _require_entries(events: Sequence[ChainmakerContractEvent], first: int, elements: Sequence[RunElement]) -> None:
    """[CMK-16] Element i is event `first + i`; an opaque element stands for any one event and carries no hash here."""
    if not elements:
        raise VerificationError(Reason.PROOF_INVALID, "a proof of nothing")
    if first + len(elements) > len(events):
        raise VerificationError(
            Reason.PROOF_INVALID, "the transaction has fewer entries", got=first + len(elements), entries=len(events)
        )
    for offset, element in enumerate(elements):
        if isinstance(element, OpaqueLeaf):
            if element.leaf_hash:
                raise VerificationError(Reason.PROOF_INVALID, "an opaque element carries a hash", index=offset)
            continue
        event = events[first + offset]
        if event.event_data != [element.path.hex(), element.value.hex()]:
            raise VerificationError(Reason.PROOF_INVALID, "the event is another entry", index=offset)
