"""Alembic's own command, for whoever writes migrations, on both databases."""

import shutil
from contextlib import suppress

import alembic.config
import processes
import pytest
from core import core_ini
from migrated import NOTES, OURS, SEATS, alembic_section, changing, configured, current, tables
from processes import REPOSITORY, ini_file
from sqlalchemy.exc import DBAPIError

from widget_service.database import file as database_file
from widget_service.database import migrations


def run(directory, *arguments):
    """``alembic -c test.ini …``"""
    alembic.config.main(["-c", str(directory / "test.ini"), *arguments])


def test_it_goes_up_and_down_by_alembics_command(whole, tmp_path):
    run(tmp_path, "upgrade", "heads")
    ours = tables(whole)
    assert {"site_user", "token_blacklist", "widget", "alembic_version"} <= ours
    run(tmp_path, "check")
    run(tmp_path, "downgrade", "base")
    assert tables(whole) == {"alembic_version"}
    assert current(whole) == set()
    run(tmp_path, "upgrade", "heads")
    assert tables(whole) == ours
    run(tmp_path, "check")


def test_alembics_command_says_what_to_do_without_a_plugin(own_database, tmp_path, notes, capsys):
    migrations.upgrade(notes)
    ini = core_ini(tmp_path, sqlalchemy__url=own_database)
    (tmp_path / "test.ini").write_text(ini + alembic_section(*OURS), encoding="utf-8")
    with pytest.raises(SystemExit):
        run(tmp_path, "upgrade", "heads")
    assert "no included plugin has (notes0002)" in capsys.readouterr().out
    # This is how to have it forgotten.
    run(tmp_path, "stamp", "--purge", "base")
    assert current(notes) == set()


def test_it_passes_on_what_alembic_says_of_other_mistakes(whole, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, "upgrade", "typo@head")
    assert "typo" in capsys.readouterr().out


