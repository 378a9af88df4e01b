"""Verification cases of any profile that hold a header update as its bytes, and the trust options of every case.

This is the form the conformance kit speaks to verifiers in: the message a relayer would deliver, the state it is to be
verified from, and the clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bridge.cli.json_values import base64_bytes, decimal, hexadecimal, member, number, require_string, rfc3339
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, Reason
from bridge.light_client.predicates import require_options
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import verify_update

MAX_INT64 = 2**63 - 1
"""Largest height and largest number of nanoseconds: what stores and messages hold."""

_FRACTION = re.compile(r"([1-9][0-9]{0,17})/([1-9][0-9]{0,17})", re.ASCII)


def verify_case(profile_id: str, case: Mapping[str, Any]) -> None:
    """[CASE-5] Return when the update is to be believed from `trusted`; raise the BridgeError that says why not."""
    rules = profile(profile_id)
    trusted = read_state(member(case, "trusted"))
    options, now = read_options(case), rfc3339(member(case, "now"), "now")
    untrusted = rules.decode_update(base64_bytes(member(case, "update"), "update"))
    verify_update(rules, trusted, untrusted, options, now)


def read_state(value: Any) -> ConsensusState:
    """A trusted state of its JSON form; DecodeError otherwise."""
    return ConsensusState(
        ledger_id=require_string(member(value, "ledger_id"), "ledger_id"),
        height=_in_range(decimal(member(value, "height"), "height"), "height", MAX_INT64),
        time=rfc3339(member(value, "time"), "time"),
        header_hash=hexadecimal(member(value, "header_hash"), "header_hash"),
        root=hexadecimal(member(value, "root"), "root"),
        next_validators_hash=hexadecimal(member(value, "next_validators_hash"), "next_validators_hash"),
    )


def read_options(case: Mapping[str, Any]) -> TrustOptions:
    """Trusting period, clock drift and trust level of a case; DecodeError otherwise."""
    level = _FRACTION.fullmatch(require_string(member(case, "trust_level"), "trust_level"))
    if level is None:
        raise DecodeError(Reason.INVALID_FIELD, "trust_level: a fraction such as 1/3 is expected", field="trust_level")
    options = TrustOptions(
        trusting_period=_seconds(case, "trusting_period_s"),
        clock_drift=_seconds(case, "clock_drift_s"),
        trust_numerator=int(level[1]),
        trust_denominator=int(level[2]),
    )
    require_options(options)
    return options


def _seconds(case: Mapping[str, Any], name: str) -> Nanos:
    seconds = _in_range(number(member(case, name), name), name, MAX_INT64 // NANOS_PER_SECOND)
    return Nanos(seconds * NANOS_PER_SECOND)


def _in_range(value: int, name: str, most: int) -> int:
    if not 0 <= value <= most:
        raise DecodeError(Reason.INVALID_FIELD, f"{name}: out of range", field=name, got=value)
    return value
