"""One recorded ChainMaker block as JSON, checked with the light client's rules: a case of `plumbing verify-header`.

JSON is read strictly where something is hashed: unknown fields, wrong types, out-of-range integers and sloppy base64
are refused, because each would be lost on the way to the bytes. A recording's own extras are passed over.
Checks: header hash, quorum and proposer's signature always; dag_hash, tx_root, rw_set_root and read-write sets where
the recording holds their bytes. Source: docs/protocol.md [CMK]; chainmaker BlockInfo as the explorer records it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from cryptography import x509
from cryptography.x509.oid import NameOID
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from bridge.cli.json_values import base64_bytes, decimal, member, number, require_list, require_object, require_string
from bridge.crypto.keys import public_key_from_pem
from bridge.crypto.ports import SignatureCheck
from bridge.crypto.suites import check_signature, suite
from bridge.errors import DecodeError, LimitError, Reason, VerificationError
from bridge.light_client.chainmaker import require_block_header
from bridge.light_client.chainmaker_bytes import Hash, block_hash, dag_hash, rw_set_hash, transaction_bytes
from bridge.light_client.chainmaker_types import MAX_VALIDATORS, Validator, require_header_form, require_sound_set
from bridge.light_client.chainmaker_votes import Registry, decode_vote_set, verify_proposer, verify_quorum
from bridge.merkle.chainmaker import tree_root
from bridge.v1.chainmaker_pb2 import (
    ChainmakerBlockHeader,
    ChainmakerDAG,
    ChainmakerTransaction,
    ChainmakerTxRWSet,
)

VOTE_SET_KEY = "TBFTAddtionalDataKey"
"""Key of the vote set in additional_data.extra_data, misspelt in the original."""

MAX_ITEMS = 100_000
"""Most items of one list in a recording: more than a node's largest block has transactions."""

M = TypeVar("M", bound=Message)

_INTEGER_RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
_TEXT_INTEGERS = frozenset({FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64})


def verify_case(case: Mapping[str, Any], check: SignatureCheck = check_signature) -> None:
    """[RBK-1] Return when the block of the case is what its validators committed; BridgeError with the reason else.

    A case is `{"block": BlockInfo, "suite": id, "validators": {node id: PEM}, "chain_id": text, "pre_block_hash":
    base64 or null}`. Validators given as certificates are pinned as such, with the organisation their subject names.
    """
    suite_id = require_string(member(case, "suite"), "suite")
    hash_function = suite(suite_id).hash
    registry = _registry(suite_id, require_object(member(case, "validators"), "validators"))
    recording = require_object(member(case, "block"), "block")
    block = require_object(member(recording, "block"), "block")
    header = _filled(ChainmakerBlockHeader(), member(block, "header"), "header")
    require_header_form(header)
    recomputed = block_hash(hash_function, header)
    require_block_header(header, recomputed)
    _require_expected(header, require_string(member(case, "chain_id"), "chain_id"), case.get("pre_block_hash"))
    _require_bodies(hash_function, header, block, recording.get("rwset_list"))
    extra = member(member(block, "additional_data"), "extra_data")
    vote_set = decode_vote_set(base64_bytes(member(extra, VOTE_SET_KEY), VOTE_SET_KEY))
    verify_quorum(registry, vote_set, header.block_height, recomputed, check)
    verify_proposer(registry, header, recomputed, check)


def _registry(suite_id: str, validators: Mapping[str, object]) -> Registry:
    """[RBK-2] The validators of the case; every key must be of its suite, and no key may serve two nodes."""
    if not validators:
        raise DecodeError(Reason.FIELD_REQUIRED, "there are no validators", field="validators")
    if len(validators) > MAX_VALIDATORS:
        raise LimitError(Reason.LIMIT_EXCEEDED, "too many validators", got=len(validators), limit=MAX_VALIDATORS)
    members: list[Validator] = []
    for node_id, text in sorted(validators.items()):
        pem = require_string(text, "validators").encode(errors="replace")
        key_suite, key = public_key_from_pem(pem)
        if key_suite != suite_id:
            raise DecodeError(
                Reason.INVALID_PUBLIC_KEY, "the key is of another suite", got=key_suite, expected=suite_id
            )
        suite(suite_id).decode_public_key(key)
        certificate = pem if b"BEGIN CERTIFICATE" in pem else None
        members.append(Validator(node_id, _organisation(certificate), key, certificate))
    require_sound_set(members)
    return Registry(suite_id, members)


def _organisation(certificate: bytes | None) -> str | None:
    """Organisation a certificate's subject names; None when it names none, or there is only a key."""
    if certificate is None:
        return None
    try:
        names = x509.load_pem_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    except ValueError as error:
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "not a certificate") from error
    return str(names[0].value) if names else None


