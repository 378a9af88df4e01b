"""Trust anchors and the parameters of light clients: from acts to the values a verifier works with.

Whether an anchor deserves trust is for people to say, by signatures (`acts.py`); here is only its form.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.clock import NANOS_PER_SECOND
from bridge.crypto.suites import suite
from bridge.errors import DecodeError, Reason
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.protocol.paths import MAX_SEQUENCE, require_ledger_id
from bridge.v1.transaction_pb2 import CreateClientAct, TrustAnchor
from bridge.wire import nanos_from, require_text, timestamp_of

MAX_TRUSTING_PERIOD_SECONDS = 10 * 366 * 86_400
"""Longest trusting period, in seconds: ten years; longer ones are slips of a unit."""

MAX_CLOCK_DRIFT_SECONDS = 600
"""Largest clock drift, in seconds: ten minutes; a ledger that is further off has a fault, not a drift."""

MAX_HASH_BYTES = 64
"""Longest hash or root in a profile's own form, in bytes; the longest today has 36."""

MAX_PROFILE_CHARACTERS = 64
"""Longest profile or suite id."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority of a ledger, as known by its public key."""

    ledger_id: str
    suite_id: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is pinned about a ledger: a height, the header format and suite, and who speaks for the ledger."""

    consensus: ConsensusState
    profile_id: str
    suite_id: str
    authority: Authority


def decode_anchor(anchor: TrustAnchor) -> Anchor:
    """[CLI-1] An anchor with every field present and in range; DecodeError otherwise.

    Refuses unknown suites and public keys that may not be registered. Zero values are refused by
    `light_client.verifier.verify_anchor`.
    """
    require_ledger_id(anchor.ledger_id, "anchor.ledger_id")
    require_text(anchor.profile, "anchor.profile", most=MAX_PROFILE_CHARACTERS)
    suite(anchor.suite)
    if anchor.height > MAX_SEQUENCE:
        raise DecodeError(Reason.INVALID_FIELD, "anchor height", field="anchor.height", got=anchor.height)
    for field in ("header_hash", "root", "next_validators_hash"):
        if not 0 < len(getattr(anchor, field)) <= MAX_HASH_BYTES:
            raise DecodeError(Reason.FIELD_REQUIRED, "an anchor has all its hashes", field=f"anchor.{field}")
    return Anchor(
        consensus=ConsensusState(
            ledger_id=anchor.ledger_id,
            height=anchor.height,
            time=nanos_from(anchor.header_time, "anchor.header_time"),
            header_hash=anchor.header_hash,
            root=anchor.root,
            next_validators_hash=anchor.next_validators_hash,
        ),
        profile_id=anchor.profile,
        suite_id=anchor.suite,
        authority=Authority(
            anchor.ledger_id,
            anchor.authority_suite,
            suite(anchor.authority_suite).decode_public_key(anchor.authority_public_key),
        ),
    )


def encode_anchor(anchor: Anchor) -> TrustAnchor:
    """The message form of an anchor."""
    consensus = anchor.consensus
    return TrustAnchor(
        ledger_id=consensus.ledger_id,
        profile=anchor.profile_id,
        suite=anchor.suite_id,
        height=consensus.height,
        header_time=timestamp_of(consensus.time),
        header_hash=consensus.header_hash,
        root=consensus.root,
        next_validators_hash=consensus.next_validators_hash,
        authority_public_key=anchor.authority.public_key,
        authority_suite=anchor.authority.suite_id,
    )


def trust_options(act: CreateClientAct) -> TrustOptions:
    """[CLI-2] The act's trust options: a trusting period, a bounded drift, a trust level in [1/3, 1]; else DecodeError."""
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
