"""How the process asks the system for memory, and when it gives it back (mallopt(3))."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Any

# The parameters' numbers in glibc's malloc.h.
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
# From which size on a block goes back to the system when it is freed, in bytes.
LARGE = 2**20


def be_sparing() -> None:
    """Have all threads share what is free, and what a large block takes go back at once.

    By itself glibc gives each thread an arena of its own, so that what one has freed no other one
    uses. And it raises the threshold to the size of the first large block that is freed: it would
    keep the 19 MiB of a hash by Argon2, once for each thread that has made one. To give them back
    costs a hash the pages that it has to ask for, about a third of its time; but logins are rare,
    and threads are many.
    """
    # Other libraries of C have no such thing, or no such habit.
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE)


def includeme(_config: Any) -> None:
    """Set it, before there are threads."""
    be_sparing()
