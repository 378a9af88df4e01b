"""The parameters of light clients and who speaks for a ledger: from acts to the values a verifier works with.

Whether an anchor can carry trust is checked by `light_client.verifier.verify_anchor`; whether it deserves it is for
people to say, by signatures (`acts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.clock import NANOS_PER_SECOND
from bridge.errors import DecodeError, Reason
from bridge.light_client.types import ConsensusState, HeaderProfile, TrustOptions
from bridge.v1.transaction_pb2 import CreateClientAct, TrustAnchor
from bridge.wire import timestamp_of

MAX_TRUSTING_PERIOD_SECONDS = 10 * 366 * 86_400
"""Longest trusting period, in seconds: ten years; longer ones are slips of a unit."""

MAX_CLOCK_DRIFT_SECONDS = 600
"""Largest clock drift, in seconds: ten minutes; a ledger that is further off has a fault, not a drift."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority of a ledger, as known by its public key."""

    ledger_id: str
    suite_id: str
    public_key: bytes


def encode_anchor(profile: HeaderProfile, consensus: ConsensusState, authority: Authority) -> TrustAnchor:
    """The anchor that pins a ledger at one of its heights."""
    return TrustAnchor(
        ledger_id=consensus.ledger_id,
        profile=profile.profile_id,
        suite=profile.suite_id,
        height=consensus.height,
        header_time=timestamp_of(consensus.time),
        header_hash=consensus.header_hash,
        root=consensus.root,
        next_validators_hash=consensus.next_validators_hash,
        authority_public_key=authority.public_key,
        authority_suite=authority.suite_id,
    )


def trust_options(act: CreateClientAct) -> TrustOptions:
    """[CLI-1] The act's trust options: a trusting period, a bounded drift and a trust level in [1/3, 1].

    Raises DecodeError INVALID_FIELD.
    """
    if not 0 < act.trusting_period_seconds <= MAX_TRUSTING_PERIOD_SECONDS:
        raise DecodeError(Reason.INVALID_FIELD, "trusting period", field="trusting_period_seconds")
    if act.clock_drift_seconds > MAX_CLOCK_DRIFT_SECONDS:
        raise DecodeError(Reason.INVALID_FIELD, "clock drift", field="clock_drift_seconds", got=act.clock_drift_seconds)
    numerator, denominator = act.trust_level_numerator, act.trust_level_denominator
    if not 0 < numerator <= denominator <= 3 * numerator:
        raise DecodeError(
            Reason.INVALID_FIELD,
            "trust level is not in [1/3, 1]",
            field="trust_level",
            got=f"{numerator}/{denominator}",
        )
    return TrustOptions(
        trusting_period=act.trusting_period_seconds * NANOS_PER_SECOND,
        clock_drift=act.clock_drift_seconds * NANOS_PER_SECOND,
        trust_numerator=numerator,
        trust_denominator=denominator,
    )
