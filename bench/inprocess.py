"""What a request costs in the process, without a server; run in our own environment.

Beside the time stands how many times that of a bare Pyramid view it is: that, and not the time,
is what another machine can be compared by. ``--check`` fails where it is far too much.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import pstats
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from types import ModuleType
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent / "served"))

import colander
import plaster

import constant
import data
import fill
import servers
from report import figure, table
from widget_service.fields import Text
from widget_service.resources import Context
from widget_service.rest import Service
from widget_service.settings import setting
from widget_service.testing import statements

ROWS = 1000
PREFIX = "/api/v1"
# Generous: a regression of a factor is seen, the noise of a shared machine is not.
MOST_TIMES = {
    "GET one widget": 16,
    "GET list of 10": 45,
    "GET list of 100": 170,
    "GET the user": 14,
}
FIVE_MORE = "the same, five more plugins"
MOST_STATEMENTS = dict.fromkeys(MOST_TIMES, 2)


def environ(method: str, url: str, token: str = "", body: dict | None = None) -> dict:
    """What a WSGI server makes of a request."""
    parts = urlsplit(url)
    content = b"" if body is None else json.dumps(body).encode()
    made = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": parts.path,
        "QUERY_STRING": parts.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if token:
        made["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    if body is not None:
        made |= {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(content))}
    return made


def call(app, request: dict) -> tuple[int, bytes]:
    """Status and body of an answer."""
    started = []
    answer = app(request, lambda status, _headers, _error=None: started.append(status))
    body = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    return int(started[0][:3]), body


class Case:
    """A request, many times over.

    :param make: the environ of the n-th request
    """

    def __init__(self, title: str, app, make, status: int = 200, share: int = 1) -> None:
        self.title, self.app, self._make, self._status = title, app, make, status
        # Slow requests are asked less often.
        self._share = share
        self._number = 0

    def microseconds(self, count: int) -> float:
        """The processor's time, the mean of so many requests."""
        requests = [self._next() for _ in range(max(1, count // self._share))]
        spent = 0.0
        for request in requests:
            # Of this thread: what else the machine does meanwhile does not count.
            began = time.thread_time()
            status, body = call(self.app, request)
            spent += time.thread_time() - began
            assert status == self._status, (self.title, status, body)
        return spent / len(requests) * 1e6

    def calls(self) -> int:
        """Function calls of one request."""
        request = self._next()
        profile = cProfile.Profile()
        profile.enable()
        call(self.app, request)
        profile.disable()
        return pstats.Stats(profile).total_calls

    def statements(self) -> int:
        """SQL statements of one request."""
        if not hasattr(self.app.registry, "database"):
            return 0
        with statements(self.app.registry) as seen:
            call(self.app, self._next())
        return len(seen)

    def _next(self) -> dict:
        self._number += 1
        return self._make(self._number)


class OneSetting(colander.MappingSchema):
    """Of a plugin that nobody asks for."""

    one = setting(Text(), "A setting.", default="x")


class Plugin(ModuleType):
    """One more plugin, with a setting, a permission and two services that nobody asks for."""

    def includeme(self, config) -> None:
        """What Pyramid calls."""
        name = self.__name__
        config.include("widget_service")
        config.declare_settings(name, OneSetting())
        config.declare_permissions({f"{name}:read": "read"})
        for path in (f"/{name}", f"/{name}/{{id}}"):
            each = Service(path.strip("/{}").replace("/{", "_"), path, factory=Context)
            each.add_view("GET", lambda _request: {}, permission=f"{name}:read")
            config.add_rest_service(each)


def application(directory: Path, *plugins: str):
    """Our application, with so many more plugins."""
    ini = servers.write_ini(f"sqlite:///{directory / 'inprocess.sqlite'}", 0)
    text = ini.read_text().replace("migrate_at_start = false", "migrate_at_start = true")
    first = "widget_service.auth"
    assert text.count(f"\t{first}\n") == 1
    # Before ours: their routes are tried before those that are asked for.
    text = text.replace(f"\t{first}\n", "".join(f"\t{each}\n" for each in (*plugins, first)))
    file = directory / "inprocess.ini"
    file.write_text(text)
    return plaster.get_loader(str(file), protocols=["wsgi"]).get_wsgi_app()


def service(directory: Path):
    """Our application with its data, and the tokens of the administrator and of a user."""
    app = application(directory)
    fill.main(f"sqlite:///{directory / 'inprocess.sqlite'}", ROWS)
    tokens = []
    for number in (0, 1):
        body = {"email": data.user(number)["email"], "password": data.PASSWORD}
        status, answer = call(app, environ("POST", f"{PREFIX}/auth/login", "", body))
        assert status == 200, answer
        tokens.append(json.loads(answer)["access_token"])
    return app, *tokens


def cases(directory: Path) -> list[Case]:
    """A bare view first, which the others are divided by."""
    app, admin, user = service(directory)
    names = [f"more_{letter}" for letter in "abcde"]
    sys.modules |= {name: Plugin(name) for name in names}
    with_more = application(directory, *names)

    def get(path: str, token: str = user):
        return lambda number: environ(
            "GET", PREFIX + path.format(n=data.name(number % ROWS)), token
        )

    def write(method: str, path: str):
        def make(number: int) -> dict:
            body = {
                "name": f"new-{number}",
                "info_url": f"https://example.com/{number}",
                "deadline": "12/31/2099",
            }
            return environ(method, PREFIX + path.format(n=data.name(number % ROWS)), admin, body)

        return make

    return [
        Case("a bare Pyramid view", constant.pyramid, get("/widgets/{n}")),
        Case("GET one widget", app, get("/widgets/{n}")),
        Case(FIVE_MORE, with_more, get("/widgets/{n}")),
        Case("GET list of 10", app, get("/widgets?page=2&per_page=10"), share=4),
        Case("GET list of 100", app, get("/widgets?page=2&per_page=100"), share=20),
        Case("GET the user", app, get("/auth/user")),
        Case("GET without a token: 401", app, get("/widgets/{n}", ""), 401),
        Case("GET of nothing: 404", app, get("/widgets/nothing"), 404),
        Case("PUT, update", app, write("PUT", "/widgets/{n}"), share=10),
        Case("POST, create", app, write("POST", "/widgets"), 201, share=10),
    ]


def main() -> None:
    """Measure, print, and judge if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="figures mean little")
    parser.add_argument("--check", action="store_true", help="fail where a limit is exceeded")
    chosen = parser.parse_args()
    count, rounds = (200, 3) if chosen.quick else (4000, 7)
    with tempfile.TemporaryDirectory() as directory:
        all_cases = cases(Path(directory))
        for case in all_cases:
            case.microseconds(100)
        times: dict[str, list[float]] = {case.title: [] for case in all_cases}
        for _ in range(rounds):
            for case in all_cases:
                times[case.title].append(case.microseconds(count))
        costs = {title: median(found) for title, found in times.items()}
        bare = costs[all_cases[0].title]
        counts = {case.title: (case.statements(), case.calls()) for case in all_cases}
    rows = [
        [title, figure(cost), figure(cost / bare), *map(str, counts[title])]
        for title, cost in costs.items()
    ]
    head = ["", "µs", "× bare", "SQL statements", "function calls"]
    print(f"\n## In process, SQLite, {ROWS:,} widgets\n\n{table(head, rows)}")
    if chosen.check:
        judge({title: cost / bare for title, cost in costs.items()}, counts)


def judge(times: dict[str, float], counts: dict[str, tuple[int, int]]) -> None:
    """:raises SystemExit: a limit is exceeded"""
    wrong = [
        f"{title}: {times[title]:.1f} times a bare view, of at most {most}"
        for title, most in MOST_TIMES.items()
        if times[title] > most
    ]
    if times[FIVE_MORE] > 1.2 * times["GET one widget"]:
        wrong.append("plugins that nobody asks for cost more than a fifth of one widget")
    wrong += [
        f"{title}: {counts[title][0]} SQL statements, of at most {most}"
        for title, most in MOST_STATEMENTS.items()
        if counts[title][0] > most
    ]
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
