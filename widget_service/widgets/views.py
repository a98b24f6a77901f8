"""The services of widgets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from widget_service import paging, rendering, settings
from widget_service.answers import Empty, Fail, ValidationOrFail
from widget_service.db import utc_now
from widget_service.rest import Service, check_preconditions
from widget_service.widgets import catalogue, schemas
from widget_service.widgets.resources import Catalogue, NamedWidget

widgets = Service(
    "widgets", "/widgets", description="All widgets", tags=["widgets"], factory=Catalogue
)
widget = Service(
    "widget", "/widgets/{name}", description="One widget", tags=["widgets"], factory=NamedWidget
)


@widgets.get(
    permission="widgets:read",
    schema=paging.PageQuery(),
    response_schemas={"200": paging.page_of(schemas.Widget(), "A page of widgets.")},
)
def list_widgets(request: Any) -> dict[str, Any]:
    """List the widgets in the order of their creation, with links to the other pages."""
    page = catalogue.WIDGETS.page(request.rows, **request.validated["querystring"])
    return paging.page_body(request, page, widgets.path, _Shower(request))


@widgets.post(
    permission="widgets:create",
    schema=schemas.Creation(),
    response_schemas={
        "201": schemas.Added(description="Added."),
        "409": Fail(description="There is a widget of that name."),
    },
)
def post_widget(request: Any) -> dict[str, Any]:
    """Add a widget; it belongs to the administrator who adds it."""
    return _create(request, **request.validated["body"])


@widget.get(
    permission="widgets:read",
    response_schemas={"200": schemas.Widget(description="The widget.")},
)
def get_widget(request: Any) -> dict[str, Any]:
    """Show a widget and its owner."""
    row = request.context.found
    request.response.headers["ETag"] = etag(row)
    return _Shower(request)(row)


@widget.put(
    permission="widgets:update",
    schema=schemas.Update(),
    preconditions=True,
    response_schemas={
        "200": schemas.Written(description="Updated; owner and time of creation are kept."),
        "201": schemas.Added(description="Added, as there was none of that name."),
        "400": ValidationOrFail(description="A field or the name is not valid."),
        "409": Fail(description="A widget of that name was added and deleted meanwhile."),
    },
)
def put_widget(request: Any) -> dict[str, Any]:
    """Update a widget, or add it where there is none of that name."""
    context = request.context
    check_preconditions(request, etag(context.found))
    if context.found is None:
        try:
            return _create(request, context.name, **request.validated["body"])
        except catalogue.NameTaken as overtaken:
            _look_again(context, overtaken)
            check_preconditions(request, etag(context.found))
    catalogue.update(request.dbsession, context.found, **request.validated["body"])
    return _written(request, context.name, f"'{context.typed}' was successfully updated")


@widget.delete(
    permission="widgets:delete",
    preconditions=True,
    response_schemas={"204": Empty(description="Deleted.")},
)
def delete_widget(request: Any) -> None:
    """Delete a widget."""
    widget = request.context.found
    check_preconditions(request, etag(widget))
    catalogue.delete(request.dbsession, widget)
    request.response.status_int = 204


def etag(row: Any) -> str | None:
    """The entity tag of a widget's version (RFC 9110, 8.8.3); None where there is no widget.

    It stands for what people write, not for ``time_remaining``, which changes by itself.
    """
    return None if row is None else f'"{row.id}-{row.version}"'


def _look_again(context: Any, overtaken: catalogue.NameTaken) -> None:
    """Find what another request has added since this one looked.

    :raises NameTaken: it was deleted again
    """
    context.load()
    if context.found is None:
        raise overtaken


def _create(request: Any, name: str, info_url: str, deadline: datetime) -> dict[str, Any]:
    catalogue.add(request.dbsession, request.identity.id, name, info_url, deadline)
    request.response.status_int = 201
    answer = _written(request, name, f"New widget added: {name}.")
    # RFC 9110, 10.2.2; the link in the body is relative, as clients know it.
    request.response.headers["Location"] = request.host_url + answer["widget"]["link"]
    return answer


def _written(request: Any, name: str, message: str) -> dict[str, Any]:
    row = catalogue.find(request.rows, name)
    request.response.headers["ETag"] = etag(row)
    return {"status": "success", "message": message, "widget": _Shower(request)(row)}


class _Shower:
    """Makes of a row what clients see: what is the same for all rows is looked up once."""

    def __init__(self, request: Any) -> None:
        # To the second, as deadlines are: a day's last second is not past it.
        self.now = utc_now()
        self.zone = settings.of(request.registry, "rest").time_zone
        self.show_email = settings.of(request.registry, "widgets").show_owner_email
        self.base = paging.path_of(request, widgets.path)

    def __call__(self, row: Any) -> dict[str, Any]:
        zone = self.zone
        shown = {"email": row.owner_email} if self.show_email else {}
        return {
            "name": row.name,
            "info_url": row.info_url,
            "created_at": rendering.clock(row.created_at, zone),
            "created_at_iso8601": rendering.iso8601(row.created_at, zone),
            "created_at_rfc822": rendering.rfc822(row.created_at, zone),
            "deadline": rendering.clock(row.deadline, zone),
            "deadline_iso8601": rendering.iso8601(row.deadline, zone),
            "deadline_passed": row.deadline < self.now,
            "time_remaining": rendering.countdown(row.deadline - self.now),
            "owner": {**shown, "public_id": row.owner_public_id},
            "link": f"{self.base}/{row.name}",
        }
