"""The contexts of widgets: who may do what, and the widget itself."""

from __future__ import annotations

from typing import Any

from pyramid.authorization import Allow
from sqlalchemy.orm import Session

from widget_service import settings
from widget_service.db import Rows
from widget_service.errors import Failure
from widget_service.principals import Authenticated, Everyone
from widget_service.resources import Context, ObjectContext
from widget_service.widgets import catalogue
from widget_service.widgets.schemas import illegal_name


class Catalogue(Context):
    """All widgets. What is granted here to users is theirs; administrators have it from Root."""

    __name__ = "widgets"

    def __acl__(self) -> list[tuple[str, str, str]]:
        """Users read, or everybody does, as the operator says."""
        anonymous = settings.of(self.request.registry, "widgets").anonymous_read
        return [(Allow, Everyone if anonymous else Authenticated, "widgets:read")]


class NamedWidget(ObjectContext):
    """The widget of a path.

    ``found`` is the row that a GET shows, or the object that others change; None for a PUT that
    creates.
    """

    parent = Catalogue
    missing = "{name} not found in database."
    creating = ("PUT",)

    def __init__(self, request: Any) -> None:
        super().__init__(request)
        self.typed = request.matchdict["name"]
        # Not str.lower for all: that makes an ASCII k of the Kelvin sign.
        self.name = self.typed.lower() if self.typed.isascii() else self.typed

    def load(self) -> None:
        """Find the widget.

        :raises NotFound: there is none
        :raises Failure: a PUT that would create one under an illegal name
        """
        wrong = illegal_name(self.name, self.typed)
        if wrong:
            raise Failure(wrong) if self.request.method in self.creating else self.absent()
        super().load()

    def find(self, rows: Rows) -> Any:
        """The widget with its owner, as it is shown."""
        return catalogue.find(rows, self.name)

    def lock(self, session: Session) -> Any:
        """The widget."""
        return catalogue.lock(session, self.name)
