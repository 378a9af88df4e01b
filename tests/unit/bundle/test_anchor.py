"""The anchor file: JSON that gives back exactly the anchor, with every member required and no other taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.bundle.anchor import MAX_ANCHOR_BYTES, decode_anchor_file, encode_anchor_file
from bridge.errors import DecodeError, LimitError, Reason
from bridge.v1.transaction_pb2 import TrustAnchor
from bridge.wire import timestamp_of

ANCHOR = TrustAnchor(
    ledger_id="hk-trade-1",
    profile="cometbft",
    suite="sha256-ed25519",
    height=7,
    header_time=timestamp_of(1_790_000_000_123_456_789),
    header_hash=b"\1" * 32,
    root=b"\2" * 32,
    next_validators_hash=b"\3" * 32,
    authority_public_key=b"\4" * 32,
    authority_suite="sha256-ed25519",
)


def test_an_anchor_comes_back_as_it_was() -> None:
    assert decode_anchor_file(encode_anchor_file(ANCHOR)) == ANCHOR


def test_an_anchor_without_bytes_comes_back_too() -> None:
    bare = TrustAnchor(ledger_id="hk-trade-1", header_time=timestamp_of(0))
    assert decode_anchor_file(encode_anchor_file(bare)) == bare


def test_the_file_is_for_people_to_compare() -> None:
    text = encode_anchor_file(ANCHOR).decode()
    assert len(text.splitlines()) == 12
    assert '"header_hash": "' + "01" * 32 + '"' in text


@pytest.mark.parametrize("name", json.loads(encode_anchor_file(ANCHOR)))
def test_every_member_is_required(name: str) -> None:
    content = json.loads(encode_anchor_file(ANCHOR))
    del content[name]
    with pytest.raises(DecodeError, match=name) as refused:
        decode_anchor_file(json.dumps(content).encode())
    assert refused.value.reason == Reason.MALFORMED_MESSAGE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("height", "7"),
        ("height", -1),
        ("height", 2**63),
        ("height", 7.0),
        ("height", True),
        ("header_time_unix_ns", None),
        ("header_hash", "zz"),
        ("header_hash", "AB"),
        ("header_hash", "abc"),
        ("header_hash", 12),
        ("root", ["00"]),
        ("ledger_id", 5),
        ("ledger_id", "hk\n"),
        ("profile", "côme"),
    ],
)
def test_a_member_in_another_form_is_refused(name: str, value: Any) -> None:
    content = json.loads(encode_anchor_file(ANCHOR)) | {name: value}
    with pytest.raises(DecodeError) as refused:
        decode_anchor_file(json.dumps(content).encode())
    assert refused.value.reason == Reason.INVALID_FIELD
    assert refused.value.facts["field"] == name


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"null", b"\xff", b"[" * 5_000])
def test_a_file_that_holds_no_anchor_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError) as refused:
        decode_anchor_file(data)
    assert refused.value.reason == Reason.MALFORMED_MESSAGE


def test_an_unknown_member_is_refused() -> None:
    content = json.loads(encode_anchor_file(ANCHOR)) | {"trusted": True}
    with pytest.raises(DecodeError, match="trusted"):
        decode_anchor_file(json.dumps(content).encode())


def test_a_large_file_is_refused_unread() -> None:
    with pytest.raises(LimitError) as refused:
        decode_anchor_file(b" " * (MAX_ANCHOR_BYTES + 1))
    assert refused.value.reason == Reason.LIMIT_EXCEEDED
