"""Pages of any list, without a request. What they are over HTTP is in tests of widgets."""

from contextlib import closing
from datetime import datetime
from typing import ClassVar, NamedTuple

import colander
import pytest
from core import serving
from sqlalchemy import (
    ForeignKey,
    Index,
    String,
    TypeDecorator,
    UniqueConstraint,
    case,
    create_engine,
    insert,
    literal,
    literal_column,
    select,
    text,
    type_coerce,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column

from widget_service import paging
from widget_service.auth.models import User
from widget_service.db import new_session, utc_now
from widget_service.paging import rows_before
from widget_service.paging.cursors import Cursor, CursorText, parse
from widget_service.testing import Client, application, ini_text
from widget_service.widgets import catalogue
from widget_service.widgets.catalogue import WIDGETS
from widget_service.widgets.models import Widget


class Own(DeclarativeBase):
    """Tables that no plugin has."""


class Moment(Own):
    """Something that is found by the moment at which it was."""

    __tablename__ = "moment"
    at: Mapped[datetime] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(unique=True)
    half: Mapped[int] = mapped_column()
    place: Mapped[int] = mapped_column("position")
    chosen: Mapped[int] = mapped_column()
    before: Mapped[datetime | None] = mapped_column(ForeignKey("moment.at"))
    __table_args__ = (
        UniqueConstraint("half", "position"),
        Index(None, "position", unique=True),
        Index(None, "chosen", unique=True, sqlite_where=text("half = 1")),
    )


class Part(Own):
    """Something with a key of two columns."""

    __tablename__ = "part"
    whole: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)


EARLIER = aliased(Moment)


@pytest.mark.parametrize(
    "key", [Moment.name, Moment.half, Moment.chosen, Moment.before, Part.whole, Part.number]
)
def test_it_wants_a_key_that_no_two_rows_share(key):
    with pytest.raises(ValueError, match=rf"order of {key} needs it to be unique, and not null"):
        paging.Listing(key, select(key))


@pytest.mark.parametrize("key", [Moment.at, Moment.place])
def test_it_takes_a_key_that_no_two_rows_share(key):
    assert paging.Listing(key, select(key))


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (select(Moment.at).where(Moment.half == 1), "it cannot have a WHERE"),
        (select(Moment.at).join(EARLIER, EARLIER.at == Moment.before), "moment.before, which may"),
    ],
)
def test_it_wants_all_rows_of_the_table(shown, text):
    with pytest.raises(ValueError, match=text):
        paging.Listing(Moment.at, shown)


class Long(Moment):
    """A moment that is more than that."""

    __tablename__ = "long"
    at: Mapped[datetime] = mapped_column(ForeignKey("moment.at"), primary_key=True)
    seconds: Mapped[int] = mapped_column()
    __mapper_args__: ClassVar = {"inherit_condition": at == Moment.at}


def test_it_takes_what_is_joined_and_loses_no_row():
    joined = select(Moment.at).join(EARLIER, EARLIER.at == Moment.before, isouter=True)
    assert paging.Listing(Moment.at, joined)
    # What an inner join leaves out within an outer one.
    inner = EARLIER.__table__.alias("first").join(
        Moment.__table__.alias("second"), literal_column("first.before = second.at")
    )
    assert paging.Listing(Moment.at, select(Moment.at).outerjoin(inner, literal_column("1=1")))
    assert paging.Listing(Long.at, select(Long.at, Long.name, Long.seconds))


def test_it_wants_no_join_below_that_leaves_rows_out():
    later = aliased(Moment)
    shown = (
        select(Moment.at)
        .join(EARLIER, EARLIER.at == Moment.at)
        .join(later, later.at == EARLIER.before)
        .outerjoin(User, User.id == Moment.half)
    )
    with pytest.raises(ValueError, match="before, which may be null, takes an outer join"):
        paging.Listing(Moment.at, shown)


def test_it_says_so_where_rows_are_left_out_all_the_same():
    listing = paging.Listing(Moment.at, select(Moment.at))
    with pytest.raises(ValueError, match=r"order of Moment\.at leaves out rows that the table has"):
        listing.page(lambda *_: [], 1, 5)


def test_it_wants_its_key_among_what_it_shows():
    with pytest.raises(ValueError, match=r"in the order of Widget\.id must have it"):
        paging.Listing(Widget.id, select(Widget.name))


class Found(NamedTuple):
    """A row of a list of widgets, as the database answers it."""

    id: int | None
    total: int


