"""How a serving process has its interpreter work: threads take turns quickly, garbage is looked for seldom."""

from __future__ import annotations

import ctypes
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


KEPT_BYTES = 64 * 1024 * 1024
"""Free memory the allocator keeps for the next batch. A delivery is copied a dozen times on its way, a megabyte each;
given back to the system after every one, that memory comes back page by page, which took a tenth of all time."""

LARGEST_HEAP_BYTES = 32 * 1024 * 1024
"""Allocations below this come from what is kept; the C library allows no more."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
"""Names of glibc's <malloc.h>."""


def tune_interpreter() -> None:
    """Set the interpreter up for serving; once, when everything is imported."""
    _keep_memory()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # what is here now stays; no search needs to pass it again
    gc.set_threshold(YOUNG_OBJECTS, OLDER_ROUNDS, OLDER_ROUNDS)


def _keep_memory() -> None:
    """Tell glibc to keep freed memory; other C libraries have no such setting and need none said."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, LARGEST_HEAP_BYTES)
