"""`plumbing verify-header`: a verdict for each header verification case of a JSON lines file.

Other implementers check themselves with the very code the light clients run. A line, however broken, gives one verdict
and never ends the run. How a case looks belongs to `cometbft_json.py` and `chainmaker_json.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from bridge.errors import BridgeError, DecodeError, LimitError, PreconditionError, Reason

MAX_LINE_CHARACTERS = 64 * 1024 * 1024
"""Longest case in characters: two signed headers and sets of 10,000 validators take about 10 MiB of JSON."""

_READERS = {
    "cometbft": "bridge.cli.cometbft_json",
    "chainmaker": "bridge.cli.chainmaker_json",
}
"""Module of each profile's case form; its `verify_case` returns or raises a BridgeError."""

_FRACTION = object()
"""What a number with a fraction or exponent, an infinity or a NaN is read as: no reader takes it for anything."""

_VERDICTS = {Reason.NOT_ENOUGH_TRUST: "not_enough_trust", Reason.CLIENT_EXPIRED: "expired"}
"""Reasons that have a verdict of their own; otherwise bytes that do not decode are malformed and the rest invalid."""


def verify_header_cases(profile: str, lines: Iterable[str | bytes]) -> Iterator[str]:
    """One JSON object a line: verdict (trusted, not_enough_trust, expired, invalid, malformed), reason and detail.

    Raises PreconditionError PROFILE_UNKNOWN before the first line for a profile without a case form; nothing
    afterwards. Bytes are taken as well as text, so that a file that is not UTF-8 spoils only its own lines.
    """
    if profile not in _READERS:
        raise PreconditionError(Reason.PROFILE_UNKNOWN, "no case form for this profile", got=profile)
    verify_case = import_module(_READERS[profile]).verify_case
    return (_verdict_line(verify_case, line) for line in lines)


def _verdict_line(verify_case: Callable[[Mapping[str, Any]], None], line: str | bytes) -> str:
    try:
        verify_case(_load(line))
    except BridgeError as error:
        otherwise = "malformed" if isinstance(error, DecodeError) else "invalid"
        return _answer(_VERDICTS.get(error.reason, otherwise), error.reason, str(error))
    except (RecursionError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        # A form no reader foresaw must not cost the verdicts of the lines after it.
        return _answer("malformed", Reason.MALFORMED_MESSAGE, f"not a case: {type(error).__name__}")
    return _answer("trusted", "", "")


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
