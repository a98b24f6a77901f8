"""A plugin in which everything goes wrong, open to everybody: GET or POST /faulty/{fault}."""

from http import HTTPStatus

from pyramid import httpexceptions
from pyramid.authorization import Allow, Everyone
from pyramid.exceptions import BadCSRFToken
from pyramid.response import Response
from sqlalchemy import text

from widget_service import errors
from widget_service.resources import Context
from widget_service.rest import Service

SECRET = "hunter2"


class Open(Context):
    __acl__ = ((Allow, Everyone, "faulty"),)


faulty = Service("faulty", "/faulty/{fault}", factory=Open)


def bug(_request):
    raise ZeroDivisionError(SECRET)


def decoding(_request):
    return b"\xff".decode()


def parameters(request):
    return dict(request.params)


def unserializable(_request):
    return {"a": object()}


def statement(request):
    request.rows(text("SELECT :secret FROM nothing"), {"secret": SECRET})


def raised(error):
    def fault(_request):
        raise error

    return fault


FAULTS = {
    "bug": bug,
    "decoding": decoding,
    "parameters": parameters,
    "unserializable": unserializable,
    "statement": statement,
    "response": lambda _request: Response(status=HTTPStatus.IM_A_TEAPOT, json_body={"a": 1}),
    "varying": lambda _request: Response(json_body={}, vary="Accept-Language"),
    "returned": lambda _request: httpexceptions.HTTPConflict("Taken."),
    "moved": raised(httpexceptions.HTTPFound("https://example.com/")),
    "nothing": raised(httpexceptions.HTTPNoContent(headers={"X-Kept": "yes"})),
    "unmodified": raised(httpexceptions.HTTPNotModified()),
    "forbidden": raised(httpexceptions.HTTPForbidden(SECRET)),
    "gone": raised(httpexceptions.HTTPNotFound(SECRET)),
    "disallowed": raised(httpexceptions.HTTPMethodNotAllowed(SECRET)),
    "bad": raised(httpexceptions.HTTPBadRequest("That is bad.", headers={"X-Kept": "yes"})),
    "throttled": raised(httpexceptions.HTTPTooManyRequests(headers={"Retry-After": "7"})),
    "csrf": raised(BadCSRFToken()),
    "forbidden_by_view": raised(errors.Forbidden("Not yours.")),
    "failure": raised(errors.Failure("No.")),
    "conflict": raised(errors.Conflict("Taken.")),
    "absent": raised(errors.NotFound("None.", {"X-Kept": "yes"})),
    "service": raised(errors.ServiceError("Odd.")),
}


@faulty.get(permission="faulty")
def get_faulty(request):
    return FAULTS[request.matchdict["fault"]](request)


@faulty.post(permission="faulty")
def post_faulty(request):
    return FAULTS[request.matchdict["fault"]](request)


def includeme(config):
    config.include("widget_service")
    config.declare_permissions({"faulty": "make mistakes"})
    config.add_rest_service(faulty)
