"""The header profiles by id: the built-in ones, and those that installed packages offer through entry points.

A built-in id cannot be taken over by an installed package.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from bridge.errors import PreconditionError, Reason
from bridge.light_client.types import HeaderProfile

ENTRY_POINT_GROUP = "cargobridge.header_profiles"
"""Entry-point group; each entry names a HeaderProfile object, by convention `PROFILE`."""

_BUILT_IN = {
    "cometbft": "bridge.light_client.cometbft",
    "chainmaker": "bridge.light_client.chainmaker",
}


@cache
def profile(profile_id: str) -> HeaderProfile:
    """[PRF-1] The profile of that id; PreconditionError PROFILE_UNKNOWN when none is installed."""
    found: HeaderProfile | None = None
    if profile_id in _BUILT_IN:
        found = import_module(_BUILT_IN[profile_id]).PROFILE
    else:
        for entry_point in entry_points(group=ENTRY_POINT_GROUP, name=profile_id):
            found = entry_point.load()
    if found is None or found.profile_id != profile_id:
        raise PreconditionError(Reason.PROFILE_UNKNOWN, "no such header profile is installed", got=profile_id)
    return found
