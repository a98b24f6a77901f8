"""What a second process on a second core gains: one and two of this service on one database.

With four cores or more the loads have cores of their own. With two they share those of the servers,
and the second process gains less than it would.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import replace
from statistics import median

import servers
from databases import SQLite
from http_json import log_in
from load import Load
from report import figure, table
from scenarios import CONNECTIONS, ONE, READERS, World


def rate(url: str, count: int, rows: int, seconds: float, warmup: float) -> float:
    """Requests per second of so many processes together."""
    cores = sorted(os.sched_getaffinity(0))
    spare = cores[2:] if len(cores) > 3 else cores[:2]
    server = next(each for each in servers.SERVERS if each.key == "waitress")
    with ExitStack() as stack:
        # Each has a file of settings of its own, with its port.
        running = [
            stack.enter_context(servers.running(replace(server, key=f"process-{core}"), url, core))
            for core in cores[:count]
        ]
        tokens = [log_in(running[0].port, user) for user in range(READERS)]
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
    server = next(each for each in servers.SERVERS if each.key == "waitress")
    found: dict[int, list[float]] = {1: [], 2: []}
    with closing(SQLite(rows)) as database:
        url = database.copy(server)
        for turn in range(rounds):
            for count in (1, 2) if turn % 2 == 0 else (2, 1):
                found[count].append(rate(url, count, rows, seconds, warmup))
        database.drop(server)
    one, two = median(found[1]), median(found[2])
    print(f"\n## {rows:,} widgets in SQLite, several processes\n")
    lines = [
        ["one process", figure(one), "1.00"],
        ["two processes", figure(two), figure(two / one)],
    ]
    print(table(["", "one widget, requests per second", "× one process"], lines))
