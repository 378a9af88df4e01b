"""The act file: an act on its way between two authorities, with the signatures it has so far.

{"kind": "close-packets", "act": "hex", "signatures": {"hk-trade-1": "hex"}}

What the act says is read from its bytes, never from beside them: those are what is signed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.cli.record_view import time_text
from bridge.errors import DecodeError, LimitError, Reason
from bridge.protocol.acts import MAX_ACT_BYTES, decode_close_packets, decode_recover_client, decode_signed_act
from bridge.v1.transaction_pb2 import ActSignature, ClosePacketsAct, RecoverClientAct, SignedAct
from bridge.wire import encode, nanos_from

CLOSE_PACKETS = "close-packets"
RECOVER_CLIENT = "recover-client"

MAX_FILE_BYTES = 4 * MAX_ACT_BYTES
"""Largest act file, in bytes: the act in hex, two signatures, and room for line breaks."""

TwoPersonAct = ClosePacketsAct | RecoverClientAct

_DECODERS: dict[str, Callable[[bytes], TwoPersonAct]] = {
    CLOSE_PACKETS: decode_close_packets,
    RECOVER_CLIENT: decode_recover_client,
}


def encode_act_file(kind: str, signed: SignedAct) -> bytes:
    """The act as JSON text."""
    signatures = {each.ledger_id: each.signature.hex() for each in signed.signatures}
    return json.dumps({"kind": kind, "act": signed.act.hex(), "signatures": signatures}, indent=2).encode() + b"\n"


def decode_act_file(data: bytes) -> tuple[str, TwoPersonAct, SignedAct]:
    """Kind, act and signed act of a file's text, decoded as strictly as the ledger will; DecodeError otherwise."""
    if len(data) > MAX_FILE_BYTES:
        raise LimitError(Reason.LIMIT_EXCEEDED, "the act file is too large", got=len(data), limit=MAX_FILE_BYTES)
    try:
        content = json.loads(data)
        kind = content["kind"]
        act = bytes.fromhex(content["act"])
        signatures = {str(name): bytes.fromhex(text) for name, text in content["signatures"].items()}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise DecodeError(Reason.MALFORMED_MESSAGE, "this is no act file") from error
    if set(content) != {"kind", "act", "signatures"} or kind not in _DECODERS:
        raise DecodeError(Reason.MALFORMED_MESSAGE, "this is no act file")
    parts = [ActSignature(ledger_id=name, signature=signature) for name, signature in signatures.items()]
    signed = decode_signed_act(encode(SignedAct(act=act, signatures=parts)))
    decoded = _DECODERS[kind](act)
    return kind, decoded, signed


def read_act_file(path: Path) -> tuple[str, TwoPersonAct, SignedAct]:
    """As `decode_act_file`, of a file; DecodeError CONFIGURATION_INVALID when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: cannot be read: {error.strerror}") from error
    return decode_act_file(data)


def write_act_file(path: Path, kind: str, signed: SignedAct) -> None:
    """Write the file whole; DecodeError CONFIGURATION_INVALID when it cannot be written."""
    try:
        path.write_bytes(encode_act_file(kind, signed))
    except OSError as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: cannot be written: {error.strerror}") from error


def signing_ledgers(act: TwoPersonAct) -> tuple[str, str]:
    """The ledgers whose authorities sign it: first the one it takes effect on."""
    other = act.counterparty_ledger_id if isinstance(act, ClosePacketsAct) else act.anchor.ledger_id
    return act.ledger_id, other


def act_as_dict(kind: str, act: TwoPersonAct, signed: SignedAct) -> dict[str, Any]:
    """Everything an authority should read before it signs, as plain values."""
    shown: dict[str, Any] = {
        "kind": kind,
        "ledger_id": act.ledger_id,
        "client_id": act.client_id,
        "reason": act.reason,
        "needs": list(signing_ledgers(act)),
        "signed_by": [each.ledger_id for each in signed.signatures],
    }
    if isinstance(act, ClosePacketsAct):
        shown |= {
            "counterparty_ledger_id": act.counterparty_ledger_id,
            "counterparty_client_id": act.counterparty_client_id,
            "act_time": time_text(nanos_from(act.act_time, "act_time")),
            "packets": [
                {
                    "sequence": each.sequence,
                    "timeout_seconds": each.timeout_seconds,
                    "payloads_digest": each.payloads_digest.hex(),
                }
                for each in act.packets
            ],
        }
    else:
        shown |= {
            "anchor_height": act.anchor.height,
            "anchor_time": time_text(nanos_from(act.anchor.header_time, "header_time")),
            "anchor_header_hash": act.anchor.header_hash.hex(),
        }
    return shown
