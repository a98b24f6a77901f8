"""Fill a migrated database: ``fill.py SQLALCHEMY_URL WIDGETS``. Run in our own environment."""

from __future__ import annotations

import sys

from argon2.low_level import Type, hash_secret
from sqlalchemy import create_engine, insert

import data
from widget_service.auth.models import User
from widget_service.widgets.models import Widget

BATCH = 10_000


def hashed(number: int) -> str:
    """The hash of the password of all, with a salt of the user's own."""
    salt = f"{number:0{data.SALT_LENGTH}d}".encode()
    return hash_secret(
        data.PASSWORD.encode(), salt, hash_len=32, type=Type.ID, **data.ARGON2
    ).decode()


def users() -> list[dict]:
    """The rows of all users."""
    return [
        data.user(number)
        | {
            "email_key": data.user(number)["email"],
            "password_hash": hashed(number),
            "disabled": False,
        }
        for number in range(data.USERS)
    ]


def main(url: str, widgets: int) -> None:
    """Users, widgets, and what the database wants to know about them."""
    engine = create_engine(url)
    with engine.begin() as connection:
        # The keys of users begin with 1.
        connection.execute(insert(User), users())
        for start in range(0, widgets, BATCH):
            numbers = range(start, min(start + BATCH, widgets))
            rows = [
                data.widget(number) | {"version": 1, "owner_id": data.owner(number) + 1}
                for number in numbers
            ]
            # With RETURNING SQLAlchemy makes one statement of a thousand rows, and the triggers of
            # the count run once for all of them.
            connection.execute(insert(Widget).returning(Widget.id), rows)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            # All of it into the one file, which is copied for each server.
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
