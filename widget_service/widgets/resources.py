"""The contexts of widgets: who may do what, and the widget itself."""

from __future__ import annotations

from typing import Any

from pyramid.authorization import Allow

from widget_service import settings
from widget_service.errors import Failure, NotFound
from widget_service.fields import shown
from widget_service.principals import Authenticated, Everyone
from widget_service.resources import Context
from widget_service.widgets import catalogue
from widget_service.widgets.schemas import illegal_name


class Catalogue(Context):
    """All widgets. What is granted here to users is theirs; administrators have it from Root."""

    __name__ = "widgets"

    def __acl__(self) -> list[tuple[str, str, str]]:
        """Users read, or everybody does, as the operator says."""
        anonymous = settings.of(self.request.registry, "widgets").anonymous_read
        return [(Allow, Everyone if anonymous else Authenticated, "widgets:read")]


class NamedWidget(Context):
    """The widget of a path.

    ``found`` is the row that a GET shows, or the object that others change; None for a PUT that
    creates.
    """

    def __init__(self, request: Any) -> None:
        super().__init__(request)
        self.__parent__ = Catalogue(request)
        self.typed = request.matchdict["name"]
        # Not str.lower for all: that makes an ASCII k of the Kelvin sign.
        self.name = self.typed.lower() if self.typed.isascii() else self.typed
        self.found: Any = None

    def load(self) -> None:
        """Find the widget.

        :raises NotFound: there is none
        :raises Failure: a PUT that would create one under an illegal name
        """
        wrong = illegal_name(self.name, self.typed)
        creates = self.request.method == "PUT"
        if wrong and creates:
            raise Failure(wrong)
        if not wrong:
            self.found = self._find()
        if self.found is None and not creates:
            raise NotFound(f"{shown(self.typed)} not found in database.")

    def _find(self) -> Any:
        if self.request.method in ("GET", "HEAD"):
            return catalogue.find(self.request.rows, self.name)
        return catalogue.lock(self.request.dbsession, self.name)
