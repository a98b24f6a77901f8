"""Statements that PostgreSQL prepared before a migration changed what they fetch.

It refuses them from then on, however often a connection tries: another type of a column is enough.
A connection that is made anew prepares them anew.
"""

from __future__ import annotations

from sqlalchemy.engine import ExceptionContext

# The server's function that refuses. Its SQLSTATE is that of other mistakes as well, and its text
# is in the server's language.
REFUSING = "RevalidateCachedQuery"


def is_stale(error: BaseException | None) -> bool:
    """Is that what the driver has raised?"""
    return getattr(getattr(error, "diag", None), "source_function", None) == REFUSING


def give_up_connections(context: ExceptionContext) -> None:
    """Have a pool make its connections anew (a listener): all have prepared statements."""
    if is_stale(context.original_exception):
        context.is_disconnect = True
