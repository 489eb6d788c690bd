"""Memory that visitors leave behind goes back to the system.

The C library of Linux gives every thread a heap of its own and keeps what is freed there; a
server whose pages run in many threads would grow with each wave of visitors.
"""

from __future__ import annotations

import ctypes
import functools
import sys

# Names and numbers of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
HEAPS = 2
# Larger blocks go back as soon as they are free. The network's own are smaller: taking those
# anew each time would slow it down.
LARGE_BYTES = 4 << 20
FREE_BYTES = 1 << 20


@functools.cache
def give_back_early() -> None:
    """Ask the C library to, once a server; another one than Linux's has nothing to be asked."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has none, and gives back by itself
        return
    for parameter, value in (
        (M_ARENA_MAX, HEAPS),
        (M_MMAP_THRESHOLD, LARGE_BYTES),
        (M_TRIM_THRESHOLD, FREE_BYTES),
    ):
        mallopt(parameter, value)
