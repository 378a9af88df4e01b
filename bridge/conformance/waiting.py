"""Waits for moments that a case is about; nothing else in the kit waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bridge.clock import NANOS_PER_SECOND

if TYPE_CHECKING:
    from bridge.conformance.kit import Kit

PAUSE_SECONDS = 0.02
"""Between looks at the clock, in seconds."""


def wait_until(kit: Kit, seconds: int) -> None:
    """Return once the kit's clock has reached a UNIX second."""
    while kit.clock.now() < seconds * NANOS_PER_SECOND:
        time.sleep(PAUSE_SECONDS)
