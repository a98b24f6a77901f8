"""The servers that are measured: how each is installed, prepared, started and stopped."""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import data

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENVS = HERE / ".venvs"
WORK = HERE / ".data"

# Environments that have the service in them.
OWN = ("ours", "tools")

# As many threads as waitress has; by itself it would have hundreds.
GRANIAN = (
    "{bin}/granian --interface wsgi --workers 1 --blocking-threads 48 --host 127.0.0.1 "
    "--port {port} --log-level warning "
)
WAITRESS = "{bin}/waitress-serve --listen=127.0.0.1:{port} --threads=4 --ident= "
UVICORN = (
    "{bin}/uvicorn --loop uvloop --http httptools --port {port} --no-access-log "
    "--log-level warning "
)


@dataclass(frozen=True)
class Server:
    """A server; in commands {bin}, {port}, {ini} and {peers} are filled in."""

    key: str
    title: str
    environment: str
    command: str
    # What makes a copy of the data fit for it.
    prepare: str = ""


@dataclass(frozen=True)
class Limit(Server):
    """One that answers the same to everything, to nobody in particular."""


# Those that others are divided by.
BASELINE = "fastapi"

SERVERS = [
    Server("waitress", "this service, waitress", "ours", "{bin}/pserve -q {ini}"),
    Server("granian", "this service, granian", "ours", GRANIAN + "served:application"),
    Server("fastapi", "FastAPI, uvicorn", "fastapi", UVICORN + "fastapi_usual:app"),
    Server(
        "fastapi-tuned",
        "FastAPI tuned alike, uvicorn",
        "fastapi",
        UVICORN + "fastapi_tuned:app",
        "{bin}/python {peers}/fastapi_tuned_prepare.py",
    ),
    Server("flask", "Flask-RESTX, waitress", "flask", WAITRESS + "flask_restx_app:app"),
    Server(
        "django",
        "Django REST framework, gunicorn",
        "django",
        "{bin}/gunicorn --bind 127.0.0.1:{port} --workers 1 --threads 4 --log-level warning "
        "--worker-class gthread drf_app.wsgi:application",
        "{bin}/python {peers}/drf_app/prepare.py",
    ),
    Limit(
        "pyramid-waitress",
        "bare Pyramid view, waitress",
        "ours",
        WAITRESS + "constant:pyramid",
    ),
    Limit("pyramid-granian", "bare Pyramid view, granian", "ours", GRANIAN + "constant:pyramid"),
    Limit("wsgi-waitress", "bare WSGI function, waitress", "ours", WAITRESS + "constant:wsgi"),
    Limit("wsgi-granian", "bare WSGI function, granian", "ours", GRANIAN + "constant:wsgi"),
]


def install(name: str) -> None:
    """Make a virtual environment, unless it is there as its requirements say."""
    requirements = HERE / f"requirements-{name}.txt"
    wanted = requirements.read_bytes()
    if name in OWN:
        wanted += (ROOT / "setup.py").read_bytes()
    mark = VENVS / name / "installed"
    digest = hashlib.sha256(wanted).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return
    print(f"installing {requirements.name}", flush=True)
    python = VENVS / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENVS / name], check=True)
    install = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", requirements.name], check=True, cwd=HERE)
    mark.write_text(digest)


def environment(name: str, database: str) -> dict[str, str]:
    """The variables of a process in that environment."""
    # Nothing of the peers' in ours: the service's own libraries have names such as limits.
    folders = [HERE / "served"] if name in OWN else [HERE, HERE / "peers"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return kept | {
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "BENCH_DATABASE": database,
        "BENCH_KEY": data.KEY,
        "BENCH_INI": str(WORK / "bench.ini"),
    }


def cores() -> tuple[int, int, int]:
    """Of the server, of the load, of PostgreSQL, which has the load's where there are but two."""
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:
        raise SystemExit("the server and the load need a core each; this machine has one")
    return found[0], found[1], found[min(2, len(found) - 1)]


def write_ini(database: str, port: int) -> Path:
    """The checkout's production.ini with another database, key and port; no rate limits."""
    WORK.mkdir(exist_ok=True)
    parser = configparser.RawConfigParser()
    parser.optionxform = str
    parser.read(ROOT / "production.ini", encoding="utf-8")
    for key, value in parser["app:main"].items():
        # No peer counts what its clients do, and none refuses too much.
        if key.startswith("throttle.") and re.search(r"\d/(second|minute|hour|day)", value):
            parser["app:main"][key] = ""
    parser["app:main"]["sqlalchemy.url"] = database.replace("%", "%%")
    parser["app:main"]["jwt.private_key"] = data.KEY
    parser["server:main"]["listen"] = f"127.0.0.1:{port}"
    file = WORK / "bench.ini"
    with file.open("w", encoding="utf-8") as stream:
        parser.write(stream)
    return file


def words(server: Server, command: str, database: str, port: int = 0) -> list[str]:
    """A command, filled in."""
    ini = write_ini(database, port)
    return command.format(
        bin=VENVS / server.environment / "bin", port=port, ini=ini, peers=HERE / "peers"
    ).split()


def prepare(server: Server, database: str) -> None:
    """Make the copy of the data that is the server's fit for it."""
    if server.prepare:
        command = words(server, server.prepare, database)
        subprocess.run(command, check=True, env=environment(server.environment, database), cwd=WORK)


@dataclass
class Running:
    """A server that answers."""

    server: Server
    port: int
    process: subprocess.Popen
    # Seconds from the start of the process to its first answer.
    first_answer: float

    def memory(self) -> float:
        """What the process and its children have for themselves (PSS), in MB."""
        total = 0
        for process in [self.process.pid, *children(self.process.pid)]:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += sum(int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:")
        return total / 1000


def children(process: int) -> list[int]:
    """All that a process has started, and what these have."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


@contextmanager
def running(server: Server, database: str, core: int):
    """The server, alone on a core, until the end of the block."""
    port = free_port()
    log = (WORK / f"{server.key}.log").open("w")
    began = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "--cpu-list", str(core), *words(server, server.command, database, port)],
        env=environment(server.environment, database),
        cwd=WORK,
        stdout=log,
        stderr=log,
    )
    try:
        wait_for(process, port, log.name)
        yield Running(server, port, process, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def wait_for(process: subprocess.Popen, port: int, log: str) -> None:
    """Wait for the first answer, whatever it says.

    :raises SystemExit: the process ends, or is silent for a minute
    """
    for _ in range(6000):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/widgets/none", timeout=5)
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None:
                break
            # It does not listen yet; to ask without a pause would take the processor from it.
            time.sleep(0.01)
        else:
            return
    raise SystemExit(f"the server does not start:\n{Path(log).read_text()}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
