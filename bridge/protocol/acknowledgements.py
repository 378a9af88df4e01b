"""Acknowledgements: the one outcome of a packet, in the one byte form that is committed and compared.

Several byte strings that read as one acknowledgement have halted chains (ibc-go ISA-2025-001), so decoding is strict
and comparisons are of bytes.
"""

from __future__ import annotations

import re

from bridge.errors import DecodeError, Reason
from bridge.v1.packet_pb2 import OUTCOME_ACCEPTED, OUTCOME_EXPIRED, OUTCOME_REJECTED, Acknowledgement
from bridge.wire import decode_strict, encode, require_known_enum

MAX_ACKNOWLEDGEMENT_BYTES = 2048
"""Largest acknowledgement, in bytes: an outcome with a code or a small receipt."""

MAX_RESULT_BYTES = 1024
"""Largest application result, in bytes; a RecordReceipt takes about 30."""

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,62}")

EXPIRED_ACKNOWLEDGEMENT = encode(Acknowledgement(outcome=OUTCOME_EXPIRED))


def encode_accepted(result: bytes = b"") -> bytes:
    """Bytes of ACCEPTED with the application's result."""
    return encode(Acknowledgement(outcome=OUTCOME_ACCEPTED, result=result))


def encode_rejected(code: str) -> bytes:
    """Bytes of REJECTED with its stable reason; the text for people stays out of what is committed."""
    return encode(Acknowledgement(outcome=OUTCOME_REJECTED, code=code))


def decode_acknowledgement(data: bytes) -> Acknowledgement:
    """[ACK-1] An acknowledgement: a known outcome, a code exactly when REJECTED, a result only when ACCEPTED.

    Raises DecodeError (MALFORMED_MESSAGE, INVALID_FIELD) or LimitError LIMIT_EXCEEDED.
    """
    acknowledgement = decode_strict(Acknowledgement, data, MAX_ACKNOWLEDGEMENT_BYTES)
    outcome = require_known_enum(acknowledgement, "outcome")
    code, result = acknowledgement.code, acknowledgement.result
    if (outcome == OUTCOME_REJECTED) != bool(code) or (code and _CODE.fullmatch(code) is None):
        raise DecodeError(Reason.INVALID_FIELD, "a code goes with REJECTED, and only with it", field="code", got=code)
    if (result and outcome != OUTCOME_ACCEPTED) or len(result) > MAX_RESULT_BYTES:
        raise DecodeError(Reason.INVALID_FIELD, "a result goes with ACCEPTED", field="result", got=len(result))
    return acknowledgement
