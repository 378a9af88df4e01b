"""The checks on an untrusted header that every profile shares, one clause each.

Pure: fetching, storing and the time belong to others. Their order is decided in `verifier.py` only, and it decides
which reason is given when several clauses fail.
"""

from __future__ import annotations

from bridge.clock import Nanos
from bridge.errors import DecodeError, PreconditionError, Reason, VerificationError
from bridge.light_client.types import ConsensusState, TrustOptions, UntrustedHeader


def require_options(options: TrustOptions) -> None:
    """[UPD-1] The trusting period is above zero, the drift not below, and the trust level within [1/3, 1].

    Raises DecodeError INVALID_FIELD. A level under 1/3 lets validators that may all be faulty vouch for a new set.
    """
    if options.trusting_period <= 0:
        raise DecodeError(Reason.INVALID_FIELD, "the trusting period must be above zero", got=options.trusting_period)
    if options.clock_drift < 0:
        raise DecodeError(Reason.INVALID_FIELD, "the clock drift must not be negative", got=options.clock_drift)
    numerator, denominator = options.trust_numerator, options.trust_denominator
    if not (denominator > 0 and denominator <= numerator * 3 and numerator <= denominator):
        raise DecodeError(
            Reason.INVALID_FIELD,
            "the trust level must be within [1/3, 1]",
            field="trust_level",
            got=f"{numerator}/{denominator}",
        )


def require_trusted_height(trusted: ConsensusState, untrusted: UntrustedHeader) -> None:
    """[UPD-2] The header is judged from the height it names; PreconditionError CONSENSUS_STATE_NOT_FOUND otherwise."""
    if untrusted.trusted_height != trusted.height:
        raise PreconditionError(
            Reason.CONSENSUS_STATE_NOT_FOUND,
            "the header asks to be verified from another height",
            got=untrusted.trusted_height,
            expected=trusted.height,
        )


def require_ledger(trusted: ConsensusState, untrusted: UntrustedHeader) -> None:
    """[UPD-3] The header is of the ledger the client tracks; VerificationError LEDGER_ID_MISMATCH otherwise."""
    if untrusted.ledger_id != trusted.ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "header of another ledger", got=untrusted.ledger_id, expected=trusted.ledger_id
        )


def require_height_increases(trusted: ConsensusState, untrusted: UntrustedHeader) -> None:
    """[UPD-4] The header is above the trusted one; VerificationError NON_INCREASING_HEIGHT otherwise."""
    if untrusted.height <= trusted.height:
        raise VerificationError(
            Reason.NON_INCREASING_HEIGHT,
            "the height does not rise",
            got=untrusted.height,
            expected_above=trusted.height,
        )


def require_time_increases(trusted: ConsensusState, untrusted: UntrustedHeader, *, strict: bool) -> None:
    """[UPD-5] Time rises with height, or where it has whole seconds (`strict` false) does not fall.

    Raises VerificationError NON_INCREASING_TIME.
    """
    if not_after(trusted.time, untrusted.time, strict=strict):
        raise VerificationError(
            Reason.NON_INCREASING_TIME, "the time does not rise", got=untrusted.time, expected_above=trusted.time
        )


def require_not_from_future(untrusted: UntrustedHeader | ConsensusState, options: TrustOptions, now: Nanos) -> None:
    """[UPD-6] The header's time is below now + clock drift; VerificationError HEADER_FROM_FUTURE otherwise."""
    if not untrusted.time < now + options.clock_drift:
        raise VerificationError(
            Reason.HEADER_FROM_FUTURE,
            "the header is from the future",
            got=untrusted.time,
            expected_below=now + options.clock_drift,
        )


def require_not_expired(trusted: ConsensusState, options: TrustOptions, now: Nanos) -> None:
    """[UPD-7] The trusted state's time + trusting period is above now; PreconditionError CLIENT_EXPIRED otherwise.

    Equality is expired: validators may stop being accountable at that very moment.
    """
    if is_expired(trusted, options, now):
        raise PreconditionError(
            Reason.CLIENT_EXPIRED,
            "the trusted state is older than the trusting period",
            now=now,
            expired_at=trusted.time + options.trusting_period,
        )


def is_expired(trusted: ConsensusState, options: TrustOptions, now: Nanos) -> bool:
    """[UPD-7] True when nothing may be believed on the word of `trusted` any more."""
    return not trusted.time + options.trusting_period > now


def not_after(lower: Nanos, upper: Nanos, *, strict: bool) -> bool:
    """[UPD-5] True when `upper`, the time of a greater height, breaks the rule of rising time after `lower`."""
    return upper <= lower if strict else upper < lower
