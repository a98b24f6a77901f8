"""Hashing in its place: so many at a time, so many that wait, and a 503 for whoever is beyond.

A hash is made to be slow, and whoever waits for one holds a thread of the server. If logins could
take all threads, nothing else would be answered while somebody tries passwords.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from widget_service import settings
from widget_service.errors import RETRY_AFTER, UNAVAILABLE, ServiceError
from widget_service.workers import step_aside


class Busy(ServiceError):
    """503: as many passwords as the service takes on are being hashed."""

    status = 503

    def __init__(self) -> None:
        super().__init__(UNAVAILABLE, {"Retry-After": RETRY_AFTER})


class Gate:
    """Threads that hash: so many, and so many requests wait for them, first come, first served."""

    def __init__(self, concurrency: int, queue: int, wait: float) -> None:
        """:param wait: seconds"""
        self.concurrency = concurrency
        self._most = concurrency + queue
        self._wait = wait
        self.begin()
        GATES.add(self)

    def begin(self) -> None:
        """Have nobody inside."""
        # How many hash or wait.
        self.inside = 0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(self.concurrency, "hashing")

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """What a function returns, which is called when there is a thread for it.

        :raises Busy: too many wait already, or it took too long
        """
        with self._lock:
            if self.inside >= self._most:
                raise Busy
            wait = self._wait if self.inside >= self.concurrency else None
            self.inside += 1
        future = self._threads.submit(self._call, function, args)
        step_aside()
        try:
            return future.result(wait)
        except TimeoutError:
            if future.cancel():
                self._leave()
                raise Busy from None
        # It has begun.
        return future.result()

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            return function(*args)
        finally:
            # Before anybody knows the result: who does may come again.
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self.inside -= 1


GATES: weakref.WeakSet[Gate] = weakref.WeakSet()


def _begin_anew() -> None:
    # A process that was forked has the threads of the other one by name only.
    for gate in GATES:
        gate.begin()


os.register_at_fork(after_in_child=_begin_anew)


class GatedPasswords:
    """Passwords that are hashed and verified behind a gate."""

    def __init__(self, passwords: Any, gate: Gate) -> None:
        self.passwords = passwords
        self.gate = gate

    def hash(self, password: str) -> str:
        """As :meth:`Passwords.hash`.

        :raises Busy: at another time
        """
        return self.gate.run(self.passwords.hash, password)  # type: ignore[no-any-return]

    def verify(self, password: str, password_hash: str | None) -> bool:
        """As :meth:`Passwords.verify`.

        :raises Busy: at another time, whoever it is
        """
        return self.gate.run(self.passwords.verify, password, password_hash)  # type: ignore[no-any-return]

    def upgraded(self, password: str, password_hash: str) -> str | None:
        """A new hash of a password that was verified, where the old one is outdated.

        None at a busy time as well: there will be other logins.
        """
        # Not behind the gate: hardly any is, and who has waited for one hash would wait again.
        if not self.passwords.is_outdated(password_hash):
            return None
        try:
            return self.hash(password)
        except Busy:
            return None


def includeme(config: Any) -> None:
    """Put ``registry.passwords`` behind a gate."""
    values = settings.of(config.registry, "auth")
    gate = Gate(values.hash_concurrency, values.hash_queue, values.hash_wait)
    passwords = getattr(config.registry, "passwords", None)
    if passwords is not None:  # None after a mistake in passlib.*
        config.registry.passwords = GatedPasswords(passwords, gate)
