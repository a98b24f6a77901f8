"""Where the texts of settings come from: an .ini section, and the environment over it."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

PREFIX = "WIDGET_SERVICE_"
# What PasteDeploy itself puts beside the values of [DEFAULT] and of the command line.
PASTE_OWN = frozenset({"here", "__file__"})
# What Kubernetes and Docker tell each container of a service that is called like this one.
LINK = re.compile(r"\w+_SERVICE_(HOST|PORT\w*)|\w+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
LINKED_PORT = re.compile(r"(tcp|udp|sctp)://.*")
PERCENT = re.compile(r"%%|%\((\w+)\)s")
KEY = re.compile(r"(get |set )?([^\s#;=:\[][^=:]*?)\s*[=:]")
BYTE_ORDER_MARK = "\ufeff"
SURROGATE = re.compile("[\udc80-\udcff]")
SECTION = re.compile(r"\[([^\]]+)\]")


class Problem(NamedTuple):
    """One thing that is wrong with the configuration.

    ``value`` is None where there is none, and masked where it is secret; ``origin`` is the file
    and line, or the environment variable, that it came from.
    """

    key: str
    value: str | None
    origin: str
    text: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f" = {self.value}"
        return f"{self.key}{shown} ({self.origin}): {self.text}"


class Entry(NamedTuple):
    """A setting as it was found: the text, and where."""

    text: str
    origin: str
    # Somebody who names the wrong file must not see a secret in a message.
    is_of_file: bool = False


def environment_variable(key: str) -> str:
    """The name of the environment variable that overrides ``key``.

    >>> environment_variable("jwt.private_key")
    'WIDGET_SERVICE_JWT_PRIVATE_KEY'
    """
    return PREFIX + re.sub(r"[^A-Z]", "_", key.upper())


class Source:
    """The texts of one application's settings."""

    def __init__(
        self,
        section: Mapping[str, str],
        environ: Mapping[str, str] | None = None,
        file: str | None = None,
        shared: Mapping[str, str] | None = None,
    ) -> None:
        """
        :param section: [app:main], as PasteDeploy hands it over
        :param environ: the variables; the process's by default
        :param file: the .ini file, to report mistakes with their line
        :param shared: [DEFAULT] and the KEY=VALUE of the command line. PasteDeploy leaves a key
            that is there out of ``section``, so what is here is stronger.
        """
        self.environ = os.environ if environ is None else environ
        self.file = file
        self.lines = Lines(Path(file) if file else None, section)
        self._section = section
        self._shared = {k: v for k, v in (shared or {}).items() if k not in PASTE_OWN}
        self.problems: list[Problem] = list(self.lines.problems)

    def entry(self, key: str) -> Entry | None:
        """The text of ``key`` from its strongest source, None where no source has it."""
        found = self.variable(key, environment_variable(key))
        if found:
            return found
        if key in self._shared:
            return Entry(self._shared[key], self.lines.default(key) or "command line")
        if key in self._section:
            return Entry(self._section[key], self.lines.app(key) or self.file or "app settings")
        return None

    def variable(self, key: str, name: str) -> Entry | None:
        """The text of ``key`` from the environment variable ``name``, or from its ``_FILE``."""
        by_file = f"{name}_FILE"
        if name in self.environ and by_file in self.environ:
            self._note(key, None, name, f"{by_file} is set as well; remove one of them")
        if name in self.environ:
            text = self.environ[name]
            if text.isascii() or not SURROGATE.search(text):
                return Entry(text, f"environment variable {name}")
            self._note(key, None, name, "the value is not UTF-8")
            return None
        return self._file(key, by_file) if by_file in self.environ else None

    def every_key(self) -> Iterator[str]:
        """Every key that claims to be a setting; [DEFAULT] may hold other things as well."""
        yield from self._section
        yield from (key for key in self._shared if "." in key and key not in self._section)

    def variables(self) -> Iterator[str]:
        """The names of the environment variables that claim to be settings."""
        return (
            name
            for name, text in self.environ.items()
            if name.startswith(PREFIX)
            and not LINK.fullmatch(name)
            and not (name.endswith("_PORT") and LINKED_PORT.fullmatch(text))
        )

    def _file(self, key: str, variable: str) -> Entry | None:
        path = self.environ[variable]
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            self._note(key, path, variable, "the file is not UTF-8")
        except (OSError, ValueError) as error:
            self._note(key, path, variable, f"the file cannot be read: {error}")
        else:
            return Entry(text, f"{path} ({variable})", is_of_file=True)
        return None

    def _note(self, key: str, value: str | None, variable: str, text: str) -> None:
        """Note a problem once, however often somebody asks for the setting."""
        problem = Problem(key, value, f"environment variable {variable}", text)
        if problem not in self.problems:
            self.problems.append(problem)


