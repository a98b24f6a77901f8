"""The sections of an .ini file that others read: servers and logging, for who asks beforehand.

pserve finds out by itself, but says most of it in tracebacks, and says nothing of a section whose
name is misspelt: it starts, and logs nothing.
"""

from __future__ import annotations

import difflib
import logging.config
from collections.abc import Iterator
from pathlib import Path

import plaster
from paste.deploy import loadwsgi

from widget_service import server
from widget_service.sources import Problem

NAMES = ("app:main", "server:main", "pshell", "alembic", "loggers", "handlers", "formatters")
KINDS = ("app:", "server:", "logger_", "handler_", "formatter_")


def problems(file: str) -> Iterator[Problem]:
    """What is wrong with them, as far as one can tell without starting anything."""
    sections = plaster.get_sections(file)
    for section in sections:
        close = difflib.get_close_matches(section, NAMES, n=1, cutoff=0.8)
        if close and section not in NAMES and not section.startswith(KINDS):
            yield Problem(f"[{section}]", None, file, f"nobody reads it; did you mean {close[0]}?")
    for section in sections:
        kind, _, name = section.partition(":")
        if kind == "server":
            yield from _of_server(file, section, name)
    if "loggers" in sections:
        yield from _of_logging(file)


def _of_server(file: str, section: str, name: str) -> Iterator[Problem]:
    try:
        found = loadwsgi.loadcontext(loadwsgi.SERVER, f"config:{Path(file).absolute()}", name)
        if found.object is server.server_factory:
            server.checked(found.local_conf)
    except ValueError as error:
        yield Problem(f"[{section}]", None, file, str(error))
    except Exception as error:  # noqa: BLE001  (PasteDeploy, or what it imports, may raise anything)
        yield Problem(f"[{section}]", None, file, _said(error))


def _of_logging(file: str) -> Iterator[Problem]:
    directory = str(Path(file).absolute().parent)
    defaults = {"here": directory, "__file__": file}
    try:
        logging.config.fileConfig(file, defaults, disable_existing_loggers=False, encoding="utf-8")
    except Exception as error:  # noqa: BLE001  (logging evaluates what stands there)
        yield Problem("logging", None, file, _said(error))


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
