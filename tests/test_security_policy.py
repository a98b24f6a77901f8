"""docs/security.md speaks of what is there."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from processes import REPOSITORY

TEXT = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
# Those with which nobody runs the service.
TOOLS = {"test", "lint", "browser", "schemathesis"}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_it_lists_every_dependency_and_no_other():
    table = TEXT.partition("| package |")[2]
    listed = {canonical(row.split("|")[1].strip()) for row in table.splitlines()[2:]}
    needed = {
        canonical(re.match(r"[\w.-]+", text)[0])
        for text in metadata.requires("widget_service")
        if not any(f'extra == "{tool}"' in text for tool in TOOLS)
    }
    assert listed == needed


@pytest.mark.parametrize(
    "path", sorted({*re.findall(r"`((?:tests|widget_service)/[\w/.]+)`", TEXT)})
)
def test_it_names_tests_that_exist(path):
    assert (Path(REPOSITORY) / path).exists()
