"""Bytes of the cometbft profile: one reading of an update, every part in its form, and what a member signs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.errors import DecodeError, LimitError, Reason
from bridge.light_client.cometbft import PROFILE
from bridge.v1.cometbft_pb2 import CometbftUpdate
from bridge.wire import encode
from tests.unit.light_client.lightblocks import SET, made


def test_update_bytes_have_one_reading() -> None:
    data = made(2, SET).data
    assert PROFILE.decode_update(data).height == 2
    for other in (data + b"\x28\x01", data + b"\x18\x00", data[:-1], data + data, b"\x80"):
        with pytest.raises(DecodeError) as caught:
            PROFILE.decode_update(other)
        assert caught.value.reason is Reason.MALFORMED_MESSAGE


def test_non_minimal_varints_are_refused() -> None:
    data = made(2, SET).data
    field = b"\x18\x01"  # trusted_height = 1
    assert data.count(field) == 1
    with pytest.raises(DecodeError) as caught:
        PROFILE.decode_update(data.replace(field, b"\x18\x81\x00"))
    assert caught.value.reason is Reason.MALFORMED_MESSAGE


def _clear(path: str) -> Callable[[CometbftUpdate], None]:
    def clear(message: CometbftUpdate) -> None:
        *parents, last = path.split(".")
        for name in parents:
            message = getattr(message, name) if not name.isdigit() else message[int(name)]  # type: ignore[index]
        message.ClearField(last)

    return clear


@pytest.mark.parametrize(
    "path",
    [
        "signed_header",
        "validator_set",
        "trusted_validators",
        "signed_header.header",
        "signed_header.commit",
        "signed_header.header.version",
        "signed_header.header.time",
        "signed_header.header.last_block_id",
        "signed_header.header.last_block_id.part_set_header",
        "signed_header.commit.block_id",
        "signed_header.commit.block_id.part_set_header",
        "signed_header.commit.signatures.0.timestamp",
    ],
)
def test_parts_the_format_always_writes_must_be_there(path: str) -> None:
    message = CometbftUpdate.FromString(made(2, SET).data)
    _clear(path)(message)
    with pytest.raises(DecodeError) as caught:
        PROFILE.decode_update(encode(message))
    assert caught.value.reason is Reason.FIELD_REQUIRED


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("signed_header.header.data_hash", b"\1" * 31),
        ("signed_header.header.validators_hash", b"\1" * 33),
        ("signed_header.header.proposer_address", b"\1" * 19),
        ("signed_header.header.chain_id", ""),
        ("signed_header.header.chain_id", "x" * 51),
        ("signed_header.header.time.nanos", 1_000_000_000),
        ("signed_header.header.time.seconds", 253_402_300_800),
        ("signed_header.header.time.seconds", -62_135_596_801),
        ("signed_header.commit.block_id.hash", b"\1" * 20),
        ("signed_header.commit.signatures.0.validator_address", b"\1" * 21),
        ("signed_header.commit.signatures.0.signature", b"\1" * 63),
        ("signed_header.commit.signatures.0.signature", b"\1" * 65),
        ("validator_set.validators.0.address", b""),
        ("validator_set.validators.0.pub_key.ed25519", b"\1" * 31),
        ("trusted_validators.validators.0.pub_key.ed25519", b""),
    ],
)
def test_values_out_of_form(path: str, value: object) -> None:
    message = CometbftUpdate.FromString(made(2, SET).data)
    target: object = message
    *parents, last = path.split(".")
    for name in parents:
        target = target[int(name)] if name.isdigit() else getattr(target, name)  # type: ignore[index]
    setattr(target, last, value)
    with pytest.raises(DecodeError) as caught:
        PROFILE.decode_update(encode(message))
    assert caught.value.reason is Reason.INVALID_FIELD


def test_empty_sets_are_malformed() -> None:
    message = CometbftUpdate.FromString(made(2, SET).data)
    message.validator_set.ClearField("validators")
    with pytest.raises(DecodeError) as caught:
        PROFILE.decode_update(encode(message))
    assert caught.value.reason is Reason.INVALID_FIELD


def test_more_than_ten_thousand_entries() -> None:
    message = CometbftUpdate.FromString(made(2, SET).data)
    entry = message.signed_header.commit.signatures[0]
    message.signed_header.commit.signatures.extend([entry] * 10_000)
    with pytest.raises(LimitError) as caught:
        PROFILE.decode_update(encode(message))
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_transaction_sign_bytes_bind_ledger_and_body() -> None:
    base = PROFILE.transaction_sign_bytes("hk", b"body")
    assert base == b"cargobridge/v1/transaction\0" + b"\0\0\0\2hk" + b"\0\0\0\4body"
    assert len({base, PROFILE.transaction_sign_bytes("hk2", b"body"), PROFILE.transaction_sign_bytes("hk", b"b")}) == 3
