"""How the process asks the system for memory, gives it back (mallopt(3)), and looks for garbage."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# The parameters' numbers in glibc's malloc.h.
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8

SPARING = {
    M_ARENA_MAX: 1,
    # From which size on a block goes back to the system when it is freed, in bytes.
    M_MMAP_THRESHOLD: 2**20,
}


def be_sparing() -> None:
    """Have all threads share what is free, and what a large block takes go back at once.

    By itself glibc gives threads arenas of their own, up to eight for each processor, so that what
    one has freed others cannot use. And it raises the threshold to the size of the first large
    block that is freed: it would keep the 7 MiB of a hash by Argon2, once for each arena. To give
    them back costs a hash the pages that it has to ask for, a tenth of its time; but logins are
    rare.
    """
    said = _said_by_the_operator()
    # Other libraries of C have no such thing, or no such habit.
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter in SPARING.keys() - said:
            mallopt(parameter, SPARING[parameter])


def _said_by_the_operator() -> set[int]:
    """What is in the variables that glibc has for it, which its functions would undo."""
    arenas = "MALLOC_ARENA_MAX" in os.environ or "arena_max" in os.getenv("GLIBC_TUNABLES", "")
    return {M_ARENA_MAX} if arenas else set()


@contextmanager
def collecting_later() -> Iterator[None]:
    """A block that makes hardly anything but what stays, so that no garbage is looked for in it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            # What was made counts as old, without having been looked through for that. Not where
            # somebody keeps things out of the collector's sight: they would come into it again.
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def includeme(_config: Any) -> None:
    """Set it for the process."""
    be_sparing()