class Lines:
    """The lines of an .ini file on which its applications' keys are."""

    def __init__(self, file: Path | None, keys: Iterable[str] = ()) -> None:
        """:param keys: those of the application that is asked about, to tell it from others"""
        self._file = file
        self._lines: dict[str, dict[str, int]] = {}
        # What an application's section sets as [DEFAULT] would.
        self._set: dict[str, int] = {}
        # What is taken from [DEFAULT], or put there, by a word of PasteDeploy's before the key.
        self._directed: set[tuple[str, str]] = set()
        self.problems: list[Problem] = []
        section = ""
        for number, line in enumerate(self._read(), start=1):
            if header := SECTION.match(line):
                section = header.group(1)
            elif (key := KEY.match(line)) and section.startswith(("app:", "DEFAULT")):
                self._note(section, key.group(2), number)
                if key.group(1) == "set ":
                    self._set[key.group(2)] = number
                if key.group(1):
                    self._directed.add((section, key.group(2)))
        shared = self._lines.pop("DEFAULT", {})
        self._note_defaults(shared)
        self._shared = self._set | shared
        wanted = set(keys)
        self._applications = sorted(
            self._lines.values(), key=lambda lines: len(wanted & lines.keys()), reverse=True
        )

    def app(self, key: str) -> str | None:
        """Where an [app:…] section has the key; None where none has."""
        found = [lines[key] for lines in self._applications if key in lines]
        return self.at(found[0]) if found else None

    def default(self, key: str) -> str | None:
        """Where [DEFAULT] has the key, or a line sets it there; None where there is neither."""
        return self.at(self._shared[key]) if key in self._shared else None

    def at(self, number: int) -> str:
        """A line of the file, as a problem names it."""
        return f"{self._file}, line {number}"

    def _note(self, section: str, key: str, number: int) -> None:
        lines = self._lines.setdefault(section, {})
        if key in lines:
            text = f"[{section}] has it already, in line {lines[key]}; remove one of them"
            self.problems.append(Problem(key, None, self.at(number), text))
        lines.setdefault(key, number)

    def _note_defaults(self, shared: Mapping[str, int]) -> None:
        """PasteDeploy takes what [DEFAULT] has, whatever the section of the application says."""
        for section, lines in self._lines.items():
            for key in lines:
                if key not in shared or (section, key) in self._directed:
                    continue
                text = f"[DEFAULT] has it as well, in line {shared[key]}; remove one of them"
                self.problems.append(Problem(key, None, self.at(lines[key]), text))

    def _read(self) -> list[str]:
        # Where it cannot be read, PasteDeploy says why not.
        return _text(self._file).splitlines() if self._file else []


def unreadable(file: str, error: Exception) -> list[Problem]:
    """What is wrong with a file that PasteDeploy refuses to read.

    PasteDeploy names the first mistake only, and quotes values, which may be secrets.

    :param error: what it raised
    """
    lines = Lines(Path(file))
    text = _text(Path(file))
    problems = [
        *_misread(file, text, error),
        *lines.problems,
        *_no_settings(file, text),
        *_percent_signs(file, text, lines),
    ]
    if not problems or not isinstance(error, configparser.Error | UnicodeDecodeError):
        said = " ".join(f"{type(error).__name__}: {error}".split())
        problems.insert(0, Problem("[app:main]", None, file, said))
    return problems


