"""What the tests of faults count, printed at the end of a run; and how long that run is to be."""

from collections import Counter

import pytest

LOST, WRONGLY = "acknowledged writes lost", "refused wrongly"
COUNTED = ("requests sent", "faults injected", LOST, WRONGLY)


def pytest_addoption(parser):
    parser.addoption(
        "--kills",
        type=int,
        default=10,
        help="how often -m faults kills a server under load, for each database",
    )


@pytest.fixture
def figures(record_property):
    """A Counter of this test's figures; they reach the summary whatever process the test is in."""
    counted = Counter(dict.fromkeys(COUNTED, 0))
    yield counted
    record_property("figures", dict(counted))


def pytest_terminal_summary(terminalreporter):
    reports = [each for found in terminalreporter.stats.values() for each in found]
    total = Counter()
    for report in reports:
        # Of the last phase: the figures are complete when their fixture ends.
        if getattr(report, "when", None) == "teardown":
            total.update(dict(report.user_properties).get("figures", {}))
    if total:
        terminalreporter.section("figures")
        for name in COUNTED:
            terminalreporter.write_line(f"{name:26} {total[name]:8}")
