"""Acknowledgements [ACK-1]."""

from __future__ import annotations

import pytest

from bridge.errors import DecodeError, Reason
from bridge.protocol.acknowledgements import (
    EXPIRED_ACKNOWLEDGEMENT,
    MAX_RESULT_BYTES,
    decode_acknowledgement,
    encode_accepted,
    encode_rejected,
)
from bridge.v1.packet_pb2 import OUTCOME_ACCEPTED, OUTCOME_EXPIRED, OUTCOME_REJECTED, Acknowledgement
from bridge.wire import encode


def test_each_outcome_round_trips() -> None:
    accepted = decode_acknowledgement(encode_accepted(b"receipt"))
    assert (accepted.outcome, accepted.result, accepted.code) == (OUTCOME_ACCEPTED, b"receipt", "")
    rejected = decode_acknowledgement(encode_rejected(Reason.ISSUER_UNKNOWN))
    assert (rejected.outcome, rejected.code) == (OUTCOME_REJECTED, "ISSUER_UNKNOWN")
    assert decode_acknowledgement(EXPIRED_ACKNOWLEDGEMENT).outcome == OUTCOME_EXPIRED


@pytest.mark.parametrize(
    "acknowledgement",
    [
        Acknowledgement(),
        Acknowledgement(outcome=9),  # type: ignore[arg-type]
        Acknowledgement(outcome=OUTCOME_REJECTED),
        Acknowledgement(outcome=OUTCOME_REJECTED, code="issuer unknown"),
        Acknowledgement(outcome=OUTCOME_REJECTED, code="X" * 64),
        Acknowledgement(outcome=OUTCOME_ACCEPTED, code="ISSUER_UNKNOWN"),
        Acknowledgement(outcome=OUTCOME_ACCEPTED, result=b"x" * (MAX_RESULT_BYTES + 1)),
        Acknowledgement(outcome=OUTCOME_EXPIRED, result=b"x"),
        Acknowledgement(outcome=OUTCOME_REJECTED, code="X1", result=b"x"),
    ],
)
def test_an_outcome_with_the_wrong_parts_is_refused(acknowledgement: Acknowledgement) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_acknowledgement(encode(acknowledgement))
    assert caught.value.reason is Reason.INVALID_FIELD


@pytest.mark.parametrize(
    "data", [b"\x08\x01\x08\x01", b"\x08\x81\x00", b"\x08\x01\x12\x00", b"\x08\x01\x78\x01", b"\x0a"]
)
def test_a_second_spelling_of_an_outcome_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_acknowledgement(data)
    assert caught.value.reason is Reason.MALFORMED_MESSAGE


def test_an_acknowledgement_above_the_limit_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        decode_acknowledgement(b"\x08" * 4096)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
