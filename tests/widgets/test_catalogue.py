"""The catalogue over a session, without a request."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from widget_service.auth.models import User
from widget_service.db import new_session
from widget_service.errors import Conflict
from widget_service.widgets import catalogue
from widget_service.widgets.models import Widget

URL = "https://example.com/"
DEADLINE = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def session(user):
    """A session of nobody's request."""
    with new_session(user.registry) as session:
        yield session


@pytest.fixture
def add(session):
    """A function that adds a widget."""
    owner_id = session.scalar(select(User.id))
    return lambda name: catalogue.add(session, owner_id, name, URL, DEADLINE)


def read(session):
    """Rows inside the session's transaction."""
    return lambda statement, parameters: session.execute(statement, parameters).fetchall()


def test_it_adds_finds_and_shows_the_owner(session, add, user):
    add("first")
    row = catalogue.find(read(session), "first")
    assert (row.name, row.info_url, row.deadline, row.version) == ("first", URL, DEADLINE, 1)
    assert (row.owner_email, row.owner_public_id) == (user.account.email, user.account.public_id)
    assert row.created_at.tzinfo is UTC
    assert catalogue.find(read(session), "second") is None


def test_it_refuses_a_name_that_is_taken_and_goes_on(session, add):
    add("first")
    with pytest.raises(Conflict, match=r"^Widget name: first already exists, must be unique\.$"):
        add("first")
    add("second")
    session.commit()
    assert session.scalars(select(Widget.name).order_by(Widget.id)).all() == ["first", "second"]


def test_it_locks_updates_and_deletes(session, add):
    add("first")
    widget = catalogue.lock(session, "first")
    later = DEADLINE.replace(year=2100)
    catalogue.update(session, widget, "http://example.org", later)
    row = catalogue.find(read(session), "first")
    assert (row.info_url, row.deadline, row.version) == ("http://example.org", later, 2)
    catalogue.delete(session, widget)
    assert catalogue.lock(session, "first") is None


@pytest.mark.parametrize(
    ("number", "names"),
    [(1, ["w1", "w2"]), (2, ["w3", "w4"]), (3, ["w5"]), (4, []), (2**63 - 1, [])],
)
def test_it_reads_a_page_in_the_order_of_creation(session, add, number, names):
    for name in ("w1", "w2", "w3", "w4", "w5"):
        add(name)
    page = catalogue.WIDGETS.page(read(session), number, 2)
    assert [row.name for row in page.items] == names
    assert (page.number, page.size, page.total, page.pages, page.last) == (number, 2, 5, 3, 3)
