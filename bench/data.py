"""What is in the databases: every row follows from its number.

So what a server must answer is known without asking any other server.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

USERS = 20
PASSWORD = "correct horse battery staple"
# Signs the tokens of every server.
KEY = "bench-0vGZ3kq8nXw5sYtR7pLcB1mJ4hDfA6eU2"
# Argon2id: passes, KiB, threads, for every server; and a salt as long as Django wants it.
ARGON2 = {"time_cost": 5, "memory_cost": 7168, "parallelism": 1}
SALT_LENGTH = 22

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
LAST_DEADLINE = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)


def user(number: int) -> dict:
    """The user with that number, from 0; the first one is the administrator."""
    return {
        "email": f"user{number}@example.com",
        "public_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"user{number}")).replace("-5", "-4", 1),
        "admin": number == 0,
        "registered_on": BEGINNING,
    }


def name(number: int) -> str:
    """The name of the widget with that number, from 0."""
    return f"widget-{number:07d}"


def owner(number: int) -> int:
    """The number of the user whom the widget belongs to."""
    return number % USERS


def widget(number: int) -> dict:
    """The widget with that number, less its owner."""
    return {
        "name": name(number),
        "info_url": f"https://example.com/widgets/{number}",
        "created_at": BEGINNING + timedelta(minutes=number, seconds=number % 60),
        "deadline": LAST_DEADLINE - timedelta(days=number % 3650),
    }
