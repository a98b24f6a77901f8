"""The table of widgets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from widget_service.db import Base, UtcDateTime

NAME_LENGTH = 100
URL_LENGTH = 255


class Widget(Base):
    """A widget. ``deadline`` is the end of a day; ``version`` counts the updates."""

    __tablename__ = "widget"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), unique=True)
    info_url: Mapped[str] = mapped_column(String(URL_LENGTH))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deadline: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)
    owner_id: Mapped[int] = mapped_column(ForeignKey("site_user.id"), index=True)

    __table_args__ = (
        # Both databases have this trim: nothing remains where all characters are legal.
        CheckConstraint(
            "length(name) BETWEEN 1 AND 100 AND "
            "trim(name, 'abcdefghijklmnopqrstuvwxyz0123456789_-') = ''",
            name="name",
        ),
        # An id is never used again, so the order by id is the order of creation.
        {"sqlite_autoincrement": True},
    )
