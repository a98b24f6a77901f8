"""What clients ask for: each scenario is a list of requests that is sent again and again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import data
from http_json import PREFIX, ask

# How many different requests are prepared, and how many pages a client follows.
VARIETY = 1000
DEPTH = 30
CONNECTIONS = 16
# How many users' tokens go with reads.
READERS = 8


@dataclass(frozen=True)
class World:
    """The server that is asked, how many widgets it has, and tokens: the administrator's first."""

    port: int
    rows: int
    tokens: list[str]


@dataclass(frozen=True)
class Scenario:
    """:param requests: (method, path, token, body); {n} is a number that is used once"""

    key: str
    title: str
    requests: Callable[[World], Iterator[tuple[str, str, str, str]]]
    # A bare view can be asked for it, too.
    for_limits: bool = False
    connections: int = CONNECTIONS
    # Others log in meanwhile.
    storm: bool = False


def one_widget(world: World):
    """Widgets from everywhere in the table, for several users."""
    chosen, tokens = random.Random(1), cycle(world.tokens)
    for _ in range(VARIETY):
        path = f"{PREFIX}/widgets/{data.name(chosen.randrange(world.rows))}"
        yield "GET", path, next(tokens), ""


def list_of(size: int):
    """The first pages of that size."""

    def requests(world: World):
        tokens = cycle(world.tokens)
        for page in cycle(range(1, 11)):
            yield "GET", f"{PREFIX}/widgets?page={page}&per_page={size}", next(tokens), ""

    return lambda world: islice(requests(world), VARIETY)


def fields(**more: str) -> str:
    """A body."""
    url = "https://example.com/changed/{n}"
    return json.dumps({**more, "info_url": url, "deadline": "12/31/2099"})


def create(world: World):
    """Names that nobody has."""
    yield "POST", f"{PREFIX}/widgets", world.tokens[0], fields(name="new-{n}")


def update(world: World):
    """Widgets from everywhere in the table."""
    for _, path, _, _ in one_widget(world):
        yield "PUT", path, world.tokens[0], fields()


def login(_world: World):
    """All users."""
    for number in range(data.USERS):
        body = {"email": data.user(number)["email"], "password": data.PASSWORD}
        yield "POST", f"{PREFIX}/auth/login", "", json.dumps(body)


def mix(world: World):
    """Of a hundred: 70 one widget, 20 a list of 10, 6 updates, 3 new widgets, 1 login."""
    kinds = [cycle(make(world)) for make in (one_widget, list_of(10), update, create, login)]
    order = [0] * 70 + [1] * 20 + [2] * 6 + [3] * 3 + [4]
    random.Random(2).shuffle(order)
    for _ in range(VARIETY // 100):
        for kind in order:
            yield next(kinds[kind])


def deep_by_link(world: World):
    """The last pages, as links lead there: last, then prev."""
    token = world.tokens[-1]
    link, links = f"{PREFIX}/widgets?page=1&per_page=10", []
    for relation in ["last", *["prev"] * DEPTH]:
        link = ask(world.port, "GET", link, token)[1]["links"][relation]
        links.append(link)
    for link in links[1:]:
        yield "GET", link, token, ""


def deep_by_number(world: World):
    """The same pages, typed by hand."""
    last = ask(world.port, "GET", "/widgets?page=1&per_page=10", world.tokens[-1])
    pages = last[1]["total_pages"]
    for page in range(pages - 1, pages - 1 - DEPTH, -1):
        yield "GET", f"{PREFIX}/widgets?page={page}&per_page=10", world.tokens[-1], ""


ONE = Scenario("one", "one widget", one_widget, for_limits=True)
# What only reads comes first, so that everybody reads the same.
SCENARIOS = [
    ONE,
    Scenario("list10", "list of 10", list_of(10)),
    Scenario("list100", "list of 100", list_of(100)),
    Scenario("links", "deep, by links", deep_by_link),
    Scenario("numbers", "deep, by number", deep_by_number),
    Scenario("storm", "one widget while logins storm", one_widget, storm=True),
    # Two verify passwords all the time; more would measure who turns logins away.
    Scenario("login", "login", login, connections=2),
    Scenario("update", "update", update),
    Scenario("create", "create", create),
    Scenario("mix", "mix", mix),
]
# Of a table with a million rows: what depends on its size.
LARGE = ("one", "list10", "links", "numbers")
