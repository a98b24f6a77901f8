"""Whether the database can serve this process."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from widget_service.database import migrating
from widget_service.db import Rows

UNREACHABLE = "The database does not answer."
BEHIND = "The database is not up to date."


class Health:
    """What is wrong with the database of one application."""

    def __init__(self, registry: Any) -> None:
        # Where Alembic has to be asked it takes long; the revisions do not change while we run.
        self._registry = registry
        self._is_behind = lru_cache(16)(lambda current: _is_behind(registry, current))

    def complaint(self, read: Rows) -> str | None:
        """Why the database cannot serve this process; None when it can."""
        try:
            self._registry.database.file.check()
            current = frozenset(row.version_num for row in read(migrating.REACHED, {}))
        except SQLAlchemyError:
            return UNREACHABLE
        return BEHIND if self._is_behind(current) else None


def _is_behind(registry: Any, current: frozenset[str]) -> bool:
    missing, unknown = migrating.compare(registry, current)
    # One that a newer release has migrated is none of our business: during an upgrade the older
    # processes serve until the newer ones are there.
    return bool(missing) and not unknown


def includeme(config: Any) -> None:
    """Make ``registry.health``."""
    config.registry.health = Health(config.registry)
