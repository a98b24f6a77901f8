"""The count that the database keeps: exact whatever happens, and nothing that a plugin sees."""

import random
from contextlib import ExitStack, closing
from threading import Barrier, Thread

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from processes import PATIENCE
from sqlalchemy import delete, func, insert, inspect, select, text, update
from sqlalchemy.exc import OperationalError

from widget_service.database import migrations
from widget_service.database.row_count import ROW_COUNT
from widget_service.db import utc_now
from widget_service.testing import Client, application, ini_text
from widget_service.widgets.catalogue import WIDGETS
from widget_service.widgets.models import Widget


def owner_in(app):
    """The id of a new user."""
    Client(app).sign_up("owner@example.com")
    return app.registry.database.read(text("SELECT max(id) AS id FROM site_user"))[0].id


def rows(owner_id, *names):
    common = {"info_url": "http://example.com", "version": 1, "owner_id": owner_id}
    common |= {"created_at": utc_now(), "deadline": utc_now()}
    return [common | {"name": name} for name in names]


@pytest.fixture
def owner(client):
    return owner_in(client.app)


@pytest.fixture
def begin(client):
    """Transactions that write."""
    return client.registry.database.write_engine.begin


@pytest.fixture
def own(own_database, tmp_path):
    """The registry of an application whose tables may be changed, and the id of a user."""
    app = application(ini_text(own_database), tmp_path)
    with closing(app.registry.database):
        yield app.registry, owner_in(app)


def kept(registry):
    """The count without the fallback."""
    of_widgets = select(func.sum(ROW_COUNT.c.change).label("kept"))
    return registry.database.read(of_widgets.where(ROW_COUNT.c.table_name == "widget"))[0].kept


def total(registry):
    return WIDGETS.page(registry.database.read, 1, 5).total


def right(registry):
    """How many widgets there are, which is what is kept and what pages show."""
    counted = registry.database.read(select(func.count().label("count")).select_from(Widget))
    assert kept(registry) == total(registry) == counted[0].count
    return counted[0].count


def test_it_is_counted_by_migrations_not_by_pages(own):
    registry, owner = own
    begin = registry.database.write_engine.begin
    with begin() as connection:
        connection.execute(insert(Widget), rows(owner, "a", "b"))
        of_first = update(ROW_COUNT).where(ROW_COUNT.c.slot == 0)
        connection.execute(of_first.values(change=ROW_COUNT.c.change + 1000))
    assert total(registry) == 1002
    # As it is for a plugin whose list is newer than its tables.
    with begin() as connection:
        connection.execute(delete(ROW_COUNT))
    assert total(registry) == 2
    migrations.upgrade(registry)
    assert right(registry) == 2


@pytest.mark.parametrize("number", [1, 2, 7])
def test_no_link_leads_on_from_an_empty_page_though_it_be_wrong(own, number):
    registry, _ = own
    with registry.database.write_engine.begin() as connection:
        connection.execute(update(ROW_COUNT).values(change=1000))
    page = WIDGETS.page(registry.database.read, number, 5)
    assert page.items == []
    assert page.next is None


def test_it_is_exact_after_statements_of_any_kind(client, begin, owner):
    registry = client.registry
    with begin() as connection:
        sqlite = connection.dialect.name == "sqlite"
        connection.execute(insert(Widget), rows(owner, "a", "b", "c"))
        connection.execute(insert(Widget).values(rows(owner, "d", "e")))
        connection.execute(text("UPDATE widget SET id = id + 100"))
        connection.execute(text("DELETE FROM widget WHERE name = 'nobody'"))
        columns = "name, info_url, version, owner_id, created_at, deadline"
        again = f"INTO widget ({columns}) SELECT {columns} FROM widget WHERE name < 'c'"  # noqa: S608  (no values)
        if sqlite:
            connection.execute(text(f"INSERT OR REPLACE {again}"))
        else:
            connection.execute(text(f"INSERT {again} ON CONFLICT (name) DO UPDATE SET version = 2"))
    assert right(registry) == 5
    with begin() as connection:
        connection.execute(text("DELETE FROM widget WHERE name IN ('a', 'b')"))
    assert right(registry) == 3
    with begin() as connection:
        connection.execute(text("DELETE FROM widget" if sqlite else "TRUNCATE widget"))
    assert right(registry) == 0


def test_it_is_undone_with_what_it_counted(client, begin, owner):
    with begin() as connection:
        connection.execute(insert(Widget), rows(owner, "a"))
        with connection.begin_nested() as savepoint:
            connection.execute(insert(Widget), rows(owner, "b"))
            savepoint.rollback()
    assert right(client.registry) == 1
    with begin() as connection:
        connection.execute(insert(Widget), rows(owner, "c"))
        connection.execute(text("DELETE FROM widget WHERE name = 'a'"))
        connection.rollback()
    assert right(client.registry) == 1


