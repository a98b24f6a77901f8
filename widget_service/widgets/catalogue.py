"""The catalogue of widgets: the rules, over a session and plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, func, insert, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from widget_service.auth.models import User
from widget_service.db import utc_now
from widget_service.errors import Conflict
from widget_service.widgets.models import Widget

# Runs a statement with parameters and answers its rows: Request.rows, or Request.read.
Rows = Callable[[Any, Mapping[str, Any]], Sequence[Row[Any]]]

# A widget as it is shown, with its owner in the same row. Built once: to build a statement costs
# more than SQLite needs to answer it.
_SHOWN = (
    Widget.id,
    Widget.name,
    Widget.info_url,
    Widget.created_at,
    Widget.deadline,
    Widget.version,
    User.email.label("owner_email"),
    User.public_id.label("owner_public_id"),
)
_ONE = select(*_SHOWN).join(User, User.id == Widget.owner_id).where(
    Widget.name == bindparam("name")
)  # fmt: skip

# The offset counts on the key alone, before the join: that is what a deep page costs.
_KEYS = (
    select(Widget.id).order_by(Widget.id).limit(bindparam("size")).offset(bindparam("skip"))
).subquery()
_WIDGETS = (
    select(*_SHOWN)
    .join(_KEYS, _KEYS.c.id == Widget.id)
    .join(User, User.id == Widget.owner_id)
    .subquery()
)
_TOTAL = select(func.count().label("total")).select_from(Widget).subquery()
# The total in the same statement, so in the same moment; one row without a widget where the page
# is empty.
_PAGE = (
    select(_TOTAL.c.total, _WIDGETS)
    .select_from(_TOTAL.join(_WIDGETS, true(), isouter=True))
    .order_by(_WIDGETS.c.id)
)


class Page(NamedTuple):
    """Some widgets, in the order of their creation, and how many there are in all."""

    number: int
    size: int
    total: int
    items: Sequence[Row[Any]]

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.size)

    @property
    def last(self) -> int:
        """The number of the last page; 1 where there are no widgets."""
        return max(1, self.pages)


def find(rows: Rows, name: str) -> Row[Any] | None:
    """The widget as it is shown, or None."""
    found = rows(_ONE, {"name": name})
    return found[0] if found else None


def page(rows: Rows, number: int, size: int) -> Page:
    """The page with that number, which may be past the last one."""
    # Past what the databases count, every page is as empty as the next one.
    skip = min((number - 1) * size, 2**62)
    found = rows(_PAGE, {"size": size, "skip": skip})
    return Page(number, size, found[0].total, [row for row in found if row.id is not None])


def lock(session: Session, name: str) -> Widget | None:
    """The widget, kept from others until the transaction ends; None where there is none."""
    return session.scalar(select(Widget).where(Widget.name == name).with_for_update())


def add(session: Session, owner_id: int, name: str, info_url: str, deadline: datetime) -> None:
    """Add a widget.

    :raises Conflict: there is one of that name, perhaps since a moment ago
    """
    row = {
        "name": name,
        "info_url": info_url,
        "deadline": deadline,
        "created_at": utc_now(),
        "version": 1,
        "owner_id": owner_id,
    }
    try:
        with session.begin_nested():
            session.execute(insert(Widget), row)
    except IntegrityError:
        raise Conflict(f"Widget name: {name} already exists, must be unique.") from None


def update(widget: Widget, info_url: str, deadline: datetime) -> None:
    """Change a widget that is locked."""
    widget.info_url = info_url
    widget.deadline = deadline
    widget.version += 1


def delete(session: Session, widget: Widget) -> None:
    """Delete a widget that is locked."""
    session.delete(widget)