def _require_expected(header: ChainmakerBlockHeader, chain_id: str, pre_block_hash: object) -> None:
    """The header is of the chain, and follows the block, that the case expects."""
    if header.chain_id != chain_id:
        raise VerificationError(Reason.LEDGER_ID_MISMATCH, got=header.chain_id, expected=chain_id)
    if pre_block_hash is None:
        return
    expected = base64_bytes(pre_block_hash, "pre_block_hash")
    if header.pre_block_hash != expected:
        raise VerificationError(
            Reason.HEADER_HASH_MISMATCH,
            "the header follows another block",
            got=header.pre_block_hash,
            expected=expected,
        )


def _require_bodies(
    hash_function: Hash, header: ChainmakerBlockHeader, block: Mapping[str, object], rw_sets: object
) -> None:
    """What the header says of DAG, transactions and read-write sets holds, for those the recording has."""
    if block.get("dag") is not None:
        dag = _filled(ChainmakerDAG(), block["dag"], "dag")
        _require_digest("dag_hash", dag_hash(hash_function, dag), header.dag_hash)
    if block.get("txs") is None:
        return
    transactions = [_filled(ChainmakerTransaction(), item, "txs") for item in _items(block["txs"], "txs")]
    if len(transactions) != header.tx_count:
        raise VerificationError(
            Reason.HEADER_INVALID, "tx_count is wrong", got=len(transactions), expected=header.tx_count
        )
    if not transactions:
        return
    leaves = [hash_function(transaction_bytes(transaction)) for transaction in transactions]
    _require_digest("tx_root", tree_root(hash_function, leaves), header.tx_root)
    rw_hashes = [transaction.result.rw_set_hash for transaction in transactions]
    _require_digest("rw_set_root", tree_root(hash_function, rw_hashes), header.rw_set_root)
    if rw_sets is None:
        return
    recorded = [_filled(ChainmakerTxRWSet(), item, "rwset_list") for item in _items(rw_sets, "rwset_list")]
    if len(recorded) != len(transactions):
        raise VerificationError(
            Reason.HEADER_INVALID, "read-write sets are missing", got=len(recorded), expected=len(transactions)
        )
    for rw_set, expected in zip(recorded, rw_hashes, strict=True):
        _require_digest("rw_set_hash", rw_set_hash(hash_function, rw_set), expected)


def _require_digest(name: str, got: bytes, expected: bytes) -> None:
    if got != expected:
        raise VerificationError(Reason.HEADER_INVALID, f"{name} is wrong", got=got, expected=expected)


def _items(value: object, path: str) -> list[Any]:
    """A JSON array of bounded length."""
    items = require_list(value, path)
    if len(items) > MAX_ITEMS:
        raise LimitError(Reason.LIMIT_EXCEEDED, f"{path} has too many items", got=len(items), limit=MAX_ITEMS)
    return items


def _filled(message: M, values: object, path: str) -> M:
    """The message with its fields set from a JSON object; null stands for an absent field, as Go writes it.

    An object that is there but empty is a message that is there: it has bytes of its own in what is hashed.
    """
    known: Mapping[str, Any] = message.DESCRIPTOR.fields_by_name
    for name, value in require_object(values, path).items():
        place = f"{path}.{name}"
        descriptor = known.get(name)
        if descriptor is None:
            raise DecodeError(Reason.MALFORMED_MESSAGE, "unknown field", field=place)
        if value is None:
            continue
        if descriptor.is_repeated:
            _fill_repeated(message, descriptor, _items(value, place), place)
        elif descriptor.message_type is not None:
            child = getattr(message, name)
            child.SetInParent()
            _filled(child, value, place)
        else:
            setattr(message, name, _scalar(descriptor, value, place))
    return message


def _fill_repeated(message: Message, descriptor: FieldDescriptor, values: list[object], path: str) -> None:
    """Set a repeated field, item by item."""
    field = getattr(message, descriptor.name)
    for index, value in enumerate(values):
        place = f"{path}[{index}]"
        if descriptor.message_type is not None:
            _filled(field.add(), {} if value is None else value, place)
        else:
            field.append(_scalar(descriptor, value, place))


def _scalar(descriptor: FieldDescriptor, value: object, path: str) -> int | str | bytes:
    """A scalar of the field's type: an integer in range (64-bit ones also as decimal text), text, or base64."""
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        return base64_bytes(value, path)
    if descriptor.type == FieldDescriptor.TYPE_STRING:
        text = require_string(value, path)
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise DecodeError(Reason.INVALID_FIELD, f"{path}: half a surrogate pair is no text", field=path)
        return text
    read = decimal if descriptor.type in _TEXT_INTEGERS and isinstance(value, str) else number
    integer = read(value, path)
    lowest, highest = _INTEGER_RANGES[descriptor.type]
    if not lowest <= integer <= highest:
        raise DecodeError(Reason.INVALID_FIELD, f"{path}: out of range", field=path)
    return integer
