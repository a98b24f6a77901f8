"""Counting in the memory of one process, of which there is a bound to what it takes.

The storage of limits keeps what was given back, and looks through all keys after each request that
is counted: whoever makes up accounts would have it grow, and slow everybody down.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from limits.storage import Storage

# How many keys there are at the most, and how many are left then.
MOST = 100_000
KEPT = 75_000
# How often keys whose window has ended are looked for, in seconds.
PAUSE = 5.0


@dataclass(slots=True)
class Window:
    """What one key counts, and when that ends, in Unix seconds."""

    count: int
    ends: float


class BoundedMemory(Storage):
    """Fixed windows by key.

    Where there are MOST keys, those that have counted least are forgotten, until KEPT are left. So
    nobody is refused because of others: whoever makes up accounts could otherwise keep everybody
    out. Nor does anybody get rid of a limit in that way: to have a count of five forgotten takes
    five requests for each of KEPT other keys, before its window ends.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[str, Window] = {}
        self._lock = threading.Lock()
        self._cleaned_at = time.time()

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What it raises when it is away, which it never is."""
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, from 0 where the window has ended, for ``expiry`` seconds.

        What is given back, a negative amount, leaves no less than 0, and nothing at 0.
        """
        now = time.time()
        with self._lock:
            self._clean(now)
            window = self._windows.get(key)
            if window is None or window.ends <= now:
                window = Window(0, now + expiry)
            window.count += amount
            if window.count <= 0:
                self._windows.pop(key, None)
                return 0
            self._windows[key] = window
            return window.count

    def get(self, key: str) -> int:
        """How many there are in the window of now."""
        window = self._windows.get(key)
        return window.count if window and window.ends > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When the window ends, in Unix seconds; now where there is none."""
        window = self._windows.get(key)
        return window.ends if window else time.time()

    def clear(self, key: str) -> None:
        """Forget a key."""
        with self._lock:
            self._windows.pop(key, None)

    def reset(self) -> int:
        """Forget all keys; how many there were."""
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
            return count

    def check(self) -> bool:
        """It is well."""
        return True

    def _clean(self, now: float) -> None:
        full = len(self._windows) >= MOST
        # Either way: somebody may set the clock back.
        if not full and abs(now - self._cleaned_at) < PAUSE:
            return
        self._cleaned_at = now
        for key in [key for key, window in self._windows.items() if window.ends <= now]:
            del self._windows[key]
        if full:
            # Many at a time, as each time takes a while. Of those with one count the oldest go.
            by_count = sorted(self._windows, key=lambda key: self._windows[key].count)
            for key in by_count[:-KEPT]:
                del self._windows[key]
