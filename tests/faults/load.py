"""Writers that keep account of what they were told, and the audit of a database against it."""

import http.client
import random
import threading
import time
from collections import Counter
from datetime import date, timedelta
from typing import NamedTuple

from faults.cluster import API, PASSWORD
from figures import LOST, WRONGLY
from sqlalchemy import create_engine, text

FIRST_DAY = date(2100, 1, 1)
# A write that waits for the lock, and for the pool before that, is answered within this.
BOUND = 20


class Value(NamedTuple):
    """What a widget was set to; the deadline follows from the number, so half of one shows."""

    number: int
    version: int

    @property
    def fields(self):
        """As a request has them."""
        return {"info_url": self.url, "deadline": str(self.day)}

    @property
    def url(self):
        return f"https://example.com/{self.number}"

    @property
    def day(self):
        return FIRST_DAY + timedelta(days=self.number % 10_000)


class Load:
    """Clients that add, change and delete widgets of their own, and register users.

    ``known`` has for each widget and user what may be in the database: after an answer one value,
    and two where the answer did not come.
    """

    def __init__(self, cluster, token, figures, writers=6, processes=None):
        """:param processes: the numbers of those that are written to; all by default"""
        self.cluster = cluster
        self.figures = figures
        self.known = {}
        self.statuses = Counter()
        self.unexpected = []
        self.unanswered = 0
        self.slowest = 0.0
        self._token = token
        self._processes = processes or range(len(cluster.ports))
        self._changed = threading.Condition()
        self._acknowledged = 0
        self._stopped = threading.Event()
        self._errors = []
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(writers)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error):
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        assert self._errors == []

    def certain(self):
        """What is known of widgets and users now, but for those with a write under way."""
        return {key: value for key, [value, *more] in dict(self.known).items() if not more}

    def wait_for(self, acknowledged):
        """Return when there are that many more acknowledged writes."""
        self._wait_until(self._acknowledged + acknowledged, lambda: self._acknowledged)

    def wait_for_refusals(self, number, status=503):
        """Return when there are that many more answers of that status."""
        self._wait_until(self.statuses[status] + number, lambda: self.statuses[status])

    def _wait_until(self, goal, value):
        with self._changed:
            reached = self._changed.wait_for(lambda: value() >= goal or self._errors, timeout=60)
            assert reached, f"not so much happened: {self.statuses}, {self.cluster.logs()[-3000:]}"

    def _run(self, writer):
        try:
            connection = 0
            while not self._stopped.is_set():
                connection += 1
                self._one(f"{writer}-{id(self) % 10_000}-{connection}", writer)
        except BaseException as error:
            with self._changed:
                self._errors.append(repr(error))
                self._changed.notify_all()
            raise

    def _one(self, name, writer):
        """The life of one widget, until an answer is missing; and a user."""
        number = random.randrange(10**6)  # noqa: S311  (no secret)
        first, second = Value(number, 1), Value(number + 1, 2)
        email = f"{name}@example.com"
        account = {"email": email, "password": PASSWORD}
        path = f"/widgets/{name}"
        steps = [
            (name, None, first, "POST", "/widgets", {**first.fields, "name": name}),
            (name, first, second, "PUT", path, second.fields),
            (email, None, True, "POST", "/auth/register", account),
            (name, second, None, "DELETE", path, None),
        ]
        for key, before, after, *request in steps[: 4 if number % 2 else 3]:
            if self._stopped.is_set() or not self._write(key, before, after, writer, request):
                break

    def _write(self, key, before, after, writer, request):
        """Send a write; was it acknowledged?"""
        self.known[key] = {before, after}
        process = self._processes[writer % len(self._processes)]
        began = time.monotonic()
        try:
            status, headers, body = self.cluster.ask(process, *request, token=self._token)
        except ConnectionRefusedError:
            # Nobody has heard of it. Whoever is starting needs the processor.
            self.known[key] = {before}
            self._stopped.wait(0.05)
            return False
        except (OSError, http.client.HTTPException):
            with self._changed:
                self.figures["requests sent"] += 1
                self.unanswered += 1
            return False
        taken = time.monotonic() - began
        with self._changed:
            self.figures["requests sent"] += 1
            self.slowest = max(self.slowest, taken)
            self.statuses[status] += 1
            if status in (200, 201, 204):
                self.known[key] = {after}
                self._acknowledged += 1
            elif status != 503 or not headers["Retry-After"] or set(body) != {"message"}:
                self.unexpected.append((status, request, body))
                self.figures[WRONGLY] += 1
            self._changed.notify_all()
        return status in (200, 201, 204)

    def check(self, url, *, certain=True):
        """Does the database say what the answers said?

        :param certain: a 503 was no write; where a connection may break off in COMMIT nobody knows
        """
        widgets, users = stored(url)
        wrong = []
        for key, values in self.known.items():
            there = key in users or None if "@" in key else widgets.get(key)
            if there not in values:
                wrong.append((key, values, there))
        self.figures[LOST] += len(wrong)
        assert wrong == []
        assert self.unexpected == []
        assert self.slowest < BOUND
        if certain:
            assert self.unanswered == 0


def stored(url):
    """The widgets by name, as Values, and the users' addresses; the database is sound."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, info_url, deadline, version FROM widget"))
        widgets = {}
        for name, info_url, deadline, version in rows:
            value = Value(int(info_url.rpartition("/")[2]), version)
            assert str(deadline).startswith(f"{value.day} 23:59:59"), name
            widgets[name] = value
        users = {email for (email,) in connection.execute(text("SELECT email FROM site_user"))}
        orphans = "SELECT count(*) FROM widget LEFT JOIN site_user u ON u.id = owner_id"
        assert connection.execute(text(f"{orphans} WHERE u.id IS NULL")).scalar() == 0
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    engine.dispose()
    return widgets, users


def readable(cluster, number, token):
    """Does a process answer a read?"""
    return cluster.ask(number, "GET", "/widgets", token=token)[0] == 200


__all__ = ["API", "BOUND", "Load", "Value", "readable", "stored"]
