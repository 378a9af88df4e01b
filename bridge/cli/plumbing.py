"""`plumbing verify-header`, `verify-membership` and `verify-bundle`: a verdict for each case of another implementer.

Other implementers check themselves with the very code the light clients run. A line, however broken, gives one verdict
and never ends the run. How a case looks belongs to the modules named `*_json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from bridge.bundle.anchor import decode_anchor_file
from bridge.bundle.verify import BundleReport, Verdict, verify_bundle
from bridge.cli import membership_json, update_json
from bridge.clock import Nanos
from bridge.errors import BridgeError, DecodeError, LimitError, Reason
from bridge.light_client.profiles import profile as installed_profile

MAX_LINE_CHARACTERS = 64 * 1024 * 1024
"""Longest case in characters: two signed headers and sets of 10,000 validators take about 10 MiB of JSON."""

_READERS = {
    "cometbft": "bridge.cli.cometbft_json",
    "chainmaker": "bridge.cli.chainmaker_json",
}
"""Module of a profile's own case form; its `verify_case` returns or raises a BridgeError."""

_FRACTION = object()
"""What a number with a fraction or exponent, an infinity or a NaN is read as: no reader takes it for anything."""

_VERDICTS = {Reason.NOT_ENOUGH_TRUST: "not_enough_trust", Reason.CLIENT_EXPIRED: "expired"}
"""Reasons that have a verdict of their own; otherwise bytes that do not decode are malformed and the rest invalid."""

_Verify = Callable[[Mapping[str, Any]], None]


def verify_header_cases(profile: str, lines: Iterable[str | bytes]) -> Iterator[str]:
    """One JSON object a line: verdict (trusted, not_enough_trust, expired, invalid, malformed), reason and detail.

    A case with `update` holds a header update as its bytes and is of any installed profile; others are in the
    profile's own form. Raises PreconditionError PROFILE_UNKNOWN before the first line for a profile that is not
    installed; nothing afterwards. Bytes are taken as well as text, so that a file that is not UTF-8 spoils only its
    own lines.
    """
    installed_profile(profile)
    own = import_module(_READERS[profile]).verify_case if profile in _READERS else _no_own_form

    def verify_case(case: Mapping[str, Any]) -> None:
        if "update" in case:
            update_json.verify_case(profile, case)
        else:
            own(case)

    return (_verdict_line(verify_case, line, "trusted") for line in lines)


def verify_membership_cases(lines: Iterable[str | bytes]) -> Iterator[str]:
    """One JSON object a line: verdict (proven, invalid, malformed), reason and detail; never raises."""
    return (_verdict_line(membership_json.verify_case, line, "proven") for line in lines)


def verify_bundle_case(bundle: bytes, anchor: bytes, now: Nanos) -> tuple[bool, str]:
    """Whether the bundle is accepted, and one JSON object with every verdict and its code; never raises."""
    try:
        report = verify_bundle(bundle, decode_anchor_file(anchor), now)
    except BridgeError as error:
        unread = Verdict(False, "NOT_JUDGED", "the anchor file cannot be read")
        report = BundleReport(Verdict(False, str(error.reason), str(error)), unread, unread)
    judged = {"integrity": report.integrity, "status": report.status, "identity": report.identity}
    parts = {name: {"accepted": v.accepted, "code": v.code, "detail": v.detail} for name, v in judged.items()}
    return report.accepted, json.dumps({"accepted": report.accepted, **parts})


def _no_own_form(_case: Mapping[str, Any]) -> None:
    raise DecodeError(Reason.FIELD_REQUIRED, "a case of this profile holds an update", field="update")


def _verdict_line(verify_case: _Verify, line: str | bytes, accepted: str) -> str:
    try:
        verify_case(_load(line))
    except BridgeError as error:
        otherwise = "malformed" if isinstance(error, DecodeError) else "invalid"
        return _answer(_VERDICTS.get(error.reason, otherwise), error.reason, str(error))
    except (RecursionError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        # A form no reader foresaw must not cost the verdicts of the lines after it.
        return _answer("malformed", Reason.MALFORMED_MESSAGE, f"not a case: {type(error).__name__}")
    return _answer(accepted, "", "")


def _load(line: str | bytes) -> Mapping[str, Any]:
    """The line as a JSON object without repeated keys, fractions or numbers of absurd length."""
    if len(line) > MAX_LINE_CHARACTERS:
        raise LimitError(Reason.LIMIT_EXCEEDED, "the line is too long", got=len(line), limit=MAX_LINE_CHARACTERS)
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line
        case = json.loads(
            text, object_pairs_hook=_object, parse_float=lambda _: _FRACTION, parse_constant=lambda _: _FRACTION
        )
    except (ValueError, RecursionError) as error:
        raise DecodeError(Reason.MALFORMED_MESSAGE, "not a line of JSON", cause=type(error).__name__) from error
    if not isinstance(case, dict):
        raise DecodeError(Reason.MALFORMED_MESSAGE, "a case is a JSON object")
    return case


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise DecodeError(Reason.MALFORMED_MESSAGE, "a key stands twice in an object")
    return fields


def _answer(verdict: str, reason: str, detail: str) -> str:
    return json.dumps({"verdict": verdict, "reason": str(reason), "detail": detail})
