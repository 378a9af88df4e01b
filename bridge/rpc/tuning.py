"""How a serving process has its interpreter work: threads take turns quickly, garbage is looked for seldom."""

from __future__ import annotations

import gc
import sys

SWITCH_SECONDS = 0.0005
"""Seconds a thread keeps the interpreter while another wants it: the event loop answers a call in several turns, and
at Python's 5 ms each of them would wait so long for a thread that decodes or executes."""

YOUNG_OBJECTS = 50_000
"""Objects made, less those freed, before the youngest are searched for cycles: a delivery makes ten thousand that are
all alive while it executes, and searching them every 700 took a quarter of its time."""

OLDER_ROUNDS = 20
"""Searches of one generation before the next older one is searched."""


def tune_interpreter() -> None:
    """Set the interpreter up for serving; once, when everything is imported."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # what is here now stays; no search needs to pass it again
    gc.set_threshold(YOUNG_OBJECTS, OLDER_ROUNDS, OLDER_ROUNDS)
