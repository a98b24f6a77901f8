"""Tables in Markdown, of medians."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from load import Measured
from scenarios import Scenario
from servers import BASELINE, Server

# Of a scenario and a server: one for each round.
Results = dict[tuple[str, str], list[Measured]]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; figures stand to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figure(value: float) -> str:
    """With three digits or more that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Report:
    """The tables of one size of data."""

    def __init__(
        self, results: Results, servers: Sequence[Server], scenarios: Sequence[Scenario]
    ) -> None:
        self._results, self._servers, self._scenarios = results, servers, scenarios

    def _median(self, scenario: str, server: str, what: str) -> float | None:
        found = self._results.get((scenario, server))
        return median(getattr(each, what) for each in found) if found else None

    def _table(self, cell) -> str:
        head = ["", *[scenario.title for scenario in self._scenarios]]
        rows = [
            [server.title, *[cell(scenario.key, server.key) for scenario in self._scenarios]]
            for server in self._servers
        ]
        return table(head, rows)

    def rates(self) -> str:
        """Requests per second, and how many times as many as the baseline's."""

        def cell(scenario: str, server: str) -> str:
            rate = self._median(scenario, server, "rate")
            base = self._median(scenario, BASELINE, "rate")
            if rate is None:
                return ""
            times = f" (×{figure(rate / base)})" if base else ""
            return figure(rate) + times + ("" if self._is_clean(scenario, server) else " !")

        return self._table(cell)

    def latencies(self) -> str:
        """Half of the answers, and 99 of 100, came within so many milliseconds."""

        def cell(scenario: str, server: str) -> str:
            p50 = self._median(scenario, server, "p50")
            p99 = self._median(scenario, server, "p99")
            return "" if p50 is None else f"{figure(p50)} / {figure(p99)}"

        return self._table(cell)

    def _is_clean(self, scenario: str, server: str) -> bool:
        return not any(each.refused or each.broken for each in self._results[scenario, server])

    def spread(self) -> str:
        """How far rounds differed: the widest range of a rate, as a share of its median."""
        spreads = [
            (max(rates) - min(rates)) / median(rates)
            for found in self._results.values()
            # In a short round a peer may not have answered a single deep page.
            if median(rates := [each.rate for each in found])
        ]
        return f"{max(spreads):.0%}" if spreads else ""

    def unclean(self) -> list[str]:
        """Which figures count refusals or broken connections, marked with ! in the table."""
        return [
            f"! {server}, {scenario}: {sum(each.refused for each in found)} requests refused, "
            f"{sum(each.broken for each in found)} connections broken"
            for (scenario, server), found in self._results.items()
            if not self._is_clean(scenario, server)
        ]
