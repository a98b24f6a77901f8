"""The benchmark: ``python3 bench/run.py`` does all of it; ``--help`` says what it can leave out.

Needs Linux with two cores, Python 3.11 or later and a network for its first run, which installs
each server in an environment of its own. bench/README.md says what is measured, and what is not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

import checks
import growth
import load
import processes
import servers
from databases import PostgreSQL, SQLite
from http_json import log_in
from report import Report, Results, figure, table
from scenarios import CONNECTIONS, LARGE, READERS, SCENARIOS, Scenario, World, login
from servers import HERE, SERVERS, VENVS, WORK, Limit, Running, Server

# How many log in at the same time while logins storm.
STORM = 4


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often servers take turns")
    parser.add_argument("--seconds", type=float, default=5, help="of each scenario, each round")
    parser.add_argument("--warmup", type=float, default=2, help="seconds before the first scenario")
    keys = [server.key for server in SERVERS]
    parser.add_argument("--servers", nargs="+", choices=keys, default=keys, metavar="SERVER")
    keys = [scenario.key for scenario in SCENARIOS]
    parser.add_argument("--scenarios", nargs="+", choices=keys, default=keys, metavar="SCENARIO")
    tables = ["http", "large", "growth", "processes", "inprocess"]
    parser.add_argument("--tables", nargs="+", choices=tables, default=tables, metavar="TABLE")
    parser.add_argument("--rows", type=int, default=10_000, help="widgets of the first table")
    parser.add_argument("--large-rows", type=int, default=1_000_000, help="of the second one")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--list", action="store_true", help="servers, scenarios and tables")
    parser.add_argument("--quick", action="store_true", help="does it work? Figures mean nothing")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds, chosen.warmup = 1, 1, 0
        chosen.rows, chosen.large_rows = 1_000, 20_000
    # Checked are pages of 10 and 100.
    if chosen.rows % 100 or chosen.large_rows % 100 or min(chosen.rows, chosen.large_rows) < 1000:
        parser.error("the numbers of rows must be multiples of 100, from 1000 on")
    return chosen


def chosen_servers(chosen: argparse.Namespace) -> list[Server]:
    """Those that are asked for; on PostgreSQL ours run where its driver is installed."""
    found = [server for server in SERVERS if server.key in chosen.servers]
    if chosen.postgresql:
        found = [
            replace(server, environment="tools") if server.environment == "ours" else server
            for server in found
        ]
    return found


class Bench:
    """Measures servers on copies of one database."""

    def __init__(self, chosen: argparse.Namespace, rows: int, scenarios: list[Scenario]) -> None:
        self._chosen, self._rows, self._scenarios = chosen, rows, scenarios
        self._servers = chosen_servers(chosen)
        self._core, self._load_core, database_core = servers.cores()
        self._database = PostgreSQL(rows, database_core) if chosen.postgresql else SQLite(rows)
        self._results: Results = defaultdict(list)
        self._memory: dict[str, list[float]] = defaultdict(list)
        self._starts: dict[str, list[float]] = defaultdict(list)

    def check(self) -> None:
        """Does every server do the whole job? On a copy of its own, as the check writes."""
        for server in self._servers:
            if isinstance(server, Limit):
                continue
            url = self._database.copy(server)
            servers.prepare(server, url)
            with servers.running(server, url, self._core) as running:
                checks.check(running.port, self._rows)
            self._database.drop(server)
            print(f"checked: {server.title}", flush=True)

    def run(self) -> None:
        """All rounds; each begins with another server."""
        for turn in range(self._chosen.rounds):
            at = turn % len(self._servers)
            for server in self._servers[at:] + self._servers[:at]:
                began = time.perf_counter()
                self._measure(server)
                took = time.perf_counter() - began
                print(f"round {turn + 1}: {server.title}, {took:.0f} s", flush=True)

    def close(self) -> None:
        """Remove the data."""
        self._database.close()

    def _measure(self, server: Server) -> None:
        """Start, check, time, stop; on new data each time, so that rounds are alike."""
        url = "" if isinstance(server, Limit) else self._database.copy(server)
        servers.prepare(server, url)
        with servers.running(server, url, self._core) as running:
            tokens = [""]
            if not isinstance(server, Limit):
                tokens = [log_in(running.port, user) for user in range(READERS)]
            world = World(running.port, self._rows, tokens)
            self._time(running, world)
            self._memory[server.key].append(running.memory())
            self._starts[server.key].append(running.first_answer)
        if url:
            self._database.drop(server)

    def _time(self, running: Running, world: World) -> None:
        warm = iter(self._scenarios[0].requests(world))
        if self._chosen.warmup:
            self._load(warm, running, self._chosen.warmup).measured()
        for scenario in self._scenarios:
            if scenario.for_limits or not isinstance(running.server, Limit):
                self._time_one(scenario, running, world)

    def _time_one(self, scenario: Scenario, running: Running, world: World) -> None:
        seconds = self._chosen.seconds
        storm = None
        if scenario.storm:
            storm = self._load(login(world), running, seconds + 1, STORM, "storm")
            # The second more that it takes has it begin before the reads, and end after them.
            time.sleep(0.5)
        requests = scenario.requests(world)
        measured = self._load(requests, running, seconds, scenario.connections).measured()
        self._results[scenario.key, running.server.key].append(measured)
        if storm:
            self._results["logins", running.server.key].append(storm.measured())

    def _load(
        self, requests, running: Running, seconds, connections=CONNECTIONS, name="requests"
    ) -> load.Load:
        return load.Load(requests, running.port, self._load_core, seconds, connections, name)

    def print(self, title: str) -> None:
        """The tables."""
        report = Report(self._results, self._servers, self._scenarios)
        print(f"\n## {title}\n\nRequests per second (× {servers.BASELINE})\n\n{report.rates()}")
        print(f"\nMilliseconds, p50 / p99\n\n{report.latencies()}")
        rows = [
            [
                server.title,
                figure(median(self._starts[server.key])),
                figure(median(self._memory[server.key])),
            ]
            for server in self._servers
        ]
        print("\n" + table(["", "first answer, s", "memory after the load (PSS), MB"], rows))
        print("\n" + "\n".join([f"Rounds differ by up to {report.spread()}.", *report.unclean()]))

    def save(self, name: str) -> None:
        """Every figure of every round."""
        found = {
            f"{server} {scenario}": [asdict(each) for each in rounds]
            for (scenario, server), rounds in self._results.items()
        }
        (WORK / f"{name}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def main() -> None:
    """Install, measure, print."""
    chosen = options()
    if chosen.list:
        print("servers:  ", *[f"{each.key} ({each.title})" for each in SERVERS], sep="\n    ")
        print("scenarios:", *[f"{each.key} ({each.title})" for each in SCENARIOS], sep="\n    ")
        print("tables:   http large growth processes inprocess")
        return
    WORK.mkdir(exist_ok=True)
    load.warn_without_wrk()
    named = {server.environment for server in chosen_servers(chosen)}
    for name in sorted(named | {"tools"}):
        servers.install(name)
    print(machine(chosen), flush=True)
    wanted = [each for each in SCENARIOS if each.key in chosen.scenarios]
    if "http" in chosen.tables:
        measure(chosen, "http", chosen.rows, wanted)
    if "large" in chosen.tables:
        large = [each for each in wanted if each.key in LARGE]
        measure(chosen, "large", chosen.large_rows, large)
    if "growth" in chosen.tables:
        sizes = (chosen.rows, chosen.large_rows)
        growth.measure(sizes, chosen.rounds, chosen.seconds, chosen.warmup)
    if "processes" in chosen.tables:
        processes.measure(chosen.rows, chosen.rounds, chosen.seconds, chosen.warmup)
    if "inprocess" in chosen.tables:
        command = [VENVS / "tools" / "bin" / "python", HERE / "inprocess.py"]
        subprocess.run([*command, *(["--quick"] if chosen.quick else [])], check=True, cwd=WORK)


def measure(chosen: argparse.Namespace, name: str, rows: int, scenarios: list[Scenario]) -> None:
    """One pair of tables."""
    with closing(Bench(chosen, rows, scenarios)) as bench:
        bench.check()
        bench.run()
    bench.save(name)
    database = "PostgreSQL" if chosen.postgresql else "SQLite"
    bench.print(f"{rows:,} widgets in {database}")


def machine(chosen: argparse.Namespace) -> str:
    """What the figures are from."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (
        f"{(models or [platform.machine()])[0]}, {len(os.sched_getaffinity(0))} cores, "
        f"Python {platform.python_version()}; medians of {chosen.rounds} rounds of "
        f"{chosen.seconds:g} s, {CONNECTIONS} connections"
    )


if __name__ == "__main__":
    main()
