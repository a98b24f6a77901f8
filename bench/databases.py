"""Databases full of widgets: one is filled, and each server gets a copy of its own."""

from __future__ import annotations

import shutil
import subprocess

import servers
from servers import HERE, VENVS, WORK

TOOLS = VENVS / "tools" / "bin"


def fill(url: str, rows: int) -> None:
    """Migrate an empty database and fill it."""
    print(f"filling a database with {rows:,} widgets", flush=True)
    ini = servers.write_ini(url, 0)
    environment = servers.environment("tools", url)
    migrate = [TOOLS / "widget-service", "-c", ini, "migrate"]
    for command in (migrate, [TOOLS / "python", HERE / "fill.py", url, str(rows)]):
        quiet = subprocess.DEVNULL
        subprocess.run(command, check=True, env=environment, cwd=WORK, stdout=quiet)


class SQLite:
    """Files."""

    def __init__(self, rows: int) -> None:
        self._full = WORK / f"full-{rows}.sqlite"
        remove(self._full)
        fill(f"sqlite:///{self._full}", rows)

    def copy(self, server: servers.Server) -> str:
        """The URL of a new copy for a server."""
        file = WORK / f"{server.key}.sqlite"
        remove(file)
        shutil.copyfile(self._full, file)
        return f"sqlite:///{file}"

    def drop(self, server: servers.Server) -> None:
        """Remove a copy."""
        remove(WORK / f"{server.key}.sqlite")

    def close(self) -> None:
        """Remove what the copies were made of."""
        remove(self._full)


def remove(file) -> None:
    """Remove a database and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


class PostgreSQL:
    """Databases of a server of our own, on the given core."""

    def __init__(self, rows: int, core: int) -> None:
        directory = WORK / "postgresql"
        shutil.rmtree(directory, ignore_errors=True)
        command = ["taskset", "--cpu-list", str(core)]
        command += [TOOLS / "python", HERE / "postgres.py", directory]
        pipe = subprocess.PIPE
        self._server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._uri = self._server.stdout.readline().strip()
        self._sql("CREATE DATABASE full_one")
        fill(self._url("full_one"), rows)

    def _url(self, name: str) -> str:
        head, _, options = self._uri.partition("?")
        scheme, _, rest = head.partition("://")
        return f"{scheme}+psycopg://{rest.rpartition('/')[0]}/{name}?{options}"

    def _sql(self, statement: str) -> None:
        self._server.stdin.write(f"{statement}\n")
        self._server.stdin.flush()
        if self._server.stdout.readline() != "done\n":
            raise SystemExit(f"PostgreSQL refuses: {statement}")

    def copy(self, server: servers.Server) -> str:
        """The URL of a new copy for a server."""
        name = server.key.replace("-", "_")
        self._sql(f"CREATE DATABASE {name} TEMPLATE full_one")
        return self._url(name)

    def drop(self, server: servers.Server) -> None:
        """Remove a copy."""
        self._sql(f"DROP DATABASE {server.key.replace('-', '_')} WITH (FORCE)")

    def close(self) -> None:
        """End the server."""
        self._server.stdin.close()
        self._server.wait()
