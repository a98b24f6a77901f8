"""The database below ``widget_service.db``: connections, reads, migrations."""

from __future__ import annotations

from typing import Any


def includeme(config: Any) -> None:
    """Connections, what happens when two writes meet, and the schema."""
    config.include(".engines")
    config.include(".retry")
    config.include(".migrating")
