"""ChainMaker's byte rules: what a block, a vote, a transaction, a DAG and a read-write set hash or sign.

Pure functions of messages; which hash they use is the caller's. Nothing here judges.
Source: chainmaker utils/v2 block.go, transaction.go, rwset.go; consensus-tbft utils; they hold on recorded blocks.
"""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import DecodeError as ProtobufDecodeError

from bridge.errors import DecodeError, Reason
from bridge.v1.chainmaker_pb2 import (
    ChainmakerBlockHeader,
    ChainmakerDAG,
    ChainmakerKeyValuePair,
    ChainmakerPayload,
    ChainmakerTransaction,
    ChainmakerTxRWSet,
    ChainmakerValidatorSet,
    ChainmakerVote,
)
from bridge.v1.transaction_pb2 import TransactionBody
from bridge.wire import encode

Hash = Callable[[bytes], bytes]

HASH_BYTES = 32
"""Length of every digest a profile of ours uses, in bytes."""

BLOCK_NORMAL = 0
BLOCK_CONFIG = 1
BLOCK_TYPES = frozenset({BLOCK_NORMAL, BLOCK_CONFIG, 2, 4})
"""Block types a header may name: normal, config, contract management, coinbase."""

PRECOMMIT = 1
"""Vote type of the votes that commit a block (tbft.VoteType)."""

MEMBER_CERTIFICATE = 0
MEMBER_PUBLIC_KEY = 2
"""Member types whose info is a PEM certificate or a PEM public key."""

GAS_ZEROED_FROM_VERSION = 2300
"""First block version whose transaction hashes leave gas_used out; what came before hashes otherwise and is refused."""

CONTRACT_NAME = "cargobridge"
"""Contract that bridge transactions invoke and whose events are entries."""

METHOD = "execute"
"""Method of that contract."""

ENTRY_TOPIC = "cargobridge.entry"
"""Topic of an event that is an entry: event_data is path and value, lower-case hex."""


def block_hash(hash_function: Hash, header: ChainmakerBlockHeader) -> bytes:
    """[CMK-2] Hash of the marshalled header without `block_hash` and `signature`."""
    unsigned = ChainmakerBlockHeader()
    unsigned.CopyFrom(header)
    unsigned.ClearField("block_hash")
    unsigned.ClearField("signature")
    return hash_function(encode(unsigned))


def vote_sign_bytes(vote: ChainmakerVote) -> bytes:
    """[CMK-7] What a validator signs: the marshalled vote without its endorsement."""
    unsigned = ChainmakerVote()
    unsigned.CopyFrom(vote)
    unsigned.ClearField("endorsement")
    return encode(unsigned)


def transaction_bytes(transaction: ChainmakerTransaction) -> bytes:
    """[CMK-13] What a leaf of `tx_root` hashes: the whole marshalled transaction with `gas_used` zero."""
    if not gas_used(transaction):
        return encode(transaction)
    zeroed = ChainmakerTransaction()
    zeroed.CopyFrom(transaction)
    zeroed.result.contract_result.ClearField("gas_used")
    return encode(zeroed)


def gas_used(transaction: ChainmakerTransaction) -> int:
    """Gas a transaction's result states; 0 where it has none. Never creates the sub-messages it looks for."""
    if not transaction.HasField("result") or not transaction.result.HasField("contract_result"):
        return 0
    return transaction.result.contract_result.gas_used


def dag_hash(hash_function: Hash, dag: ChainmakerDAG) -> bytes:
    """Hash of the marshalled DAG, as `dag_hash` holds it."""
    return hash_function(encode(dag))


def rw_set_hash(hash_function: Hash, rw_set: ChainmakerTxRWSet) -> bytes:
    """Hash of the marshalled read-write set, as a transaction's result holds it."""
    return hash_function(encode(rw_set))


def validator_set_hash(hash_function: Hash, validators: ChainmakerValidatorSet) -> bytes:
    """[CMK-9] Hash of the set's deterministic bytes: nodes, organisations, keys and the config block they came with."""
    return hash_function(encode(validators))


def state_root(hash_function: Hash, tx_root: bytes, tx_count: int) -> bytes:
    """[CMK-14] Root a light client keeps: `tx_root | tx_count`, the count in 4 bytes, big-endian.

    An empty block has no tx_root; the hash of nothing stands for it. The count belongs to the root
    because the tree alone does not fix it: root([a, b, c]) = root([a, b, c, c]).
    """
    return (tx_root or hash_function(b"")) + tx_count.to_bytes(4, "big")


def payload_of(hash_function: Hash, ledger_id: str, body: bytes) -> ChainmakerPayload:
    """[CMK-17] The payload a TransactionBody's bytes stand for: it binds them by digest and names submitter and key.

    DecodeError MALFORMED_MESSAGE when `body` is no TransactionBody. That it round-trips is the application's rule.
    """
    parsed = TransactionBody()
    try:
        parsed.ParseFromString(body)
    except ProtobufDecodeError as error:
        raise DecodeError(Reason.MALFORMED_MESSAGE, "not a TransactionBody") from error
    digest = hash_function(body)
    return ChainmakerPayload(
        chain_id=ledger_id,
        tx_id=digest.hex(),
        timestamp=parsed.submission_time.seconds,
        contract_name=CONTRACT_NAME,
        method=METHOD,
        parameters=[
            ChainmakerKeyValuePair(key="operations_digest", value=digest),
            ChainmakerKeyValuePair(key="member_id", value=parsed.member_id.encode()),
            ChainmakerKeyValuePair(key="key_id", value=parsed.key_id.encode()),
        ],
    )
