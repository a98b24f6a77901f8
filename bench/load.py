"""Load on a core: wrk where there is one, or else a client in Python."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE / ".data"

# No two loads of a run make the same names.
seeds = itertools.count(int(time.time()) % 10**7 * 10**3)


@dataclass(frozen=True)
class Measured:
    """Requests per second, less refusals; the time of answers in milliseconds; what went wrong."""

    rate: float
    p50: float
    p99: float
    refused: int
    broken: int


class Load:
    """Started at once; :meth:`measured` waits for its end."""

    def __init__(
        self,
        requests: Iterable[tuple[str, str, str, str]],
        port: int,
        core: int | str,
        seconds: float,
        connections: int,
        name: str = "requests",
    ) -> None:
        """
        :param requests: (method, path, token, body), sent in a circle
        :param core: or several, with commas
        """
        file = WORK / f"{name}.txt"
        file.write_text("".join("\t".join(each) + "\n" for each in requests), encoding="utf-8")
        seed = str(next(seeds) * 10**6)
        if shutil.which("wrk"):
            # wrk counts in whole seconds.
            duration = f"{max(1, round(seconds))}s"
            command = ["wrk", "-t", "1", "-c", str(connections), "-d", duration, "--timeout", "30s"]
            command += ["-s", HERE / "load.lua", f"http://127.0.0.1:{port}", "--", file, seed]
        else:
            command = [sys.executable, HERE / "client.py", str(port), str(connections)]
            command += [str(seconds), file, seed]
        command = ["taskset", "--cpu-list", str(core), *command]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def measured(self) -> Measured:
        """What came of it.

        :raises SystemExit: the load broke off
        """
        output = self._process.communicate()[0]
        line = output.rpartition("RESULT ")[2]
        if self._process.returncode or not line.startswith("{"):
            raise SystemExit(f"the load failed:\n{output}")
        found = json.loads(line)
        # A refusal is no answer: it must not look fast.
        rate = (found["requests"] - found["refused"]) / found["seconds"]
        return Measured(rate, found["p50"], found["p99"], found["refused"], found["broken"])


def warn_without_wrk() -> None:
    """Say what figures are worth that a client in Python measured."""
    if not shutil.which("wrk"):
        print(
            "wrk is not installed (Debian: apt-get install wrk). A client in Python takes its "
            "place, which measures itself above some thousand requests per second: compare no "
            "fast servers with these figures.",
            flush=True,
        )