def test_it_writes_revisions_from_the_models(own_database, tmp_path):
    folder = tmp_path / "migrations"
    shutil.copytree(NOTES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    ini = core_ini(tmp_path, "plugins.notes", sqlalchemy__url=own_database)
    with configured(tmp_path, ini + alembic_section(folder)) as registry:
        run(tmp_path, "upgrade", "heads")
        with changing(registry) as connection:
            connection.exec_driver_sql("ALTER TABLE note DROP COLUMN at")
            connection.exec_driver_sql("CREATE TABLE foreigner (id INTEGER)")
        with pytest.raises(SystemExit):
            run(tmp_path, "check")
        run(tmp_path, "revision", "--autogenerate", "--head", "notes@head", "-m", "again")
        (written,) = folder.glob("*_again.py")
        text = written.read_text(encoding="utf-8")
        # Plain types, nobody else's tables, and by way of a new table for SQLite's sake.
        assert "sa.Column('at', sa.DateTime(timezone=True), nullable=True)" in text
        assert "foreigner" not in text
        assert "batch_alter_table('note'" in text
        run(tmp_path, "upgrade", "heads")
        run(tmp_path, "check")
        assert migrations.differences(registry) == []


PIES = """
from sqlalchemy import CheckConstraint, ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column
from widget_service.db import Base
from widget_service.paging import Listing

class Pie(Base):
    __tablename__ = "pie"
    __table_args__ = (CheckConstraint("price >= 0", name="price"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[int] = mapped_column(server_default="3")
    maker_id: Mapped[int] = mapped_column(ForeignKey("site_user.id"), index=True)

PIES = Listing(Pie.id, select(Pie.id, Pie.price))

def includeme(config):
    config.include("widget_service")
    config.include("widget_service.auth")
    config.add_migrations("pies:migrations")
"""
FIRST = (
    "alembic -c development.ini revision --autogenerate --head base --branch-label gadgets"
    " --depends-on auth --version-path gadgets/migrations --rev-id gadgets0001 -m gadgets"
)


def test_it_writes_the_first_revision_of_a_plugin(tmp_path, write_plugin):
    page = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert FIRST in " ".join(page.replace("\\\n", "").split())
    module = write_plugin("pies/__init__", PIES)
    folder = module.parent / "migrations"
    folder.mkdir()
    ini_file(
        "development.ini",
        tmp_path,
        ("%(here)s/alembic", str(REPOSITORY / "alembic")),
        ("    widget_service.ops\n", "    widget_service.ops\n    pies\n"),
        (
            "    widget_service.widgets:migrations\n",
            "    widget_service.widgets:migrations\n    pies:migrations\n",
        ),
    )

    def succeed(command):
        done = processes.run(*command.split(), cwd=tmp_path, PYTHONPATH=str(module.parent.parent))
        assert done.returncode == 0, done.stderr

    succeed("widget-service migrate")
    succeed(FIRST.replace("gadgets/migrations", str(folder)).replace("gadgets", "pies"))
    text = (folder / "pies0001_pies.py").read_text(encoding="utf-8")
    assert "name=op.f('ck_pie_price')" in text
    # What is ours alone would only puzzle whoever reads it.
    assert "info=" not in text
    assert "widget_service" not in text
    succeed("widget-service migrate")
    succeed("widget-service check-database")
    succeed("alembic -c development.ini check")


def test_it_has_no_way_to_migrate_without_looking(whole, tmp_path):
    with pytest.raises(SystemExit, match="--sql is not supported"):
        run(tmp_path, "upgrade", "heads", "--sql")


def test_alembics_command_says_what_is_wrong_with_the_settings(tmp_path):
    ini = core_ini(tmp_path, rest__prefix="nonsense") + alembic_section(*OURS)
    (tmp_path / "test.ini").write_text(ini, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"rest\.prefix"):
        run(tmp_path, "current")


LOOKING = ["current", "check", "history --indicate-current", "revision --autogenerate"]


@pytest.mark.parametrize("command", LOOKING)
def test_alembics_command_makes_no_database_to_look_at(tmp_path, command):
    ini = core_ini(tmp_path) + alembic_section(*OURS)
    (tmp_path / "test.ini").write_text(ini, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"the database says: there is no .*core\.sqlite"):
        run(tmp_path, *command.split())
    assert not (tmp_path / "core.sqlite").exists()


@pytest.mark.parametrize("command", [*LOOKING, "upgrade heads"])
def test_alembics_command_says_that_a_file_is_no_database(tmp_path, command):
    ini = core_ini(tmp_path) + alembic_section(*OURS)
    (tmp_path / "test.ini").write_text(ini, encoding="utf-8")
    (tmp_path / "core.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(SystemExit, match="the database says: file is not a database"):
        run(tmp_path, *command.split())


@pytest.mark.parametrize("command", LOOKING[:3])
def test_alembics_command_changes_nothing_where_it_looks(whole, tmp_path, command):
    with suppress(SystemExit):  # check says what is missing
        run(tmp_path, *command.split())
    assert tables(whole) == set()
    migrations.upgrade(whole)
    with changing(whole) as connection:
        connection.exec_driver_sql("UPDATE row_count SET change = 1000")
    run(tmp_path, *command.split())
    with changing(whole) as connection:
        assert set(connection.exec_driver_sql("SELECT change FROM row_count").scalars()) == {1000}


@pytest.mark.parametrize(
    "command", ["upgrade heads", "current", "check", "revision --autogenerate"]
)
def test_alembics_command_overlooks_no_plugin(seats, tmp_path, command):
    migrations.downgrade(seats, "seats@base")
    with pytest.raises(SystemExit, match=r"version_locations .*: seats:migrations$"):
        run(tmp_path, *command.split())


def test_alembics_command_shows_whoever_wrote_a_migration_where_it_goes_wrong(
    write_seats, own_database, tmp_path
):
    database_file.make(own_database)
    ini = write_seats(SEATS.replace("CREATE TABLE seat (id INTEGER)", "SELECT * FROM nowhere"))
    (tmp_path / "test.ini").write_text(ini + "    seats:migrations\n", encoding="utf-8")
    with pytest.raises(DBAPIError, match="nowhere") as failed:
        run(tmp_path, "upgrade", "heads")
    assert any(str(each.path).endswith("0001.py") for each in failed.traceback)