def legible(file: str) -> tuple[dict[str, str], dict[str, str]]:
    """[app:main] and [DEFAULT] of a file that PasteDeploy refuses to read, as far as they go.

    What is wrong with their values is worth saying as well. Nothing is to run with them.
    """
    known = {"here": str(Path(file).parent), "__file__": file, "%": "%"}
    parser, _errors = _lenient(_text(Path(file)))

    def values(section: str, leave_out: Iterable[str]) -> dict[str, str]:
        return {
            key: PERCENT.sub(lambda found: known.get(found[1] or "%", found[0]), value)
            for key, value in (parser.items(section) if section in parser else ())
            if key not in leave_out
        }

    return values("app:main", {"use", *parser.defaults()}), values("DEFAULT", ())


def _text(file: Path) -> str:
    """The text of an .ini file, as far as it is UTF-8; none of a file that is not there."""
    try:
        return file.read_bytes().decode("utf-8", "replace").removeprefix(BYTE_ORDER_MARK)
    except OSError:
        return ""


def _lenient(text: str, **options: Any) -> tuple[configparser.ConfigParser, list[tuple[int, str]]]:
    """What is in a broken file, and its lines that are no settings, by number."""
    parser = configparser.ConfigParser(strict=False, **{"interpolation": None, **options})
    # As PasteDeploy does: keys keep their case.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        # What stands before the first section is in none.
        parser.read_string(f"[none]\n{text}")
    except configparser.ParsingError as error:
        return parser, [(number - 1, line) for number, line in error.errors]
    return parser, []


def _misread(file: str, text: str, error: Exception) -> Iterator[Problem]:
    """What stopped PasteDeploy before it came to the settings."""
    if isinstance(error, UnicodeDecodeError) and error.encoding != "utf-8":
        hint = f"the locale has it read as {error.encoding}, which it is not; set PYTHONUTF8=1"
        yield Problem(file, None, file, hint)
    elif isinstance(error, UnicodeDecodeError):
        where = f"{file}, line {_undecodable_line(file)}"
        yield Problem(file, None, where, "the file is not UTF-8")
    if "%" in str(Path(file).parent) and "%(here)s" in text:
        hint = "%(here)s cannot stand for a folder whose name has a percent sign"
        yield Problem(file, None, file, hint)
    if isinstance(error, configparser.MissingSectionHeaderError):
        hint = "there must be a section before it, such as [app:main]"
        if error.line.startswith(BYTE_ORDER_MARK):
            hint = "it begins with a byte order mark; save the file as UTF-8 without one"
        yield Problem(file, None, f"{file}, line {error.lineno}", hint)


def _no_settings(file: str, text: str) -> Iterator[Problem]:
    """The lines that are neither a setting nor the continuation of one."""
    for number, _line in _lenient(text)[1]:
        hint = "is no setting; write KEY = VALUE, and begin a continuation with a space"
        yield Problem(file, None, f"{file}, line {number}", hint)


def _undecodable_line(file: str) -> int:
    valid = Path(file).read_bytes().decode("utf-8", "surrogateescape")
    return len(re.split("[\udc80-\udcff]", valid)[0].split("\n"))


def _percent_signs(file: str, text: str, lines: Lines) -> Iterator[Problem]:
    """The values with a ``%`` that is neither ``%%`` nor the name of another value."""
    defaults = dict.fromkeys(PASTE_OWN, "")
    parser, _errors = _lenient(
        text, defaults=defaults, interpolation=configparser.BasicInterpolation()
    )
    shared = parser.defaults()
    sections = [name for name in parser.sections() if name.startswith("app:")]
    own = [(name, key) for name in sections for key in parser[name] if key not in shared]
    for section, key in [*(("DEFAULT", key) for key in shared), *own]:
        try:
            parser.get(section, key)
        except configparser.InterpolationError:
            where = lines.default(key) or lines.app(key)
            hint = "a percent sign is written %%, and %(NAME)s must name a value that is there"
            yield Problem(key, None, where or f"{file}, [{section}]", hint)
