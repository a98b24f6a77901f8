"""The sections of an .ini file that others read: servers and logging, for who asks beforehand.

pserve finds out by itself, but says most of it in tracebacks, and says nothing of a section whose
name is misspelt: it starts, and logs nothing. Nothing is carried out here: to make a handler may
empty the file that a service logs to just then.
"""

from __future__ import annotations

import ast
import configparser
import difflib
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import plaster
from paste.deploy import loadwsgi
from pyramid.path import DottedNameResolver

from widget_service.serving import server
from widget_service.settings.sources import Problem

NAMES = ("pshell", "alembic", "loggers", "handlers", "formatters")
LISTS = {"loggers": "logger", "handlers": "handler", "formatters": "formatter"}
OPTIONS = ("level", "handlers", "formatter", "class", "args")
PREFIXES = tuple(f"{kind}_" for kind in LISTS.values())


def problems(file: str) -> Iterator[Problem]:
    """What is wrong with them, as far as one can tell without starting anything."""
    sections = plaster.get_sections(file)
    for section in sections:
        close = difflib.get_close_matches(section, NAMES, n=1, cutoff=0.8)
        others = section in NAMES or ":" in section or section.startswith(PREFIXES)
        if close and not others:
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
    except configparser.InterpolationMissingOptionError:
        return  # which pserve may be given as an argument
    except ValueError as error:
        yield Problem(f"[{section}]", None, file, str(error))
    except Exception as error:  # noqa: BLE001  (PasteDeploy, or what it imports, may raise anything)
        text = " ".join(f"{type(error).__name__}: {error}".split())
        yield Problem(f"[{section}]", None, file, text)


def _of_logging(file: str) -> Iterator[Problem]:
    """As :func:`logging.config.fileConfig` reads them."""
    here = {"here": str(Path(file).absolute().parent), "__file__": file}
    parser = configparser.ConfigParser(here, strict=False)
    parser.read(file, encoding="utf-8")
    listed = {
        each: [name.strip() for name in parser.get(each, "keys", fallback="").split(",")]
        for each in LISTS
    }
    for each, kind in LISTS.items():
        if not parser.has_option(each, "keys"):
            yield Problem(f"[{each}]", None, file, "logging needs it, with a line keys = …")
        for section in (f"{kind}_{name}" for name in listed[each] if name):
            if not parser.has_section(section):
                text = f"it names {section.partition('_')[2]}, and there is no [{section}]"
                yield Problem(f"[{each}]", None, file, text)
                continue
            # One may refer to what pserve is given as an argument.
            with suppress(configparser.InterpolationError):
                options = {key: parser.get(section, key, fallback="") for key in OPTIONS}
                for text in _mistakes(options, listed):
                    yield Problem(f"[{section}]", None, file, text)


def _mistakes(options: dict[str, str], listed: dict[str, list[str]]) -> Iterator[str]:
    """What is wrong with a logger, a handler or a formatter; what it does not have is empty."""
    level = options["level"] or "NOTSET"
    if level not in logging.getLevelNamesMapping():
        yield f"level = {level}: must be such as INFO or WARNING, in capitals"
    for key, of in (("handlers", "handlers"), ("formatter", "formatters")):
        for name in filter(None, map(str.strip, options[key].split(","))):
            if name not in listed[of]:
                yield f"{name} is not among the keys of [{of}]"
    if options["class"] and not _is_there(options["class"]):
        yield f"class = {options['class']}: there is none"
    try:
        ast.parse(options["args"] or "()", mode="eval")
    except SyntaxError:
        yield f"args = {options['args']}: is nothing that Python understands"


def _is_there(name: str) -> bool:
    resolver = DottedNameResolver(None)
    for full in (f"logging.{name}", name):
        try:
            resolver.resolve(full)
        except (ImportError, ValueError):
            continue
        return True
    return False
