"""Real processes of the service, for what only a process can show."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

# Where pserve and its like are, beside the Python that runs the tests.
SCRIPTS = Path(sys.executable).parent
REPOSITORY = Path(__file__).parent.parent
# Long enough for a busy machine; nothing waits for its end when all is well.
PATIENCE = 60
# Below those that the system deals out: another process, or a connection, would be given one that
# was free a moment ago and that a server is about to listen on.
PORTS = range(10_000, 32_000)


class Server(NamedTuple):
    """A process that answers, and where it writes what it has to say."""

    process: subprocess.Popen
    port: int
    stdout: Path
    stderr: Path


def environment(**variables):
    """The variables of a child: this process's, without settings of the service."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("WIDGET_SERVICE_")}
    path = f"{SCRIPTS}:{os.environ.get('PATH', os.defpath)}"
    return {**inherited, "PATH": path, "PYTHONUNBUFFERED": "1", **variables}


def run(*command, cwd, text="", **variables):
    """Run a command of the virtual environment to its end; ``text`` is its standard input."""
    return subprocess.run(
        [SCRIPTS / command[0], *command[1:]],
        cwd=cwd,
        env=environment(**variables),
        input=text,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def free_port():
    """A port of this machine that nobody listens on, in either version of the protocol."""
    while True:
        port = secrets.choice(PORTS)
        with contextlib.suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            if has_ipv6():
                socket.create_server(("::1", port), family=socket.AF_INET6).close()
            return port


@functools.cache
def has_ipv6():
    """Has this machine an address of its own in that version?"""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def ini_file(name, directory, *changes, port=None):
    """A copy of an .ini file of the repository.

    :param changes: pairs of a text that is there, and the one to have instead
    :param port: instead of 6543
    """
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    if port is not None:
        changes = (*changes, (":6543", f":{port}"))
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    draft = directory / f"{name}.draft"
    draft.write_text(text, encoding="utf-8")
    # At once: a server that watches the file must not see half of it.
    return draft.replace(directory / name)


@contextlib.contextmanager
def serving(*command, cwd, port, **variables) -> Iterator[Server]:
    """A server, from its first answer until the block ends; ``command`` starts it."""
    stdout, stderr = cwd / f"{port}.stdout", cwd / f"{port}.stderr"
    with stdout.open("w") as out, stderr.open("w") as err:
        process = subprocess.Popen(
            [SCRIPTS / command[0], *command[1:]],
            cwd=cwd,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    try:
        wait_for_port(process, port, stderr)
        yield Server(process, port, stdout, stderr)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_for_port(process, port, stderr):
    """Return as soon as somebody listens on ``port``; fail if ``process`` ends first."""
    deadline = time.monotonic() + PATIENCE
    while not listens(port):
        pause(process, stderr)
        assert time.monotonic() < deadline, f"nobody listens on {port}: {stderr.read_text()}"


def listens(port):
    """Is there somebody on ``port``?"""
    try:
        socket.create_connection(("localhost", port)).close()
    except OSError:
        return False
    return True


def pause(process, stderr):
    """Let ``process`` go on for a moment; fail if it ends."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        status = process.wait(0.05)
        raise AssertionError(f"ended with {status}: {stderr.read_text()}")


def ask(port, method, path, fields=None, headers=None):
    """Send a request, ``fields`` as a form; the status, the headers and the parsed body."""
    headers = dict(headers or {})
    body = None
    if fields is not None:
        body = urlencode(fields)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection("localhost", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, json.loads(response.read() or "null")
    finally:
        connection.close()
