"""Domain events: how plugins react to each other without knowing each other's insides.

A plugin describes what happens in it, and its logic publishes that in the transaction::

    @dataclass(frozen=True)
    class GadgetSold(DomainEvent):
        name: str

    events.publish(GadgetSold(session, name="first"))

Another plugin subscribes in its includeme, in either of two ways::

    config.add_subscriber(on_gadget_sold, GadgetSold)
    config.add_commit_subscriber(after_gadget_sold, GadgetSold)

The first is called in the transaction. What it writes with ``event.session`` is committed or
rolled back with everything else, and it can veto: an error of :mod:`widget_service.errors` that it
raises is the answer to the request, and nothing is written. The second is called once the
transaction is committed, and never when it is rolled back. It cannot veto: whatever it raises is
logged. ``event.session`` is closed to it; ``cli.session(event.registry)`` opens a new one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.orm import Session, SessionTransaction

log = logging.getLogger(__name__)

# In a session's info: what waits for the commit, and what waits for the connection to be free.
PENDING = "after commit"
DUE = "after transaction"


@dataclass(frozen=True)
class DomainEvent:
    """Something that happens in the transaction of ``session``."""

    session: Session

    @property
    def registry(self) -> Any:
        """The registry of the application in which it happens."""
        return self.session.info["registry"]


def publish(event: DomainEvent) -> None:
    """Call the subscribers of an event.

    What is rolled back to a savepoint did not happen: its events reach nobody after the commit.

    :raises Exception: what a subscriber raises, such as a veto
    """
    event.registry.notify(event)


def add_commit_subscriber(
    config: Any, subscriber: Callable[[Any], None], event_type: type[DomainEvent]
) -> None:
    """Have ``subscriber`` called after the transaction of an event is committed (a directive)."""
    subscriber = config.maybe_dotted(subscriber)

    def wait(event: DomainEvent) -> None:
        session = event.session
        if PENDING not in session.info:
            session.info[PENDING] = []
            sqlalchemy_event.listen(session, "after_commit", _committed)
            sqlalchemy_event.listen(session, "after_transaction_end", _ended)
            sqlalchemy_event.listen(session, "after_soft_rollback", _rolled_back)
        # A session that nobody used yet has no transaction, so there would be no commit.
        session.connection()
        transaction = session.get_nested_transaction() or session.get_transaction()
        session.info[PENDING].append((transaction, subscriber, event))

    config.add_subscriber(wait, event_type)


def _committed(session: Session) -> None:
    # SQLAlchemy calls this for the release of a savepoint as well.
    if not session.in_nested_transaction():
        session.info[DUE], session.info[PENDING] = session.info[PENDING], []


def _ended(session: Session, _transaction: SessionTransaction) -> None:
    # Not before: a subscriber that writes would wait for the connection that this session has.
    due = session.info.pop(DUE, ())
    if not due:
        return
    sqlalchemy_event.listen(session, "after_transaction_create", _refuse)
    for _published_in, subscriber, event in due:
        try:
            subscriber(event)
        except Exception:
            log.exception("%s failed after the commit of %s", subscriber, type(event).__name__)
        begun = session.get_transaction()
        if begun is not None:
            begun.close()
    sqlalchemy_event.remove(session, "after_transaction_create", _refuse)


def _refuse(_session: Session, _transaction: SessionTransaction) -> None:
    """:raises RuntimeError: nobody would commit what is written with the event's session"""
    raise RuntimeError("event.session is closed to it; use cli.session(event.registry)")


def _rolled_back(session: Session, transaction: SessionTransaction) -> None:
    """Forget what was published in ``transaction``, or in a savepoint within it."""
    session.info[PENDING] = [
        each for each in session.info[PENDING] if transaction not in _lineage(each[0])
    ]


def _lineage(transaction: SessionTransaction | None) -> Iterator[SessionTransaction]:
    while transaction is not None:
        yield transaction
        transaction = transaction.parent


def includeme(config: Any) -> None:
    """Add the directive."""
    config.add_directive("add_commit_subscriber", add_commit_subscriber)
