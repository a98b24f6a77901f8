"""The catalogue of widgets: the rules, over a session and plain values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from widget_service import events
from widget_service.auth.models import User
from widget_service.db import Rows, first, insert_new, utc_now
from widget_service.errors import Conflict
from widget_service.paging import Listing
from widget_service.widgets.events import WidgetAdded, WidgetDeleted, WidgetUpdated
from widget_service.widgets.models import Widget

# A widget as it is shown, with its owner in the same row. Built once: to build a statement costs
# more than SQLite needs to answer it.
_SHOWN = select(
    Widget.id,
    Widget.name,
    Widget.info_url,
    Widget.created_at,
    Widget.deadline,
    Widget.version,
    User.email.label("owner_email"),
    User.public_id.label("owner_public_id"),
).join(User, User.id == Widget.owner_id)
_ONE = _SHOWN.where(Widget.name == bindparam("name"))

# Pages of them, in the order of their creation.
WIDGETS = Listing(Widget.id, _SHOWN)


class NameTaken(Conflict):
    """There is a widget of that name, perhaps since a moment ago."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Widget name: {name} already exists, must be unique.")


def find(rows: Rows, name: str) -> Row[Any] | None:
    """The widget as it is shown, or None."""
    return first(rows(_ONE, {"name": name}))


def lock(session: Session, name: str) -> Widget | None:
    """The widget, kept from others until the transaction ends; None where there is none."""
    return session.scalar(select(Widget).where(Widget.name == name).with_for_update())


def add(session: Session, owner_id: int, name: str, info_url: str, deadline: datetime) -> None:
    """Add a widget.

    :raises NameTaken: there is one of that name
    """
    row = {
        "name": name,
        "info_url": info_url,
        "deadline": deadline,
        "created_at": utc_now(),
        "version": 1,
        "owner_id": owner_id,
    }
    if not insert_new(session, Widget, row):
        raise NameTaken(name)
    events.publish(WidgetAdded(session, name, owner_id))


def update(session: Session, widget: Widget, info_url: str, deadline: datetime) -> None:
    """Change a widget that is locked."""
    widget.info_url = info_url
    widget.deadline = deadline
    widget.version += 1
    events.publish(WidgetUpdated(session, widget.id, widget.name))


def delete(session: Session, widget: Widget) -> None:
    """Delete a widget that is locked."""
    # While it is there: what refers to it has to go before.
    events.publish(WidgetDeleted(session, widget.id, widget.name))
    session.delete(widget)