class Dated(NamedTuple):
    """A row of a list whose key is a moment."""

    created_at: datetime
    total: int


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
    class _Gadget(colander.MappingSchema):
        code = colander.SchemaNode(colander.String())

    class Shown(colander.MappingSchema):
        body = _Gadget()

    page = paging.page_of(Shown(), "Gadgets.")
    assert type(page["body"]).__name__ == "GadgetPage"
    assert page["body"]["items"].children[0].title == "Gadget"
    assert page.description == "Gadgets."


def test_it_reads_no_further_than_databases_count():
    asked = []

    def rows(_statement, parameters):
        asked.append(parameters)
        return [Found(None, 0)]

    page = WIDGETS.page(rows, 2**63 - 1, 100)
    assert (page.items, page.total) == ([], 0)
    assert asked == [{"size": 100, "skip": 2**62}]


def test_it_links_by_number_alone_where_no_cursor_holds_the_key():
    listing = paging.Listing(Moment.at, select(Moment.at))
    page = listing.page(lambda *_: [Dated(utc_now(), 3)], 2, 1)
    assert (page.prev, page.next) == (paging.Target(1), paging.Target(3))


ID = object()


class Split(TypeDecorator):
    """A type that nothing but a text can be made of."""

    impl = String
    cache_ok = True

    def process_result_value(self, value, _dialect):
        return value.split("-")


@pytest.fixture
def five(admin):
    """A session of an application that has five widgets."""
    with new_session(admin.registry) as session:
        owner_id = session.scalar(select(User.id))
        for number in range(5):
            catalogue.add(session, owner_id, f"w-{number}", "http://example.com", utc_now())
        session.commit()
        yield session


@pytest.mark.parametrize(
    ("shown", "values"),
    [
        (select(Widget.id, type_coerce(Widget.name, Split())), (ID, ["w", "4"])),
        (select(Widget.id, Widget.version + 1), (ID, 2)),
        (select(literal("x"), Widget.id, case((Widget.version == 1, "y"))), ("x", ID, "y")),
        (
            select(Widget.id, literal("x").label("total_items"), literal("y").label("behind")),
            (ID, "x", "y"),
        ),
        (select(Widget.name, Widget.id).distinct(), ("w-4", ID)),
        (select(Widget.id, Widget.name).order_by(Widget.name.desc()), (ID, "w-4")),
        (select(Widget.id, User.id, User.email).join(User), (ID,)),
    ],
)
@pytest.mark.parametrize("road", ["read", "session"])
def test_a_list_shows_whatever_can_be_selected(five, admin, shown, values, road):
    def run(statement, parameters):
        return five.execute(statement, parameters).fetchall()

    rows = admin.registry.database.read if road == "read" else run
    listing = paging.Listing(Widget.id, shown)
    page = listing.page(rows, 2, 2)
    pages = [page]
    for relation in ("prev", "next", "next"):
        number, cursor = getattr(page, relation)
        page = listing.page(rows, number, 2, cursor)
        pages.append(page)
    first = pages[1].items[0].id
    shown_ids = [[row.id - first for row in each.items] for each in pages]
    assert shown_ids == [[2, 3], [0, 1], [2, 3], [4]]
    assert {each.total for each in pages} == {5}
    (last,) = page.items
    assert last[: len(values)] == tuple(last.id if each is ID else each for each in values)


def test_it_knows_its_key_by_what_it_is_and_not_by_its_name(five, admin):
    listing = paging.Listing(Widget.id, select(User.id, Widget.id.label("own")).join(Widget))
    run = admin.registry.database.read
    page = listing.page(run, 1, 2)
    first = page.items[0].own
    assert [row.own - first for row in page.items] == [0, 1]
    page = listing.page(run, page.next.number, 2, page.next.cursor)
    assert [row.own - first for row in page.items] == [2, 3]


class Word(Own):
    """Something that is found by a text."""

    __tablename__ = "word"
    text: Mapped[str] = mapped_column(primary_key=True)


def test_its_key_may_be_a_text():
    words = ["a", "b", "c", "d", "\N{LATIN SMALL LETTER Z WITH CARON}"]
    engine = create_engine("sqlite://")
    Own.metadata.create_all(engine, tables=[Word.__table__])
    listing = paging.Listing(Word.text, select(Word.text))
    shown = []
    with engine.connect() as connection:
        connection.execute(insert(Word), [{"text": word} for word in words])
        connection.exec_driver_sql("CREATE TABLE row_count (table_name TEXT, change INTEGER)")

        def rows(*asked):
            return connection.execute(*asked).fetchall()

        page = listing.page(rows, 2, 2)
        for relation in ("prev", "next", "next", "prev"):
            number, cursor = getattr(page, relation)
            # As a link has it.
            page = listing.page(rows, number, 2, parse(str(cursor)))
            shown.append([row.text for row in page.items])
    engine.dispose()
    assert shown == [words[:2], words[2:4], words[4:], words[2:4]]


