"""One recorded ChainMaker block as JSON, checked with the light client's rules: a case of `plumbing verify-header`.

JSON is read strictly where something is hashed: unknown fields, wrong types, out-of-range integers and sloppy base64
are refused, because each would be lost on the way to the bytes. A recording's own extras are passed over.
Checks: header hash, quorum and proposer's signature always; dag_hash, tx_root, rw_set_root and read-write sets where
the recording holds their bytes. Source: docs/protocol.md [CMK]; chainmaker BlockInfo as the explorer records it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, TypeVar

from cryptography import x509
from cryptography.x509.oid import NameOID
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

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


def verify_case(case: Mapping[str, object], check: SignatureCheck = check_signature) -> None:
    """Return when the block of the case is what its validators committed; raises BridgeError with the reason otherwise.

    A case is `{"block": BlockInfo, "suite": id, "validators": {node id: PEM}, "chain_id": text, "pre_block_hash":
    base64 or null}`. Validators given as certificates are pinned as such, with the organisation their subject names.
    """
    suite_id = _text(case, "suite")
    hash_function = suite(suite_id).hash
    registry = _registry(suite_id, _object(case, "validators"))
    block = _object(_object(case, "block"), "block")
    header = ChainmakerBlockHeader()
    _fill(header, _object(block, "header"), "header")
    require_header_form(header)
    recomputed = block_hash(hash_function, header)
    require_block_header(header, recomputed)
    _require_expected(header, _text(case, "chain_id"), case.get("pre_block_hash"))
    _require_bodies(hash_function, header, block, _object(case, "block").get("rwset_list"))
    extra = _object(_object(block, "additional_data"), "extra_data")
    vote_set = decode_vote_set(_base64(extra.get(VOTE_SET_KEY), VOTE_SET_KEY))
    verify_quorum(registry, vote_set, header.block_height, recomputed, check)
    verify_proposer(registry, header, recomputed, check)


def _registry(suite_id: str, validators: Mapping[str, object]) -> Registry:
    """The validators of the case; every key must be of its suite, and no key may serve two nodes."""
    if not validators:
        raise DecodeError(Reason.FIELD_REQUIRED, "there are no validators", field="validators")
    if len(validators) > MAX_VALIDATORS:
        raise LimitError(Reason.LIMIT_EXCEEDED, "too many validators", got=len(validators), limit=MAX_VALIDATORS)
    members: list[Validator] = []
    for node_id, pem in sorted(validators.items()):
        if not isinstance(pem, str) or not node_id:
            raise _invalid("validators", "a node id and a PEM text each")
        key_suite, key = public_key_from_pem(pem.encode())
        if key_suite != suite_id:
            raise DecodeError(
                Reason.INVALID_PUBLIC_KEY, "the key is of another suite", got=key_suite, expected=suite_id
            )
        suite(suite_id).decode_public_key(key)
        certificate = pem.encode() if "BEGIN CERTIFICATE" in pem else None
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
    expected = _base64(pre_block_hash, "pre_block_hash")
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
        dag = ChainmakerDAG()
        _fill(dag, _object(block, "dag"), "dag")
        _require_digest("dag_hash", dag_hash(hash_function, dag), header.dag_hash)
    if block.get("txs") is None:
        return
    transactions = [_filled(ChainmakerTransaction(), item, "txs") for item in _list(block["txs"], "txs")]
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
    recorded = [_filled(ChainmakerTxRWSet(), item, "rwset_list") for item in _list(rw_sets, "rwset_list")]
    if len(recorded) != len(transactions):
        raise VerificationError(
            Reason.HEADER_INVALID, "read-write sets are missing", got=len(recorded), expected=len(transactions)
        )
    for rw_set, expected in zip(recorded, rw_hashes, strict=True):
        _require_digest("rw_set_hash", rw_set_hash(hash_function, rw_set), expected)


def _require_digest(name: str, got: bytes, expected: bytes) -> None:
    if got != expected:
        raise VerificationError(Reason.HEADER_INVALID, f"{name} is wrong", got=got, expected=expected)


def _filled(message: M, value: object, path: str) -> M:
    """The message, filled from its JSON object."""
    if not isinstance(value, Mapping):
        raise _invalid(path, "an object")
    _fill(message, value, path)
    return message


def _fill(message: Message, values: Mapping[str, object], path: str) -> None:
    """Set the fields of `message` from JSON; null stands for an absent field, as Go writes it.

    An object that is there but empty is a message that is there: it has bytes of its own in what is hashed.
    """
    known: Mapping[str, Any] = message.DESCRIPTOR.fields_by_name
    for name, value in values.items():
        place = f"{path}.{name}"
        descriptor = known.get(name)
        if descriptor is None:
            raise DecodeError(Reason.MALFORMED_MESSAGE, "unknown field", field=place)
        if value is None:
            continue
        if descriptor.is_repeated:
            _fill_repeated(message, descriptor, _list(value, place), place)
        elif descriptor.message_type is not None:
            child = getattr(message, name)
            child.SetInParent()
            _filled(child, value, place)
        else:
            setattr(message, name, _scalar(descriptor, value, place))


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
        return _base64(value, path)
    if descriptor.type == FieldDescriptor.TYPE_STRING:
        if not isinstance(value, str) or not _is_unicode(value):
            raise _invalid(path, "text")
        return value
    if isinstance(value, str) and descriptor.type in _TEXT_INTEGERS and _is_decimal(value):
        value = int(value)
    lowest, highest = _INTEGER_RANGES[descriptor.type]
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise _invalid(path, "an integer in range")
    return value


def _is_decimal(text: str) -> bool:
    """True for an integer written the one way it can be, of at most 20 characters."""
    digits = text.removeprefix("-")
    return 0 < len(text) <= 20 and digits.isascii() and digits.isdigit() and str(int(text)) == text


def _is_unicode(text: str) -> bool:
    """False when JSON escapes left half a surrogate pair, which no UTF-8 can hold."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _base64(value: object, path: str) -> bytes:
    """Bytes of canonical base64 text."""
    if not isinstance(value, str):
        raise _invalid(path, "base64 text")
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid(path, "base64 text") from error
    if base64.b64encode(data).decode() != value:
        raise _invalid(path, "canonical base64 text")
    return data


def _text(values: Mapping[str, object], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise DecodeError(Reason.FIELD_REQUIRED, f"{name} must be text", field=name)
    return value


def _object(values: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = values.get(name)
    if not isinstance(value, Mapping):
        raise DecodeError(Reason.FIELD_REQUIRED, f"{name} must be an object", field=name)
    return value


def _list(value: object, path: str) -> list[object]:
    if not isinstance(value, list):
        raise _invalid(path, "a list")
    if len(value) > MAX_ITEMS:
        raise LimitError(Reason.LIMIT_EXCEEDED, f"{path} has too many items", got=len(value), limit=MAX_ITEMS)
    return value


def _invalid(path: str, expected: str) -> DecodeError:
    return DecodeError(Reason.INVALID_FIELD, f"{path} must be {expected}", field=path)
