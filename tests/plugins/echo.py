"""A plugin that says what the service made of a request, open to everybody."""

import colander
from pyramid.authorization import Allow, Everyone

from widget_service.errors import NotFound
from widget_service.fields import Listed, Text, WholeNumber
from widget_service.resources import Context
from widget_service.rest import Service


class Open(Context):
    __acl__ = ((Allow, Everyone, "echo"),)

    def load(self):
        if self.request.matchdict.get("name") == "absent":
            raise NotFound("absent not found.")


class _Body(colander.MappingSchema):
    text = colander.SchemaNode(Text(), missing=None)
    tags = colander.SchemaNode(Listed(Text()), missing=())
    once = colander.SchemaNode(colander.Set(), missing=frozenset())
    more = colander.SchemaNode(colander.Mapping(unknown="preserve"), missing={})


class _Query(colander.MappingSchema):
    size = colander.SchemaNode(WholeNumber(), missing=1)
    text = colander.SchemaNode(Text(), missing=None)


class EchoBody(colander.MappingSchema):
    body = _Body()


class EchoQuery(colander.MappingSchema):
    querystring = _Query()


echo = Service("echo", "/echo", factory=Open)
echoes = Service("echo.named", "/echo/{name}", factory=Open)
restricted = Service("restricted", "/restricted", tags=[], api_security=[], response_schemas={})


@echo.get(permission="echo", schema=EchoQuery())
def get_echo(request):
    return request.validated["querystring"]


@echo.post(permission="echo", schema=EchoBody())
def post_echo(request):
    body = request.validated["body"]
    return {"text": body["text"], "tags": body["tags"], "more": sorted(body["more"])}


@echoes.get(permission="echo")
def get_named(request):
    return {"name": request.matchdict["name"]}


@echoes.delete(permission="echo")
def delete_named(request):
    request.response.status_int = 204


@restricted.get()
def get_restricted(_request):
    raise AssertionError("nobody may")


def includeme(config):
    config.include("widget_service")
    config.declare_permissions({"echo": "talk to the test"})
    for service in (echo, echoes, restricted):
        config.add_rest_service(service)
