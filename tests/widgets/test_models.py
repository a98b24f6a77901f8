"""What the database itself holds to, whoever writes."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError

INSERT = text(
    "INSERT INTO widget (name, info_url, created_at, deadline, version, owner_id) "
    "SELECT :name, 'http://example.com', registered_on, registered_on, 1, id + :shift "
    "FROM site_user"
)
NAMES = text("SELECT name FROM widget")


@pytest.fixture
def insert(user, rows):
    """A function that inserts a widget of the only user."""
    assert user.account

    def run(name, shift=0):
        rows(INSERT, {"name": name, "shift": shift})

    return run


@pytest.mark.parametrize("name", ["a", "first-widget_2", "a" * 100, "-"])
def test_it_takes_a_legal_name(insert, rows, name):
    insert(name)
    assert rows(NAMES) == [(name,)]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "aBc",
        "a b",
        " a",
        "a ",
        "a\n",
        "a\0b",
        "a.b",
        "é",
        "\u0661",
        "\u212a",
        "a" * 101,
        None,
    ],
)
def test_it_refuses_an_illegal_name(insert, rows, name):
    # PostgreSQL has words of its own for one that is too long, and for NUL.
    with pytest.raises((IntegrityError, DataError)):
        insert(name)
    assert rows(NAMES) == []


def test_it_refuses_a_name_that_is_taken(insert, rows):
    insert("first")
    with pytest.raises(IntegrityError):
        insert("first")
    assert rows(NAMES) == [("first",)]


def test_it_refuses_a_widget_without_an_owner(insert):
    with pytest.raises(IntegrityError):
        insert("first", shift=1)


def test_it_never_uses_an_id_again(insert, rows):
    insert("first")
    (first,) = rows(text("SELECT id FROM widget"))
    rows(text("DELETE FROM widget"))
    insert("second")
    (second,) = rows(text("SELECT id FROM widget"))
    assert second > first
