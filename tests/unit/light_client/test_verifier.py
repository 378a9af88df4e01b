"""The clauses common to all profiles: order, boundaries, status, anchors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.clock import Nanos
from bridge.errors import BridgeError, DecodeError, PreconditionError, Reason, VerificationError
from bridge.light_client.cometbft import PROFILE
from bridge.light_client.entries import entry_bytes
from bridge.light_client.predicates import require_options, require_time_increases
from bridge.light_client.profiles import profile
from bridge.light_client.types import ClientStatus, Entry, TrustOptions
from bridge.light_client.verifier import client_status, verify_anchor, verify_update
from bridge.v1.transaction_pb2 import TrustAnchor
from bridge.wire import timestamp_of
from tests.unit.light_client.lightblocks import (
    LEDGER,
    NOW,
    OPTIONS,
    SET,
    START,
    TRUSTED,
    Made,
    group,
    made,
    seeded_signer,
)


def reason_of(update: Made, now: Nanos = NOW, options: TrustOptions = OPTIONS, trusted=TRUSTED) -> Reason | None:
    try:
        verify_update(PROFILE, trusted, PROFILE.decode_update(update.data), options, now)
    except BridgeError as error:
        return error.reason
    return None


def test_an_honest_header_gives_the_state_it_proves() -> None:
    update = made(2, SET)
    state = verify_update(PROFILE, TRUSTED, PROFILE.decode_update(update.data), OPTIONS, NOW)
    assert (state.ledger_id, state.height, state.time) == (LEDGER, 2, update.header.time)
    assert state.root == update.header.app_hash
    assert state.header_hash == update.block.header_hash
    assert state.next_validators_hash == SET.hash


def test_header_of_another_ledger() -> None:
    assert reason_of(made(2, SET, chain_id="hk-other")) is Reason.LEDGER_ID_MISMATCH
    assert reason_of(made(2, SET, chain_id=LEDGER + "x")) is Reason.LEDGER_ID_MISMATCH


def test_header_asks_for_another_trusted_height() -> None:
    assert reason_of(made(3, SET, trusted_height=2)) is Reason.CONSENSUS_STATE_NOT_FOUND
    assert reason_of(made(3, SET, trusted_height=0)) is Reason.CONSENSUS_STATE_NOT_FOUND


def test_height_must_rise() -> None:
    assert reason_of(made(1, SET)) is Reason.NON_INCREASING_HEIGHT
    trusted = replace(TRUSTED, height=5)
    assert reason_of(made(4, SET, trusted_height=5), trusted=trusted) is Reason.NON_INCREASING_HEIGHT


def test_time_must_rise() -> None:
    assert reason_of(made(2, SET, time=TRUSTED.time)) is Reason.NON_INCREASING_TIME
    assert reason_of(made(2, SET, time=Nanos(TRUSTED.time - 1))) is Reason.NON_INCREASING_TIME
    assert reason_of(made(2, SET, time=Nanos(TRUSTED.time + 1))) is None


def test_time_may_stand_still_where_it_has_whole_seconds() -> None:
    still = made(2, SET, time=TRUSTED.time).block
    require_time_increases(TRUSTED, still, strict=False)
    with pytest.raises(VerificationError) as caught:
        require_time_increases(TRUSTED, made(2, SET, time=Nanos(TRUSTED.time - 1)).block, strict=False)
    assert caught.value.reason is Reason.NON_INCREASING_TIME


def test_drift_boundary() -> None:
    update = made(2, SET)
    boundary = Nanos(update.header.time - OPTIONS.clock_drift)
    assert reason_of(update, now=boundary) is Reason.HEADER_FROM_FUTURE
    assert reason_of(update, now=Nanos(boundary - 1)) is Reason.HEADER_FROM_FUTURE
    assert reason_of(update, now=Nanos(boundary + 1)) is None


def test_expiry_boundary() -> None:
    end = TRUSTED.time + OPTIONS.trusting_period
    assert reason_of(made(2, SET), now=Nanos(end - 1)) is None
    assert reason_of(made(2, SET), now=Nanos(end)) is Reason.CLIENT_EXPIRED
    assert reason_of(made(2, SET), now=Nanos(end + 1)) is Reason.CLIENT_EXPIRED


def test_the_order_of_clauses_decides_the_reason() -> None:
    end = Nanos(TRUSTED.time + OPTIONS.trusting_period)
    stranger = group("wxyz")
    worst = {"chain_id": "other", "time": Nanos(TRUSTED.time - 1)}
    assert reason_of(made(1, stranger, **worst), now=end) is Reason.LEDGER_ID_MISMATCH
    worst.pop("chain_id")
    assert reason_of(made(1, stranger, **worst), now=end) is Reason.NON_INCREASING_HEIGHT
    assert reason_of(made(3, stranger, **worst), now=end) is Reason.NON_INCREASING_TIME
    assert reason_of(made(3, stranger), now=end) is Reason.CLIENT_EXPIRED
    unsigned = made(3, stranger).entry(0, signature=b"\1" * 64)
    assert reason_of(unsigned) is Reason.VALIDATOR_SET_MISMATCH


@pytest.mark.parametrize(("numerator", "denominator"), [(1, 3), (1, 2), (2, 3), (1, 1), (333, 999)])
def test_trust_levels_within_bounds(numerator: int, denominator: int) -> None:
    require_options(replace(OPTIONS, trust_numerator=numerator, trust_denominator=denominator))


@pytest.mark.parametrize(
    "change",
    [
        {"trust_numerator": 333, "trust_denominator": 1000},
        {"trust_numerator": 0},
        {"trust_denominator": 0},
        {"trust_numerator": 4, "trust_denominator": 3},
        {"trust_numerator": -1, "trust_denominator": -3},
        {"trusting_period": 0},
        {"trusting_period": -1},
        {"clock_drift": -1},
    ],
)
def test_options_out_of_bounds(change: dict[str, int]) -> None:
    with pytest.raises(DecodeError) as caught:
        require_options(replace(OPTIONS, **change))
    assert caught.value.reason is Reason.INVALID_FIELD


def test_status_of_a_client() -> None:
    end = Nanos(TRUSTED.time + OPTIONS.trusting_period)
    assert client_status(TRUSTED, OPTIONS, Nanos(end - 1), frozen=False) is ClientStatus.ACTIVE
    assert client_status(TRUSTED, OPTIONS, end, frozen=False) is ClientStatus.EXPIRED
    assert client_status(TRUSTED, OPTIONS, end, frozen=True) is ClientStatus.FROZEN
    assert client_status(TRUSTED, OPTIONS, NOW, frozen=True) is ClientStatus.FROZEN


def anchor(**changes: object) -> TrustAnchor:
    fields = {
        "ledger_id": LEDGER,
        "profile": "cometbft",
        "suite": "sha256-ed25519",
        "height": 1,
        "header_time": timestamp_of(START),
        "header_hash": b"\1" * 32,
        "root": b"\2" * 32,
        "next_validators_hash": b"\3" * 32,
        "authority_public_key": seeded_signer("authority").public_key,
        "authority_suite": "sha256-ed25519",
    }
    fields.update(changes)
    return TrustAnchor(**fields)


def test_a_whole_anchor_gives_its_state() -> None:
    state = verify_anchor(PROFILE, anchor())
    assert (state.ledger_id, state.height, state.time, state.root) == (LEDGER, 1, START, b"\2" * 32)
    assert verify_anchor(PROFILE, anchor(height=0)).height == 0


@pytest.mark.parametrize(
    "change",
    [
        {"ledger_id": ""},
        {"ledger_id": "x" * 51},
        {"profile": "chainmaker"},
        {"suite": "sm3-sm2"},
        {"height": 2**63},
        {"header_time": timestamp_of(0)},
        {"header_time": None},
        {"header_hash": b""},
        {"header_hash": bytes(32)},
        {"header_hash": b"\1" * 31},
        {"root": b""},
        {"root": b"\1" * 65},
        {"next_validators_hash": b""},
        {"next_validators_hash": bytes(32)},
        {"authority_public_key": b""},
        {"authority_public_key": bytes(32)},
        {"authority_suite": ""},
        {"authority_suite": "rot13"},
    ],
)
def test_an_empty_or_zero_anchor_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(VerificationError) as caught:
        verify_anchor(PROFILE, anchor(**change))
    assert caught.value.reason is Reason.TRUST_ANCHOR_INVALID


def test_the_default_anchor_is_refused() -> None:
    with pytest.raises(VerificationError) as caught:
        verify_anchor(PROFILE, TrustAnchor())
    assert caught.value.reason is Reason.TRUST_ANCHOR_INVALID


def test_profiles_by_id() -> None:
    assert profile("cometbft") is PROFILE
    assert profile("chainmaker").strict_time is False
    for unknown in ("", "tendermint"):
        with pytest.raises(PreconditionError) as caught:
            profile(unknown)
        assert caught.value.reason is Reason.PROFILE_UNKNOWN


def test_entry_bytes_frame_their_parts() -> None:
    assert entry_bytes(Entry(b"ab", b"c")) == b"\0\2ab\0\1c"
    assert entry_bytes(Entry(b"a", b"bc")) != entry_bytes(Entry(b"ab", b"c"))
    with pytest.raises(OverflowError):
        entry_bytes(Entry(bytes(0x10000), b""))
