"""A plugin whose objects have the ids that they are given, kept in the registry."""

from urllib.parse import quote

import colander
from pyramid.authorization import Allow

from widget_service.answers import Success
from widget_service.errors import NotFound
from widget_service.fields import Text, field
from widget_service.principals import Authenticated
from widget_service.resources import Context
from widget_service.rest import Service


class Tickets(Context):
    __acl__ = ((Allow, Authenticated, "tickets"),)


class Ticket(Tickets):
    def load(self):
        if self.request.matchdict["number"] not in self.request.registry.tickets:
            raise NotFound("There is no such ticket.")


class Extra(Ticket):
    def load(self):
        super().load()
        if self.request.matchdict["name"] not in self.request.registry.extras:
            raise NotFound("There is no such extra.")


class Coat(Tickets):
    def load(self):
        place = self.request.matchdict["row"], self.request.matchdict["hook"]
        if place not in self.request.registry.coats:
            raise NotFound("There is no coat.")


class Seat(Tickets):
    def load(self):
        raise NotFound("Every seat is taken.")


class _Ticket(colander.MappingSchema):
    title = field(Text(), colander.Length(1, 80), example="First row")


class _Extra(colander.MappingSchema):
    name = field(Text(), colander.Length(1, 80), example="champagne")


class NewExtra(colander.MappingSchema):
    body = _Extra()


class _Coat(colander.MappingSchema):
    row = field(Text(), colander.Length(1, 80), example="first")


class NewCoat(colander.MappingSchema):
    body = _Coat()


class NewTicket(colander.MappingSchema):
    body = _Ticket()


tickets = Service("tickets", "/tickets", tags=["tickets"], factory=Tickets)
ticket = Service("ticket", "/tickets/{number}/stub", tags=["tickets"], factory=Ticket)
# Below another object, and with a key of two parts.
extras = Service("extras", "/tickets/{number}/extras", tags=["tickets"], factory=Ticket)
extra = Service("extra", "/tickets/{number}/extras/{name}", tags=["tickets"], factory=Extra)
coats = Service("coats", "/coats", tags=["tickets"], factory=Tickets)
coat = Service("coat", "/coats/{row}/{hook}", tags=["tickets"], factory=Coat)
seat = Service("seat", "/seats/{row}", tags=["tickets"], factory=Seat)


@tickets.post(
    permission="tickets",
    schema=NewTicket(),
    response_schemas={"201": Success(description="Sold.")},
)
def post_ticket(request):
    """Sell a ticket."""
    number = str(len(request.registry.tickets) + 1)
    request.registry.tickets.append(number)
    request.response.status_int = 201
    request.response.headers["Location"] = f"{request.host_url}{request.path}/{number}"
    return {"status": "success", "message": "Sold."}


@ticket.get(permission="tickets", response_schemas={"200": Success(description="It is one.")})
def get_ticket(_request):
    """Look at a ticket."""
    return {"status": "success", "message": "It is one."}


@extras.post(
    permission="tickets", schema=NewExtra(), response_schemas={"201": Success(description="Done.")}
)
def post_extra(request):
    """Order something with a ticket."""
    request.registry.extras.add(request.validated["body"]["name"])
    request.response.status_int = 201
    return {"status": "success", "message": "Ordered."}


@extra.get(permission="tickets", response_schemas={"200": Success(description="It is one.")})
def get_extra(_request):
    """Look at what comes with a ticket."""
    return {"status": "success", "message": "It is one."}


@coats.post(
    permission="tickets", schema=NewCoat(), response_schemas={"201": Success(description="Hung.")}
)
def post_coat(request):
    """Leave a coat."""
    row, hook = request.validated["body"]["row"], str(len(request.registry.coats) + 1)
    request.registry.coats.add((row, hook))
    request.response.status_int = 201
    request.response.headers["Location"] = f"{request.host_url}{request.path}/{quote(row)}/{hook}"
    return {"status": "success", "message": "Hung."}


@coat.get(permission="tickets", response_schemas={"200": Success(description="It is one.")})
def get_coat(_request):
    """Look at a coat."""
    return {"status": "success", "message": "It is one."}


@seat.get(permission="tickets", response_schemas={})
def get_seat(_request):
    """Look for a seat."""


def includeme(config):
    config.include("widget_service.auth")
    config.declare_permissions({"tickets": "buy and look at tickets"})
    config.registry.tickets = []
    config.registry.extras, config.registry.coats = set(), set()
    for service in (tickets, ticket, extras, extra, coats, coat, seat):
        config.add_rest_service(service)
