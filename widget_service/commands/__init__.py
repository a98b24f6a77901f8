"""The core's commands; how commands work is in ``widget_service.cli``."""

from __future__ import annotations

from typing import Any


def includeme(config: Any) -> None:
    """``config``, ``plugin new``, ``backup`` and ``check-database``."""
    config.include(".configuration")
    config.include(".scaffolding")
    config.include(".backup")
    config.include(".database_check")
