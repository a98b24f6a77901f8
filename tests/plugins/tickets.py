"""A plugin whose objects have the ids that they are given, kept in the registry."""

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


class Seat(Tickets):
    def load(self):
        raise NotFound("Every seat is taken.")


class _Ticket(colander.MappingSchema):
    title = field(Text(), colander.Length(1, 80), example="First row")


class NewTicket(colander.MappingSchema):
    body = _Ticket()


tickets = Service("tickets", "/tickets", tags=["tickets"], factory=Tickets)
ticket = Service("ticket", "/tickets/{number}/stub", tags=["tickets"], factory=Ticket)
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


@seat.get(permission="tickets", response_schemas={})
def get_seat(_request):
    """Look for a seat."""


def includeme(config):
    config.include("widget_service.auth")
    config.declare_permissions({"tickets": "buy and look at tickets"})
    config.registry.tickets = []
    for service in (tickets, ticket, seat):
        config.add_rest_service(service)
