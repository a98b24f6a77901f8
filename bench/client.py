"""The load where there is no wrk: ``client.py PORT CONNECTIONS SECONDS FILE SEED``.

Does what load.lua does, and prints the same line. Python is slower than wrk: above some thousand
requests per second it measures itself.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path


def formatted(line: str) -> str:
    """A request as it is sent, less its length."""
    method, path, token, body = line.split("\t")
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += ["Content-Type: application/json", "Content-Length: {length}"] if body else []
    return "\r\n".join([*lines, "", body])


def requests(file: str, seed: int):
    """Requests without end."""
    lines = [formatted(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    for line in itertools.cycle(lines):
        if "{n}" in line:
            seed += 1
        text = line.replace("{n}", str(seed))
        body = text.partition("\r\n\r\n")[2]
        yield text.replace("{length}", str(len(body))).encode()


class Load:
    """What all connections share."""

    def __init__(self, requests) -> None:
        self.requests = requests
        self.times: list[float] = []
        self.refused = self.broken = 0

    async def connection(self, port: int, end: float) -> None:
        """One request after the other."""
        reader = None
        while (began := time.perf_counter()) < end:
            try:
                if reader is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(next(self.requests))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                await reader.readexactly(length)
            except (OSError, EOFError):
                self.broken += 1
                reader = None
                continue
            self.refused += head[9:10] not in b"23"
            self.times.append(time.perf_counter() - began)


async def main(port: int, connections: int, seconds: float, file: str, seed: int) -> None:
    """Load, then the line."""
    load = Load(requests(file, seed))
    end = time.perf_counter() + seconds
    await asyncio.gather(*[load.connection(port, end) for _ in range(connections)])
    times = sorted(load.times) or [0.0]
    result = {
        "requests": len(load.times),
        "seconds": seconds,
        "p50": times[len(times) // 2] * 1e3,
        "p99": times[len(times) * 99 // 100] * 1e3,
        "refused": load.refused,
        "broken": load.broken,
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    _, port, connections, seconds, file, seed = sys.argv
    asyncio.run(main(int(port), int(connections), float(seconds), file, int(seed)))
