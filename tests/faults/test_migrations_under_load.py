"""A plugin's new release migrates the database while processes of the old one serve."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from faults.cluster import Cluster
from faults.load import Load
from figures import LOST, WRONGLY
from sqlalchemy import create_engine, text

pytestmark = pytest.mark.faults

LOCK_TIMEOUT = 500
# Of the plugin: its one module, and its revisions.
OLD = '''
from pyramid.authorization import Allow, Everyone
from sqlalchemy import String, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from widget_service.db import Base
from widget_service.errors import NotFound
from widget_service.resources import Context
from widget_service.rest import Service

class Entry(Base):
    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)

class Open(Context):
    __acl__ = ((Allow, Everyone, "entries"),)

entry = Service("entry", "/entries/{name}", factory=Open)
FIND = select(Entry.__table__).where(Entry.name == bindparam("name"))

@entry.get(permission="entries")
def get_entry(request):
    rows = request.read(FIND, request.matchdict)
    if not rows:
        raise NotFound("There is none.")
    return rows[0]._asdict()

@entry.put(permission="entries")
def put_entry(request):
    """Add it where it is not there; what is there already is read in the transaction."""
    name = request.matchdict["name"]
    if not request.dbsession.scalars(select(Entry).where(Entry.name == name)).all():
        request.dbsession.add(Entry(name=name))
        request.response.status_int = 201
    return {}

def includeme(config):
    config.include("widget_service")
    config.declare_permissions({"entries": "read and write entries"})
    config.add_migrations("ledger:migrations")
    config.add_rest_service(entry)
'''
NEW = OLD.replace("String(20)", "String(200)").replace(
    "class Open", "    amount: Mapped[int] = mapped_column(server_default='0')\n\nclass Open"
)
FIRST = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "ledger0001", None, ("ledger",), None

def upgrade():
    op.create_table(
        "entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entry"),
        sa.UniqueConstraint("name", name="uq_entry_name"),
    )

def downgrade():
    op.drop_table("entry")
"""
# It takes as long as it may: until there is a certain file.
SECOND = """
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "ledger0002", "ledger0001", None, None

def upgrade():
    with op.batch_alter_table("entry") as batch:
        batch.alter_column("name", existing_type=sa.String(20), type_=sa.String(200))
        batch.add_column(sa.Column("amount", sa.Integer(), server_default="0", nullable=False))
    while not Path("enough").exists():
        time.sleep(0.01)

def downgrade():
    with op.batch_alter_table("entry") as batch:
        batch.drop_column("amount")
"""


class Entries:
    """Clients that add entries to processes, and read them; what they were told."""

    def __init__(self, cluster, figures, processes):
        self.cluster = cluster
        self.figures = figures
        self.added = []
        self.statuses = Counter()
        self.unexpected = []
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(2 * len(processes))
        self._running = [
            self._pool.submit(self._run, writer, process)
            for writer, process in enumerate([*processes, *processes])
        ]

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._stopped.set()
        self._pool.shutdown()
        for each in self._running:
            each.result()

    def wait_for(self, number, method, status):
        """Return when there are that many more answers of a status to a method."""
        goal = self.statuses[method, status] + number
        with self._changed:
            reached = self._changed.wait_for(lambda: self.statuses[method, status] >= goal, 60)
        assert reached, (self.statuses, self.cluster.logs()[-3000:])

    def _run(self, writer, process):
        number = 0
        while not self._stopped.is_set():
            number += 1
            path = f"/entries/{writer}-{number}"
            if self._ask(process, "PUT", path, 201):
                self.added.append(path.rpartition("/")[2])
                self._ask(process, "PUT", path, 200)
                self._ask(process, "GET", path, 200)

    def _ask(self, process, method, path, good):
        """Send a request; is the answer the one that is good?"""
        status, headers, body = self.cluster.ask(process, method, path)
        with self._changed:
            self.figures["requests sent"] += 1
            self.statuses[method, status] += 1
            if status != good and not (status == 503 and headers["Retry-After"]):
                self.unexpected.append((method, path, status, body))
                self.figures[WRONGLY] += 1
            self._changed.notify_all()
        return status == good

    def check(self, url):
        """Is everything there that was acknowledged, and nobody was told what is not so?"""
        engine = create_engine(url)
        with engine.connect() as connection:
            there = {name for (name,) in connection.execute(text("SELECT name FROM entry"))}
        engine.dispose()
        lost = set(self.added) - there
        self.figures[LOST] += len(lost)
        assert lost == set()
        assert self.unexpected == []


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that puts a release of the plugin where processes find it."""
    folder = tmp_path / "modules" / "ledger"
    (folder / "migrations").mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))

    def write(module, **revisions):
        (folder / "__init__.py").write_text(module, encoding="utf-8")
        for name, revision in revisions.items():
            (folder / "migrations" / f"{name}.py").write_text(revision, encoding="utf-8")

    return write


def test_it_serves_while_a_newer_release_migrates(own_database, tmp_path, figures, install):
    install(OLD, first=FIRST)
    old, new = (0, 1), 2
    plugins = ("widget_service.ops", "ledger")
    with (
        Cluster(tmp_path, own_database, 3, LOCK_TIMEOUT, plugins) as cluster,
        ThreadPoolExecutor(1) as background,
    ):
        cluster.stop(new)
        token = cluster.log_in("admin@example.com", admin=True)
        with (
            Load(cluster, token, figures, processes=old) as load,
            Entries(cluster, figures, old) as entries,
        ):
            entries.wait_for(50, "GET", 200)
            install(NEW, second=SECOND)
            # What they find is theirs still; nobody has asked them before.
            assert all(map(cluster.is_ready, old))
            migration = background.submit(cluster.command, "migrate")
            figures["faults injected"] += 1
            # Now it has its lock.
            entries.wait_for(5, "PUT", 503)
            (tmp_path / "enough").touch()
            migration.result()
            entries.wait_for(50, "GET", 200)
            load.wait_for(50)
            assert all(map(cluster.is_ready, old))
            cluster.start(new)
            assert cluster.is_ready(new)
            status, _headers, body = cluster.ask(new, "GET", f"/entries/{entries.added[0]}")
            assert (status, body["amount"]) == (200, 0)
            assert cluster.ask(new, "PUT", f"/entries/{'long' * 40}")[0] == 201
            # The newer one is in nobody's way.
            entries.wait_for(50, "GET", 200)
        load.check(own_database)
        entries.check(own_database)
        assert "Traceback" not in cluster.logs()
        cluster.command("migrate", "--down", "ledger0001")
        assert [cluster.is_ready(number) for number in (*old, new)] == [True, True, False]
