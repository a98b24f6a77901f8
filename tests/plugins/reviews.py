"""A plugin whose objects are below those of another one, and one whose objects only a PUT adds."""

import colander
from pyramid.authorization import Allow

from widget_service.answers import Success
from widget_service.errors import NotFound
from widget_service.fields import Text, field
from widget_service.principals import Authenticated
from widget_service.resources import Context
from widget_service.rest import Service


class OfTicket(Context):
    __acl__ = ((Allow, Authenticated, "reviews"),)

    def load(self):
        if self.request.matchdict["number"] not in self.request.registry.tickets:
            raise NotFound("There is no such ticket.")


class Critic(Context):
    __acl__ = ((Allow, Authenticated, "reviews"),)

    def load(self):
        found = self.request.matchdict["id"] in self.request.registry.critics
        if not found and self.request.method != "PUT":
            raise NotFound("There is no such critic.")


class _Review(colander.MappingSchema):
    text = field(Text(), colander.Length(1, 80), example="Loud.")


class NewReview(colander.MappingSchema):
    body = _Review()


reviews = Service("reviews", "/tickets/{number}/reviews", tags=["reviews"], factory=OfTicket)
critic = Service("critic", "/critics/{id:[0-9]{1,9}}", tags=["reviews"], factory=Critic)
# Of a browser's own, say.
hidden = Service("hidden", "/reviews/{number}/hidden", factory=OfTicket, documented=False)


@reviews.post(
    permission="reviews",
    schema=NewReview(),
    response_schemas={"201": Success(description="Said.")},
)
def post_review(request):
    """Say something about a ticket."""
    request.response.status_int = 201
    return {"status": "success", "message": "Said."}


@critic.put(
    permission="reviews",
    schema=NewReview(),
    response_schemas={
        "200": Success(description="Changed."),
        "201": Success(description="Added."),
    },
)
def put_critic(request):
    """Be a critic."""
    known, who = request.registry.critics, request.matchdict["id"]
    request.response.status_int = 200 if who in known else 201
    known.add(who)
    return {"status": "success", "message": "Known."}


@critic.get(permission="reviews", response_schemas={"200": Success(description="There is.")})
def get_critic(_request):
    """Look at a critic."""
    return {"status": "success", "message": "There is."}


@hidden.get(permission="reviews")
def get_hidden(_request):
    """Answer what no documentation knows."""
    return ["hidden"]


def includeme(config):
    config.include("plugins.tickets")
    config.declare_permissions({"reviews": "write and look at reviews"})
    config.registry.critics = set()
    for service in (reviews, critic, hidden):
        config.add_rest_service(service)