@pytest.mark.parametrize("key", ["", "\ud7ff", "\ue000", "\N{GRINNING FACE}"])
def test_a_cursor_has_any_text_that_both_databases_hold(key):
    cursor = Cursor("after", key, 2, 5)
    assert parse(str(cursor)) == cursor


@pytest.mark.parametrize("key", ["a\0", "\ud800", "a\udfff"])
def test_a_cursor_has_no_other_text(key):
    node = colander.SchemaNode(CursorText())
    with pytest.raises(colander.Invalid, match="This is not a cursor"):
        node.deserialize(str(Cursor("after", key, 2, 5)))


FILTERED = """
import colander
from pyramid.security import NO_PERMISSION_REQUIRED
from widget_service.fields import Listed, Text, WholeNumber
from widget_service.paging import Page, PageQuery, page_body, rows_before
from widget_service.rest import Service

numbers = Service("numbers", "/numbers")
query = PageQuery()["querystring"].clone()
query.add(colander.SchemaNode(WholeNumber(), missing=0, name="from"))
query.add(colander.SchemaNode(Text(), missing=None, name="word"))
query.add(colander.SchemaNode(Listed(Text()), missing=None, name="tags"))
schema = colander.MappingSchema()
schema.add(query)

@numbers.get(permission=NO_PERMISSION_REQUIRED, schema=schema)
def get(request):
    asked = dict(request.validated["querystring"])
    number, size = asked.pop("page"), asked.pop("per_page")
    del asked["cursor"]
    found = list(range(asked["from"], 12))
    items = found[rows_before(number, size):][:size]
    page = Page.numbered(number, size, len(found), items)
    return page_body(request, page, numbers.path, lambda number: {"number": number}, asked)

def includeme(config):
    config.include("widget_service")
    config.add_rest_service(numbers)
"""


def test_links_of_a_filtered_list_keep_the_filter(tmp_path, write_plugin):
    write_plugin("filtered", FILTERED)
    with serving(tmp_path, "filtered") as testapp:
        start = "/api/v1/numbers?page=1&per_page=5&from=1&word=a%26b&tags=red%2Cgreen"
        page = testapp.get(start).json
        assert page["links"] == {
            "self": start,
            "first": start,
            "next": start.replace("page=1", "page=2"),
            "last": start.replace("page=1", "page=3"),
        }
        found = [page]
        while "next" in found[-1]["links"]:
            assert len(found) < 5
            found.append(testapp.get(found[-1]["links"]["next"]).json)
        assert [item["number"] for each in found for item in each["items"]] == [*range(1, 12)]
        assert testapp.get(found[-1]["links"]["prev"]).json == found[1]
        # Past the end there is nothing, and the way back.
        for number in (9, 2**63 - 1):
            past = testapp.get(f"/api/v1/numbers?page={number}&per_page=5&from=1").json
            assert (past["items"], past["has_next"]) == ([], False)
            assert past["links"]["prev"] == "/api/v1/numbers?page=3&per_page=5&from=1"


@pytest.mark.parametrize(
    ("page", "size", "before"),
    [(1, 100, 0), (2, 5, 5), (2**40, 10, 10 * (2**40 - 1)), (2**63 - 1, 100, 2**62)],
)
def test_rows_before_a_page_are_as_many_as_databases_count(page, size, before):
    assert rows_before(page, size) == before


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
                steps(connection, pages // 2, Cursor("after", middle, pages // 2, 10)),
                steps(connection, pages // 2, Cursor("before", middle, pages // 2, 10)),
                steps(connection, pages),
                steps(connection, pages, Cursor("after", count - 10, pages, 10)),
            ]
        )
    small, large = work
    assert large == pytest.approx(small, rel=0.02)
    # All that a number in the middle pays for is the keys that it skips.
    assert steps(connection, 151) < 1500 * 8


def test_what_one_list_adds_to_its_query_is_not_asked_of_others():
    query = paging.PageQuery()
    query["querystring"].add(colander.SchemaNode(colander.String(), name="colour"))
    assert "colour" not in paging.PageQuery()["querystring"]
