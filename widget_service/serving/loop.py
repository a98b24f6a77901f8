"""What the server waits with for connections that have something to say.

In waitress's own loop every connection is asked, twice for each request that anybody makes, what it
wants, and the loop is woken after each answer. Here what costs time is what happens, however many
connections there are on which nothing does.
"""

from __future__ import annotations

import selectors
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from typing import Any

from waitress import wasyncore

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Loop(dict[int, Any]):
    """The sockets of a server, by their files: waitress puts them in, and takes them out.

    What a socket no longer wants is taken back lazily: only when it happens in vain. Most often the
    socket wants it again by then, and so while requests come one after another the system need not
    be told anything.

    Only the thread that calls :meth:`turn` may put sockets in and take them out.
    """

    def __init__(self) -> None:
        super().__init__()
        # Whose loop this is.
        self.thread: int | None = None
        self._selector = selectors.DefaultSelector()
        self._watched: dict[int, int] = {}
        # Sockets that may want something else now; any thread adds to it.
        self._changed: deque[Any] = deque()
        # Whoever compares what a socket wants with what it is watched for holds it: a thread that
        # changes what its socket wants and then looks must not miss the loop that does the same.
        self._lock = threading.Lock()

    def __setitem__(self, file: int, watched: Any) -> None:
        super().__setitem__(file, watched)
        # To be asked later: this is called while it is made.
        self._changed.append(watched)

    def __delitem__(self, file: int) -> None:
        super().__delitem__(file)
        if self._watched.pop(file, 0):
            with suppress(KeyError):  # it could not be registered
                self._selector.unregister(file)

    def turn(self, timeout: float, always: Iterable[Any]) -> None:
        """Wait until something happens, and let the sockets do what they do then.

        :param always: those that change their minds by themselves
        """
        self.thread = threading.get_ident()
        self._changed.extend(always)
        while self._changed:
            self._watch(self._changed.popleft())
        for key, events in self._selector.select(timeout):
            # An event before this one may have closed it; its number may be another's by now.
            if self.get(key.fd) is not key.data:
                continue
            happened = events & _wants(key.data)
            if happened & READ:
                wasyncore.read(key.data)
            if happened & WRITE:
                wasyncore.write(key.data)
            self._watch(key.data, in_vain=not happened)

    def is_deaf_to(self, watched: Any) -> bool:
        """Does a socket want what it is not watched for? Then :meth:`ask` it; from any thread."""
        with self._lock:
            return bool(_wants(watched) & ~self._watched.get(_file(watched), 0))

    def ask(self, watched: Any) -> None:
        """Have a socket asked what it wants, at the next turn; from any thread."""
        self._changed.append(watched)

    def _watch(self, watched: Any, *, in_vain: bool = False) -> None:
        """Watch a socket for what it wants.

        :param in_vain: something happened that it does not want: do not watch it for that any more
        """
        file = _file(watched)
        if file not in self or self[file] is not watched:
            return  # closed
        # What one that listens wants no other thread changes; and when it is asked it may close
        # others, for which it may have to wait until a thread has done with them that wants this.
        with nullcontext() if watched.accepting else self._lock:
            before = self._watched.get(file, 0)
            wanted = _wants(watched) | (0 if in_vain else before)
            if wanted == before:
                return
            self._watched[file] = wanted
        try:
            if not before:
                self._selector.register(file, wanted, watched)
            elif wanted:
                self._selector.modify(file, wanted, watched)
            else:
                self._selector.unregister(file)
        except (OSError, ValueError):
            # The system watches no more: this one is closed, and the others are served.
            watched.handle_error()


def _file(watched: Any) -> int:
    """The number of a socket's file, and -1 for one that is closed."""
    return -1 if watched._fileno is None else watched._fileno  # noqa: SLF001  (no public way)


def _wants(watched: Any) -> int:
    """What a socket waits for: one that listens waits to be read."""
    writes = watched.writable() and not watched.accepting
    return (READ if watched.readable() else 0) | (WRITE if writes else 0)
