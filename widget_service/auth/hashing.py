"""Hashing in its place: so many at a time, so many that wait, and a 503 for whoever is beyond.

A hash is made to be slow, and whoever waits for one holds a thread of the server. If logins could
take all threads, nothing else would be answered while somebody tries passwords.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Lets so many in at a time, and so many wait for so long, first come, first served."""

    def __init__(self, concurrency: int, queue: int, wait: float) -> None:
        """:param wait: seconds"""
        self.concurrency = concurrency
        self._queue = queue
        self._wait = wait
        self._changed = threading.Condition()
        self._inside = 0
        self.waiting: list[object] = []

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Be inside.

        :raises Busy: too many wait already, or it took too long
        """
        # Hashing does not need Python.
        step_aside()
        with self._changed:
            self._enter()
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def _enter(self) -> None:
        if self.waiting or self._inside >= self.concurrency:
            self._line_up()
        self._inside += 1

    def _line_up(self) -> None:
        if len(self.waiting) >= self._queue:
            raise Busy
        ticket = object()
        self.waiting.append(ticket)
        try:
            if not self._changed.wait_for(lambda: self._is_next(ticket), self._wait):
                raise Busy
        finally:
            self.waiting.remove(ticket)
            # Whoever is behind may be the next one now.
            self._changed.notify_all()

    def _is_next(self, ticket: object) -> bool:
        return self.waiting[0] is ticket and self._inside < self.concurrency


class GatedPasswords:
    """Passwords that are hashed and verified behind a gate."""

    def __init__(self, passwords: Any, gate: Gate) -> None:
        self.passwords = passwords
        self.gate = gate

    def hash(self, password: str) -> str:
        """As :meth:`Passwords.hash`.

        :raises Busy: at another time
        """
        with self.gate.passage():
            return self.passwords.hash(password)  # type: ignore[no-any-return]

    def verify(self, password: str, password_hash: str | None) -> bool:
        """As :meth:`Passwords.verify`.

        :raises Busy: at another time, whoever it is
        """
        with self.gate.passage():
            return self.passwords.verify(password, password_hash)  # type: ignore[no-any-return]

    def upgraded(self, password: str, password_hash: str) -> str | None:
        """As :meth:`Passwords.upgraded`; None at a busy time, as there will be other logins."""
        try:
            with self.gate.passage():
                return self.passwords.upgraded(  # type: ignore[no-any-return]
                    password, password_hash
                )
        except Busy:
            return None


def includeme(config: Any) -> None:
    """Put ``registry.passwords`` behind a gate."""
    values = settings.of(config.registry, "auth")
    gate = Gate(values.hash_concurrency, values.hash_queue, values.hash_wait)
    passwords = getattr(config.registry, "passwords", None)
    if passwords is not None:  # None after a mistake in passlib.*
        config.registry.passwords = GatedPasswords(passwords, gate)
