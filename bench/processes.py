"""What a second process on a second core gains: one and two of this service on one database.

With four cores or more the loads have cores of their own. With two they share those of the servers,
and the second process gains less than it would: how much, a bare view shows, whose processes have
nothing in common.
"""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import ExitStack, closing
from dataclasses import replace
from statistics import median

import servers
from databases import SQLite
from http_json import log_in
from load import Load
from report import figure, table
from scenarios import CONNECTIONS, ONE, READERS, World

KEYS = ("waitress", "pyramid-waitress")


def rate(
    server: servers.Server, url: str, count: int, rows: int, seconds: float, warmup: float
) -> float:
    """Requests per second of so many processes together."""
    cores = sorted(os.sched_getaffinity(0))
    spare = cores[2:] if len(cores) > 3 else cores[:2]
    with ExitStack() as stack:
        # Each has a file of settings of its own, with its port.
        running = [
            stack.enter_context(servers.running(replace(server, key=f"process-{core}"), url, core))
            for core in cores[:count]
        ]
        is_limit = isinstance(server, servers.Limit)
        tokens = [""] if is_limit else [log_in(running[0].port, user) for user in range(READERS)]
        for length in filter(None, (warmup, seconds)):
            loads = []
            for each in running:
                requests = ONE.requests(World(each.port, rows, tokens))
                # Alone, with two cores, a server has one and the load the other.
                core = ",".join(map(str, spare if count > 1 or len(cores) > 3 else cores[1:2]))
                name = each.server.key
                loads.append(Load(requests, each.port, core, length, CONNECTIONS, name))
            total = sum(each.measured().rate for each in loads)
    return total


def measure(rows: int, rounds: int, seconds: float, warmup: float) -> None:
    """Take turns, and print the table."""
    measured = [each for each in servers.SERVERS if each.key in KEYS]
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    with closing(SQLite(rows)) as database:
        url = database.copy(measured[0])
        for turn in range(rounds):
            for count in (1, 2) if turn % 2 == 0 else (2, 1):
                for each in measured:
                    found[each.key, count].append(rate(each, url, count, rows, seconds, warmup))
        database.drop(measured[0])
    lines = []
    for each in measured:
        one, two = (median(found[each.key, count]) for count in (1, 2))
        lines.append([each.title, figure(one), figure(two), figure(two / one)])
    print(f"\n## {rows:,} widgets in SQLite, several processes\n")
    print("One widget, requests per second.\n")
    print(table(["", "one process", "two", "two ÷ one"], lines))
