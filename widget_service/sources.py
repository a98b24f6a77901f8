"""Where the texts of settings come from: an .ini section, and the environment over it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PREFIX = "WIDGET_SERVICE_"
# What PasteDeploy itself puts beside the values of [DEFAULT] and of the command line.
PASTE_OWN = frozenset({"here", "__file__"})
KEY = re.compile(r"(?:set )?([^\s#;=:\[][^=:]*?)\s*[=:]")
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
        self.lines = Lines(Path(file)) if file else Lines(None)
        self._section = section
        self._shared = {k: v for k, v in (shared or {}).items() if k not in PASTE_OWN}
        self.problems: list[Problem] = list(self.lines.problems)

    def entry(self, key: str) -> Entry | None:
        """The text of ``key`` from its strongest source, None where no source has it."""
        variable = environment_variable(key)
        if variable in self.environ:
            return Entry(self.environ[variable], f"environment variable {variable}")
        if f"{variable}_FILE" in self.environ:
            return self._file(key, f"{variable}_FILE")
        if key in self._shared:
            return Entry(self._shared[key], self.lines.default(key) or "command line")
        if key in self._section:
            return Entry(self._section[key], self.lines.app(key) or "application settings")
        return None

    def keys(self) -> Iterator[str]:
        """Every key that claims to be a setting; [DEFAULT] may hold other things as well."""
        yield from self._section
        yield from (key for key in self._shared if "." in key and key not in self._section)

    def variables(self) -> Iterator[str]:
        """The names of the environment variables that claim to be settings."""
        return (name for name in self.environ if name.startswith(PREFIX))

    def _file(self, key: str, variable: str) -> Entry | None:
        path = self.environ[variable]
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            origin = f"environment variable {variable}"
            problem = Problem(key, path, origin, f"the file cannot be read: {error}")
            if problem not in self.problems:
                self.problems.append(problem)
            return None
        return Entry(text, f"{path} ({variable})")


class Lines:
    """The lines of an .ini file on which its application's keys are."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lines: dict[tuple[str, str], int] = {}
        self.problems: list[Problem] = []
        section = ""
        for number, line in enumerate(self._read(), start=1):
            if header := SECTION.match(line):
                section = header.group(1)
            elif (key := KEY.match(line)) and section.startswith(("app:", "DEFAULT")):
                self._note(section, key.group(1), number)

    def app(self, key: str) -> str | None:
        """Where an [app:…] section has the key."""
        found = [line for (section, name), line in self._lines.items() if name == key
                 and section != "DEFAULT"]  # fmt: skip
        return f"{self._file}, line {found[0]}" if found else self._file and str(self._file)

    def default(self, key: str) -> str | None:
        """Where [DEFAULT] has the key; None where it has not."""
        line = self._lines.get(("DEFAULT", key))
        return f"{self._file}, line {line}" if line else None

    def _note(self, section: str, key: str, number: int) -> None:
        self._lines[section, key] = number
        # Of two in one section PasteDeploy complains itself; of these it takes that of [DEFAULT],
        # whatever stands further down.
        shared = self._lines.get(("DEFAULT", key))
        if shared and section != "DEFAULT":
            text = f"[DEFAULT] has it as well, in line {shared}; remove one of them"
            self.problems.append(Problem(key, None, f"{self._file}, line {number}", text))

    def _read(self) -> list[str]:
        try:
            return self._file.read_text(encoding="utf-8").splitlines() if self._file else []
        except (OSError, UnicodeDecodeError):
            # PasteDeploy has read it, or has said why not.
            return []