def test_it_is_exact_under_concurrent_writes_half_of_which_are_rolled_back(client, begin, owner):
    writers, turns = 4, 12
    barrier = Barrier(writers)
    failures = []

    def write(number):
        dice = random.Random(number)  # noqa: S311  (which half does not matter)
        barrier.wait()
        try:
            for turn in range(turns):
                with begin() as connection:
                    names = [f"w{number}-{turn}-{each}" for each in range(dice.randint(1, 3))]
                    connection.execute(insert(Widget), rows(owner, *names))
                    earlier = f"w{number}-{turn - 2}-0"
                    connection.execute(delete(Widget).where(Widget.name == earlier))
                    if dice.random() < 0.5:
                        connection.rollback()
                # The count and the rows of a page are of one moment.
                page = WIDGETS.page(client.registry.database.read, 1, 1000)
                assert page.total == len(page.items)
        except Exception as error:  # noqa: BLE001  (whatever it is)
            failures.append(error)

    threads = [Thread(target=write, args=(number,), daemon=True) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures == []
    assert right(client.registry) > 0


def backends(stack, engine):
    """Three connections that write to slots of their own."""
    slots = {}
    for _ in range(8):
        connection = stack.enter_context(engine.connect())
        slots[connection.scalar(text("SELECT pg_backend_pid() % 32"))] = connection
        connection.rollback()
    return list(slots.values())[:3]


def test_its_serializable_writers_neither_wait_for_nor_refuse_each_other(own_postgresql, tmp_path):
    with ExitStack() as stack:
        settings = {"sqlalchemy.isolation_level": "SERIALIZABLE"}
        app = application(ini_text(own_postgresql, settings=settings), tmp_path)
        registry, owner = app.registry, owner_in(app)
        stack.callback(registry.database.close)
        first, second, third = backends(stack, registry.database.write_engine)
        first.execute(insert(Widget), rows(owner, "a"))
        second.execute(insert(Widget), rows(owner, "b", "c"))
        second.commit()
        assert right(registry) == 2
        first.commit()
        assert right(registry) == 3
        # What was counted since its snapshot is no longer its to set to nothing.
        first.execute(text("SELECT 1 FROM widget"))
        third.execute(insert(Widget), rows(owner, "d"))
        third.commit()
        with pytest.raises(OperationalError, match="could not serialize"):
            first.execute(text("TRUNCATE widget"))
        first.rollback()
        assert right(registry) == 4


def test_it_goes_on_after_a_migration(own):
    registry, owner = own
    begin = registry.database.write_engine.begin
    with begin() as connection:
        connection.execute(insert(Widget), rows(owner, "a", "b", "c"))
    with migrations.connection(registry.database.write_engine.url) as connection:
        sqlite = connection.dialect.name == "sqlite"
        operations = Operations(MigrationContext.configure(connection))
        how = "always" if sqlite else "never"
        with operations.batch_alter_table("widget", recreate=how):
            pass
        if not sqlite:
            connection.execute(text("ALTER TABLE widget DISABLE TRIGGER USER"))
        connection.execute(delete(Widget).where(Widget.name == "a"))
        if not sqlite:
            connection.execute(text("ALTER TABLE widget ENABLE TRIGGER USER"))
    assert right(registry) == 2
    with begin() as connection:
        connection.execute(insert(Widget), rows(owner, "d"))
    assert right(registry) == 3


def test_it_comes_and_goes_with_what_it_counts(own):
    registry, _ = own
    engine = registry.database.read_engine
    with registry.database.write_engine.begin() as connection:
        connection.execute(text("DROP TABLE row_count"))
    assert migrations.outstanding(registry) == ["row_count"]
    migrations.upgrade(registry)
    assert migrations.outstanding(registry) == migrations.differences(registry) == []
    assert right(registry) == 0
    migrations.downgrade(registry, "widgets@base")
    assert "row_count" not in inspect(engine).get_table_names()
    if engine.dialect.name == "postgresql":
        assert registry.database.read(text("SELECT FROM pg_proc WHERE proname ~ 'row_count'")) == []
    migrations.upgrade(registry)
    assert right(registry) == 0


def test_it_leaves_no_trigger_on_a_table_that_has_another_name_now(own):
    registry, owner = own
    begin = registry.database.write_engine.begin
    with begin() as connection:
        connection.execute(insert(Widget), rows(owner, "a"))
    with migrations.connection(registry.database.write_engine.url) as connection:
        connection.execute(text("ALTER TABLE widget RENAME TO other"))
    assert "row_count" not in inspect(registry.database.read_engine).get_table_names()
    with begin() as connection:
        assert connection.execute(text("DELETE FROM other")).rowcount == 1
