"""PostgreSQL's own programs, those of the server that the tests have started."""

import os
import subprocess
from contextlib import contextmanager

from processes import PATIENCE
from sqlalchemy import create_engine, make_url, text

from widget_service.testing import postgresql_database


def path(server):
    """A PATH with the server's programs first: those of the system may be too old for it."""
    engine = create_engine(server)
    with engine.connect() as connection:
        where = "SELECT setting FROM pg_config WHERE name = 'BINDIR'"
        directory = connection.scalar(text(where))
    engine.dispose()
    return f"{directory}:{os.environ['PATH']}"


@contextmanager
def restored(copy, request):
    """The URL of a database that is made of a copy, as docs/deploy.md says."""
    if copy.read_bytes()[:6] == b"SQLite":
        yield f"sqlite:///{copy}"
        return
    server = request.getfixturevalue("postgresql")
    with postgresql_database(server, f"restored_{os.urandom(8).hex()}") as url:
        libpq = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        command = ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={libpq}", copy]
        subprocess.run(
            command, env={**os.environ, "PATH": path(server)}, check=True, timeout=PATIENCE
        )
        yield url
