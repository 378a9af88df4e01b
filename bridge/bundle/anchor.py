"""The anchor file: what a reader pins about a ledger, as JSON that a person can compare by eye.

{"ledger_id": "...", "profile": "cometbft", "suite": "sha256-ed25519", "height": 1, "header_time_unix_ns": 1,
 "header_hash": "hex", "root": "hex", "next_validators_hash": "hex",
 "authority_suite": "sha256-ed25519", "authority_public_key": "hex"}
"""

from __future__ import annotations

import json
from typing import Any

from bridge.errors import DecodeError, LimitError, Reason
from bridge.v1.transaction_pb2 import TrustAnchor
from bridge.wire import MAX_TIMESTAMP_SECONDS, nanos_from, timestamp_of

MAX_ANCHOR_BYTES = 16 * 1024
"""Largest anchor file, in bytes; a real one has under one kilobyte."""

_TEXTS = ("ledger_id", "profile", "suite", "authority_suite")
_HEX = ("header_hash", "root", "next_validators_hash", "authority_public_key")
_NUMBERS = {"height": 2**63 - 1, "header_time_unix_ns": MAX_TIMESTAMP_SECONDS * 1_000_000_000}


def encode_anchor_file(anchor: TrustAnchor) -> bytes:
    """The anchor as JSON text, one member a line."""
    content: dict[str, Any] = {name: getattr(anchor, name) for name in _TEXTS}
    content |= {"height": anchor.height, "header_time_unix_ns": nanos_from(anchor.header_time, "header_time")}
    content |= {name: getattr(anchor, name).hex() for name in _HEX}
    return json.dumps(content, indent=2).encode() + b"\n"


def decode_anchor_file(data: bytes) -> TrustAnchor:
    """Anchor from JSON text, every member required and none unknown; DecodeError with the member's name otherwise."""
    if len(data) > MAX_ANCHOR_BYTES:
        raise LimitError(Reason.LIMIT_EXCEEDED, "the anchor file is too large", got=len(data), limit=MAX_ANCHOR_BYTES)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DecodeError(Reason.MALFORMED_MESSAGE, "the anchor file is not JSON") from error
    expected = {*_TEXTS, *_HEX, *_NUMBERS}
    if not isinstance(content, dict) or set(content) != expected:
        got = sorted(set(content) ^ expected) if isinstance(content, dict) else type(content).__name__
        raise DecodeError(Reason.MALFORMED_MESSAGE, "an anchor file has exactly the members of an anchor", differs=got)
    numbers = {name: _number(content[name], name, most) for name, most in _NUMBERS.items()}
    anchor = TrustAnchor(height=numbers["height"], header_time=timestamp_of(numbers["header_time_unix_ns"]))
    for name in _TEXTS:
        setattr(anchor, name, _text(content[name], name))
    for name in _HEX:
        setattr(anchor, name, _bytes(content[name], name))
    return anchor


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise DecodeError(Reason.INVALID_FIELD, f"{name} must be plain text", field=name)
    return value


def _bytes(value: object, name: str) -> bytes:
    if not isinstance(value, str) or value != value.lower():
        raise DecodeError(Reason.INVALID_FIELD, f"{name} must be lower-case hex", field=name)
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise DecodeError(Reason.INVALID_FIELD, f"{name} must be lower-case hex", field=name) from error


def _number(value: object, name: str, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise DecodeError(Reason.INVALID_FIELD, f"{name} must be a whole number up to {most}", field=name)
    return value
