"""What every test shares: property tests judge what is true, never how fast this machine was."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
