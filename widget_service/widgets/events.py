"""What happens to widgets, for other plugins to react to."""

from __future__ import annotations

from dataclasses import dataclass

from widget_service.events import DomainEvent


@dataclass(frozen=True)
class WidgetAdded(DomainEvent):
    """There is a new widget, of a user with that ``site_user.id``.

    Its own id is what the database has for the name: to have it here would cost another statement.
    """

    name: str
    owner_id: int


@dataclass(frozen=True)
class WidgetUpdated(DomainEvent):
    """The URL or the deadline of a widget is another one, or was set again."""

    widget_id: int
    name: str


@dataclass(frozen=True)
class WidgetDeleted(DomainEvent):
    """A widget will be no more; its id will not be used again, its name may be.

    It is still there, so that a subscriber can take away what refers to it.
    """

    widget_id: int
    name: str
