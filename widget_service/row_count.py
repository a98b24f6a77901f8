"""How many rows a table has."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ScalarSelect, func, select


def of(model: Any) -> ScalarSelect[int]:
    """How many rows there are of a model."""
    return select(func.count()).select_from(model).scalar_subquery()
