"""The database below ``widget_service.db``: connections, reads, migrations."""

from __future__ import annotations

from typing import Any


def includeme(config: Any) -> None:
    """Connections, and the schema."""
    config.include(".engines")
    config.include(".migrating")
