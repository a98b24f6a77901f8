"""Pages of any list, without a request. What they are over HTTP is in tests of widgets."""

from contextlib import closing
from types import SimpleNamespace

import colander
import pytest
from sqlalchemy import insert, select, text

from widget_service import paging
from widget_service.cursors import Cursor
from widget_service.db import utc_now
from widget_service.testing import Client, application, ini_text
from widget_service.widgets.catalogue import WIDGETS
from widget_service.widgets.models import Widget


@pytest.mark.parametrize(
    ("total", "pages", "last"),
    [(0, 0, 1), (1, 1, 1), (5, 1, 1), (6, 2, 2), (2**63, 2**63 // 5 + 1, 2**63 // 5 + 1)],
)
def test_it_counts_pages(total, pages, last):
    page = paging.Page(1, 5, total, [])
    assert (page.pages, page.last) == (pages, last)


class TestPositive:
    node = colander.SchemaNode(paging.Positive(), name="page")

    @pytest.mark.parametrize("number", [1, 2**63 - 1])
    def test_it_takes(self, number):
        assert self.node.deserialize(str(number)) == number

    @pytest.mark.parametrize("number", [0, -1, -(2**63)])
    def test_it_refuses_what_is_not_positive(self, number):
        text = f"Invalid page: {number}. page must be a positive integer"
        with pytest.raises(colander.Invalid) as refused:
            self.node.deserialize(str(number))
        assert refused.value.msg == text


def test_it_names_the_schema_of_a_page_after_its_items():
    class Gadget(colander.MappingSchema):
        code = colander.SchemaNode(colander.String())

    page = paging.page_of(Gadget(name="body"), "Gadgets.")
    assert type(page["body"]).__name__ == "GadgetPage"
    assert page["body"]["items"].children[0].title == "Gadget"
    assert page.description == "Gadgets."


def test_it_reads_no_further_than_databases_count():
    asked = []

    def rows(_statement, parameters):
        asked.append(parameters)
        return [SimpleNamespace(total_items=0, id=None)]

    page = WIDGETS.page(rows, 2**63 - 1, 100)
    assert (page.items, page.total) == ([], 0)
    assert asked == [{"size": 100, "skip": 2**62}]


def test_it_links_by_number_alone_where_no_cursor_holds_the_key():
    listing = paging.Listing(Widget.created_at, select(Widget.created_at))
    head = SimpleNamespace(total_items=3, created_at=None)
    found = [head, SimpleNamespace(total_items=None, created_at=utc_now())]
    page = listing.page(lambda *_: found, 2, 1)
    assert (page.prev, page.next) == (paging.Target(1), paging.Target(3))


@pytest.fixture
def grown(tmp_path):
    """A function that makes the table have so many widgets, and answers a connection to it."""
    app = application(ini_text(f"sqlite:///{tmp_path / 'grown.sqlite'}"), tmp_path)
    Client(app).sign_up("owner@example.com")
    database = app.registry.database

    def grow(count):
        common = {"info_url": "http://example.com", "version": 1, "owner_id": 1}
        common |= {"created_at": utc_now(), "deadline": utc_now()}
        with database.write_engine.begin() as connection:
            connection.execute(text("DELETE FROM widget"))
            rows = [common | {"id": each, "name": f"w{each}"} for each in range(1, count + 1)]
            connection.execute(insert(Widget), rows)

    with closing(database), database.read_engine.connect() as connection:
        yield grow, connection


def steps(connection, page, cursor=None):
    """How many steps SQLite's machine takes for a page of ten: its work, without a clock."""
    taken = 0

    def step():
        nonlocal taken
        taken += 1

    def rows(statement, parameters):
        return connection.execute(statement, parameters).fetchall()

    driver = connection.connection.dbapi_connection
    driver.set_progress_handler(step, 1)
    items = WIDGETS.page(rows, page, 10, cursor).items
    driver.set_progress_handler(None, 1)
    assert len(items) == 10
    return taken


def test_its_work_does_not_grow_with_the_table(grown):
    grow, connection = grown
    work = []
    for count in (300, 3000):
        grow(count)
        pages = count // 10
        middle = count // 2
        work.append(
            [
                steps(connection, 1),
                steps(connection, pages // 2, Cursor("after", middle)),
                steps(connection, pages // 2, Cursor("before", middle)),
                steps(connection, pages),
                steps(connection, pages, Cursor("after", count - 10)),
            ]
        )
    small, large = work
    assert large == pytest.approx(small, rel=0.02)
    # All that a number in the middle pays for is the keys that it skips.
    assert steps(connection, 151) < 1500 * 8
