"""ChainMaker transactions of the Shanghai ledger: what was submitted and what it did, as `tx_root` hashes it.

The operations themselves are not in it: a parameter binds them by digest, and the entries ride as contract events.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bridge.crypto.keys import public_key_to_pem
from bridge.ledger.types import TransactionResult
from bridge.light_client.chainmaker_bytes import (
    CONTRACT_NAME,
    ENTRY_TOPIC,
    MEMBER_PUBLIC_KEY,
    Hash,
    payload_of,
    rw_set_hash,
)
from bridge.merkle.chainmaker import tree_root
from bridge.v1.chainmaker_pb2 import (
    ChainmakerContractEvent,
    ChainmakerContractResult,
    ChainmakerDAG,
    ChainmakerEndorsementEntry,
    ChainmakerMember,
    ChainmakerNeighbor,
    ChainmakerPayload,
    ChainmakerResult,
    ChainmakerTransaction,
    ChainmakerTxRWSet,
    ChainmakerTxWrite,
)
from bridge.v1.transaction_pb2 import Transaction

CONTRACT_VERSION = "1.0"
"""Version of the bridge contract, as its events name it."""

KEYS_REMEMBERED = 1024
"""Keys whose PEM text is remembered: validators and the members that submit often, 200 bytes each."""

CONTRACT_FAILED = 4
"""ChainMaker status code of a transaction whose contract refused it (common.TxStatusCode.CONTRACT_FAIL)."""


def build_transaction(
    hash_function: Hash,
    ledger_id: str,
    submitted: bytes,
    result: TransactionResult,
    config: bytes = b"",
    signed: tuple[bytes, bytes] | None = None,
) -> ChainmakerTransaction:
    """[CMK-18] The ChainMaker transaction of a submitted one; `config` is the result of a config transaction.

    `signed` are its sign-bytes, which are its marshalled payload, and its signature, where they are at hand.

    gas_used is zero, so the marshalled message is what the leaf hashes.
    """
    if signed is not None:
        payload, signature = ChainmakerPayload.FromString(signed[0]), signed[1]
    else:
        transaction = Transaction.FromString(submitted)
        payload, signature = payload_of(hash_function, ledger_id, transaction.body), transaction.signature
    events = [
        ChainmakerContractEvent(
            topic=ENTRY_TOPIC,
            tx_id=payload.tx_id,
            contract_name=CONTRACT_NAME,
            contract_version=CONTRACT_VERSION,
            event_data=(written.entry.path.hex(), written.entry.value.hex()),
        )
        for written in result.entries
    ]
    refused = result.code != 0
    return ChainmakerTransaction(
        payload=payload,
        sender=ChainmakerEndorsementEntry(signer=_sender(payload.parameters[1].value, result), signature=signature),
        result=ChainmakerResult(
            code=CONTRACT_FAILED if refused else 0,
            contract_result=ChainmakerContractResult(
                code=1 if refused else 0,
                result=config or result.data,
                message=result.reason,
                contract_event=events,
            ),
            rw_set_hash=rw_set_hash(hash_function, rw_set_of(payload.tx_id, result)),
            message=result.reason,
        ),
    )


def rw_set_of(tx_id: str, result: TransactionResult) -> ChainmakerTxRWSet:
    """The contract's writes: one for each entry. What the adapter's store derives from them is not contract state."""
    return ChainmakerTxRWSet(
        tx_id=tx_id,
        tx_writes=[
            ChainmakerTxWrite(key=written.entry.path, value=written.entry.value, contract_name=CONTRACT_NAME)
            for written in result.entries
        ],
    )


def dag_of(count: int) -> ChainmakerDAG:
    """[SHB-6] A DAG of transactions executed one after another: each follows the one before it."""
    return ChainmakerDAG(
        vertexes=[ChainmakerNeighbor(neighbors=[index - 1] if index else []) for index in range(count)]
    )


@lru_cache(maxsize=KEYS_REMEMBERED)
def _pem_of(suite_id: str, public_key: bytes) -> bytes:
    return public_key_to_pem(suite_id, public_key)


def public_key_member(suite_id: str, org_id: str, public_key: bytes) -> ChainmakerMember:
    """A member known by its PEM public key (PermissionedWithKey mode)."""
    return ChainmakerMember(org_id=org_id, member_type=MEMBER_PUBLIC_KEY, member_info=_pem_of(suite_id, public_key))


def _sender(member_id: bytes, result: TransactionResult) -> ChainmakerMember:
    """The submitting member with the key its signature verified under; without a key when it is not known."""
    if not result.submitter_key:
        return ChainmakerMember(org_id=member_id.decode(), member_type=MEMBER_PUBLIC_KEY)
    return public_key_member(result.submitter_suite, member_id.decode(), result.submitter_key)


class TransactionTree:
    """All levels of a block's transaction tree, kept so that many paths of one block cost its hashing once."""

    def __init__(self, hash_function: Hash, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(nodes := self._levels[-1]) > 1:
            last = len(nodes) - 1
            pairs = ((nodes[left], nodes[min(left + 1, last)]) for left in range(0, len(nodes), 2))
            self._levels.append([tree_root(hash_function, pair) for pair in pairs])

    @property
    def root(self) -> bytes:
        """Root; empty for a block without transactions."""
        return self._levels[-1][0] if self._levels[-1] else b""

    def path(self, index: int) -> list[bytes]:
        """Siblings of leaf `index` from the leaves upwards, as `bridge.merkle.chainmaker.path` has them."""
        siblings = []
        for nodes in self._levels[:-1]:
            siblings.append(nodes[min(index ^ 1, len(nodes) - 1)])
            index >>= 1
        return siblings
