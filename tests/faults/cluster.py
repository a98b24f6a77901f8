"""Several server processes on one database, as an operator runs them."""

import contextlib
import time
from pathlib import Path

from processes import PATIENCE, ask, free_port, run, serving

API = "/api/v1"
PASSWORD = "correct horse battery staple"
INI = """
[app:main]
use = egg:widget_service
pyramid.includes =
    widget_service.auth
    widget_service.widgets
    widget_service.docs
    {plugins}
sqlalchemy.url = {url}
database.migrate_at_start = true
database.lock_timeout = {lock_timeout}
database.answer_timeout = 5000
auth.hash_queue = 16
jwt.private_key = 0123456789abcdef-only-tests-sign-with-it
# Hashes as cheap as Argon2 allows.
passlib.argon2__time_cost = 1
passlib.argon2__memory_cost = 8

[server:main]
use = egg:widget_service#server
threads = 4
"""
SERVER = """
[server:{port}]
use = main
listen = localhost:{port}
"""


class Cluster:
    """Server processes, by the number of each; they end with the ``with`` block."""

    def __init__(self, directory, url, processes, lock_timeout=5000, plugins=()):
        """
        :param lock_timeout: of the database, in milliseconds
        :param plugins: in addition to those that everybody has
        """
        self.directory = directory
        self.ports = [free_port() for _each in range(processes)]
        self._servers = {}
        self._last = contextlib.ExitStack()
        text = INI.format(
            url=url.replace("%", "%%"), lock_timeout=lock_timeout, plugins="\n    ".join(plugins)
        )
        text += "".join(SERVER.format(port=port) for port in self.ports)
        (directory / "service.ini").write_text(text, encoding="utf-8")

    def __enter__(self):
        # The first command brings the database up to date, before several processes want to.
        self.command("migrate")
        for number in range(len(self.ports)):
            self.start(number)
        return self

    def __exit__(self, *_error):
        for number in list(self._servers):
            self._servers.pop(number)[0].close()

    def start(self, number):
        """Start a process; it listens when this returns."""
        stack = contextlib.ExitStack()
        port = self.ports[number]
        command = ("pserve", "-q", "--server-name", str(port), "service.ini")
        server = stack.enter_context(serving(*command, cwd=self.directory, port=port))
        self._servers[number] = (stack, server)

    def kill(self, number):
        """End a process as ``kill -9`` does."""
        stack, server = self._servers.pop(number)
        server.process.kill()
        server.process.wait(PATIENCE)
        stack.close()

    def stop(self, number):
        """End a process as an operator does; its exit status."""
        stack, server = self._servers.pop(number)
        server.process.terminate()
        status = server.process.wait(PATIENCE)
        stack.close()
        return status

    def command(self, *arguments):
        """Run a command of the service to its end."""
        done = run("widget-service", "-c", "service.ini", *arguments, cwd=self.directory)
        assert done.returncode == 0, done.stderr

    def is_ready(self, number):
        """Does a process say that it can serve?"""
        return ask(self.ports[number], "GET", "/__heartbeat__")[0] == 200

    def ask(self, number, method, path, fields=None, token=None):
        """Send a request to a process; the status, the headers and the parsed body."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return ask(self.ports[number], method, API + path, fields, headers)

    def log_in(self, email, *, admin=False):
        """A token of a user, who is registered first where there is none of that address."""
        account = {"email": email, "password": PASSWORD}
        self.ask(0, "POST", "/auth/register", account)
        if admin:
            self.command("promote", email)
        status, _headers, body = self.ask(0, "POST", "/auth/login", account)
        assert status == 200, body
        return body["access_token"]

    def holdings(self, number):
        """How many threads and open files a process has."""
        proc = Path("/proc") / str(self._servers[number][1].process.pid)
        return {kind: len(list((proc / kind).iterdir())) for kind in ("task", "fd")}

    def logs(self):
        """What the processes wrote."""
        return "".join(each.read_text() for each in self.directory.glob("*.stderr"))

    @property
    def pids(self):
        """The processes' numbers."""
        return [server.process.pid for _stack, server in self._servers.values()]


# Threads that hash begin when they are needed, not all of them at once.
HASHING = 2


def eventually(holds, seconds=PATIENCE):
    """Ask again and again until ``holds()`` is true; fail when it never is."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came about"
    return found
