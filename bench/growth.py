"""What a hundred times as many rows cost a read by name: two servers, which take turns.

Both run all the time, as one that nobody asks costs the other nothing: so each round of one is
seconds away from the same round of the other.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from statistics import median

import servers
from databases import SQLite
from http_json import log_in
from load import Load
from report import figure, table
from scenarios import CONNECTIONS, ONE, READERS, World


def measure(sizes: tuple[int, int], rounds: int, seconds: float, warmup: float) -> None:
    """Take turns, and print the table."""
    core, load_core, _ = servers.cores()
    waitress = next(each for each in servers.SERVERS if each.key == "waitress")
    worlds: dict[int, World] = {}
    found: dict[int, list[float]] = {rows: [] for rows in sizes}
    with ExitStack() as stack:
        for rows in sizes:
            server = replace(waitress, key=f"rows-{rows}")
            database = stack.enter_context(closing(SQLite(rows)))
            url = database.copy(server)
            stack.callback(database.drop, server)
            running = stack.enter_context(servers.running(server, url, core))
            tokens = [log_in(running.port, user) for user in range(READERS)]
            worlds[rows] = World(running.port, rows, tokens)

        def rate(rows: int, length: float) -> float:
            world = worlds[rows]
            requests = ONE.requests(world)
            return Load(requests, world.port, load_core, length, CONNECTIONS).measured().rate

        for rows in sizes if warmup else ():
            rate(rows, warmup)
        for turn in range(rounds):
            for rows in sizes if turn % 2 == 0 else sizes[::-1]:
                found[rows].append(rate(rows, seconds))
    small, large = sizes
    ratios = [after / before for before, after in zip(found[small], found[large], strict=True)]
    print(f"\n## {small:,} and {large:,} widgets in SQLite, by turns\n")
    lines = [
        [f"{small:,}", figure(median(found[small])), "1.00"],
        [f"{large:,}", figure(median(found[large])), figure(median(ratios))],
    ]
    print(table(["widgets", "one widget, requests per second", f"× {small:,}"], lines))
