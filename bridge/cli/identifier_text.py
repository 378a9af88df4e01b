"""SCHEME:VALUE as people type it."""

from __future__ import annotations

from bridge.cargo.identifiers import SCHEMES, normalise, require_identifier
from bridge.errors import DecodeError, Reason
from bridge.v1.identifier_pb2 import Identifier


def parse_identifier(text: str) -> Identifier:
    """The identifier in compact form; the scheme is the longest one the text begins with, since some hold a colon.

    Raises DecodeError SCHEME_UNKNOWN, INVALID_IDENTIFIER or CHECK_DIGIT_WRONG.
    """
    found = max((scheme for scheme in SCHEMES if text.startswith(f"{scheme}:")), key=len, default="")
    if not found:
        known = ", ".join(sorted(SCHEMES))
        raise DecodeError(Reason.SCHEME_UNKNOWN, f"{text}: must be SCHEME:VALUE with one of the schemes {known}")
    return Identifier(scheme=found, value=require_identifier(found, normalise(found, text[len(found) + 1 :])))
