"""Two headers one honest ledger could not both have signed, and pairs that prove nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, Reason, VerificationError
from bridge.light_client.cometbft import PROFILE
from bridge.light_client.misbehaviour import require_conflict, verify_misbehaviour
from tests.unit.light_client.lightblocks import OPTIONS, SET, START, TRUSTED, Made, group, made, sign, trusted_at


def prove(first: Made, second: Made, trusted=(TRUSTED, TRUSTED)) -> None:
    sides = [(state, PROFILE.decode_update(side.data)) for state, side in zip(trusted, (first, second), strict=True)]
    verify_misbehaviour(PROFILE, sides[0], sides[1], OPTIONS)


def refuse(first: Made, second: Made, trusted=(TRUSTED, TRUSTED)) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        prove(first, second, trusted)
    assert caught.value.reason is Reason.MISBEHAVIOUR_INVALID
    return caught.value


def test_two_headers_at_one_height() -> None:
    prove(made(5, SET), made(5, SET, app_hash=b"\7" * 32))


def test_two_headers_from_two_trusted_heights() -> None:
    prove(made(5, SET), made(5, SET, trusted_height=3, app_hash=b"\7" * 32), (TRUSTED, trusted_at(3, SET)))


def test_amnesia_shows_as_two_headers_of_different_rounds() -> None:
    later = made(5, SET, app_hash=b"\7" * 32)
    later.commit = sign(later.header, SET, round=3)
    prove(made(5, SET), later)


def test_time_that_does_not_rise() -> None:
    other = made(5, SET)
    prove(made(6, SET, time=other.header.time), other)
    prove(made(6, SET, time=Nanos(other.header.time - 1)), other)


def test_forward_lunatic_header_from_the_future_is_evidence() -> None:
    century = 100 * 365 * 86_400 * NANOS_PER_SECOND
    prove(made(900, SET, time=Nanos(START + 5 * NANOS_PER_SECOND)), made(5, SET))
    prove(made(5, SET, time=Nanos(START + century)), made(5, SET))


def test_time_before_the_trusted_state_is_evidence() -> None:
    prove(made(6, SET, time=Nanos(TRUSTED.time - 1)), made(5, SET))


def test_headers_that_agree() -> None:
    refuse(made(5, SET), made(5, SET))
    refuse(made(6, SET), made(5, SET))
    refuse(made(5, SET).resign([0, 1, 2]), made(5, SET).resign([1, 2, 3]))


def test_the_higher_header_comes_first() -> None:
    refuse(made(5, SET), made(6, SET, time=Nanos(START)))


def test_where_time_may_stand_still_equal_times_are_no_offence() -> None:
    lower = made(5, SET).block
    with pytest.raises(VerificationError) as caught:
        require_conflict(made(6, SET, time=lower.time).block, lower, strict=False)
    assert caught.value.reason is Reason.MISBEHAVIOUR_INVALID
    require_conflict(made(6, SET, time=Nanos(lower.time - 1)).block, lower, strict=False)


@pytest.mark.parametrize("side", [0, 1])
def test_each_header_must_verify(side: int) -> None:
    def against(bad: Made) -> VerificationError:
        good = made(5, SET)
        return refuse(*((bad, good) if side == 0 else (good, bad)))

    fork = {"app_hash": b"\7" * 32}
    assert against(made(5, SET, **fork).resign([0, 1])).facts["cause"] is Reason.INSUFFICIENT_QUORUM
    assert against(made(5, SET, **fork).entry(0, signature=b"\1" * 64)).facts["cause"] is Reason.SIGNATURE_INVALID
    assert against(made(5, group("wxyz"), trusted_group=SET, **fork)).facts["cause"] is Reason.NOT_ENOUGH_TRUST
    assert against(made(5, SET, trusted_height=2, **fork)).facts["cause"] is Reason.CONSENSUS_STATE_NOT_FOUND
    assert against(made(5, SET, chain_id="hk-other")).facts["cause"] is Reason.LEDGER_ID_MISMATCH


def test_a_header_at_or_below_its_trusted_state_proves_nothing() -> None:
    trusted = trusted_at(5, SET)
    error = refuse(made(5, SET, trusted_height=5, app_hash=b"\7" * 32), made(5, SET), (trusted, TRUSTED))
    assert error.facts["cause"] is Reason.NON_INCREASING_HEIGHT


def test_options_are_checked() -> None:
    side = (TRUSTED, made(5, SET).block)
    with pytest.raises(DecodeError) as caught:
        verify_misbehaviour(PROFILE, side, side, replace(OPTIONS, trust_numerator=0))
    assert caught.value.reason is Reason.INVALID_FIELD
