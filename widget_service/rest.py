"""Our kind of Cornice service: reads a form or JSON by one schema, answers in JSON.

A plugin declares services at module level and registers each in its includeme::

    gadgets = Service("gadgets", "/gadgets", tags=["gadgets"], factory=Gadgets)

    @gadgets.get(permission="gadgets:read", schema=Query(), response_schemas={"200": Found()})
    def find_gadgets(request):
        return {"codes": workshop.find(request.rows, **request.validated["querystring"])}

    def includeme(config):
        config.add_rest_service(gadgets)

A schema has children named ``body``, ``querystring`` or ``path``; what they made of the request is
in ``request.validated`` under the same names. Nodes may be deferred: they are bound once for each
application, to its ``registry``. Checks run in the order of the contract: permission, existence
(the context's ``load()``), validation.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import parse_qsl

import colander
import cornice
from cornice.errors import Errors
from cornice.pyramidhook import (
    CORS_PARAMETERS,
    register_resource_views,
    register_service_views,
    wrap_request,
)
from cornice.renderer import CorniceRenderer
from cornice.service import DEFAULT_FILTERS
from cornice.util import ContentTypePredicate, current_service
from cornice.validators import colander_validator
from pyramid.config import PHASE2_CONFIG
from pyramid.events import NewRequest
from pyramid.exceptions import ConfigurationError
from pyramid.httpexceptions import exception_response
from pyramid.response import Response
from sqlalchemy.exc import DataError, SQLAlchemyError

from widget_service import bodies, rendering, settings
from widget_service.contexts import shape_of
from widget_service.errors import (
    NOT_FOUND,
    Invalid,
    NotFound,
    PreconditionFailed,
)
from widget_service.fields import Text, TimeZone, WholeNumber
from widget_service.service_checks import check_options, check_schemas
from widget_service.settings import setting

View = TypeVar("View", bound=Callable[..., Any])

SURROGATE = re.compile("[\ud800-\udfff]")

# What a service or an operation tells the documentation and the tests: cornice_swagger's options,
# whose own predicates make a service unreachable when one of them is an empty list, and crash
# pviews; and three of ours: documented=False keeps a service out, preconditions=True says that an
# operation calls check_preconditions, statements=4 how many SQL statements it may send.
DOCUMENTATION = (
    "response_schemas",
    "tags",
    "operation_id",
    "api_security",
    "documented",
    "preconditions",
    "statements",
)

# What Cornice itself reads of a view's options, beside what Pyramid does.
CORNICES = {
    *("deserializer", "error_handler", "filters", "klass", "schema", "validators"),
    *CORS_PARAMETERS,
}

# How many SQL statements a view may send that says nothing else. Of two reads one finds out who
# asks; a write does that, looks for what is there, writes, and reads what came of it.
STATEMENTS = {"GET": 2, "HEAD": 2}
STATEMENTS_OF_A_WRITE = 5


def api_prefix(node: Any, value: str) -> None:
    """:raises colander.Invalid: ``value`` is not a path such as ``/api/v1``"""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise colander.Invalid(node, "must be a path such as /api/v1")


class RestSettings(colander.MappingSchema):
    """``rest.*``"""

    prefix = setting(Text(), "The path that every service is below.", api_prefix, default="/api/v1")
    time_zone = setting(
        TimeZone(), "The time zone of the dates in responses, and of what is today.", default=UTC
    )
    max_body_size = setting(
        WholeNumber(),
        "The largest request body that is read, in bytes; above it the answer is 413.",
        colander.Range(1024, 2**30),
        default=65536,
    )


class _Uncopied(dict[str, Any]):
    """What Cornice is to pass on as it is: it copies the options of each view, schemas and all,
    which took a tenth of the time that it takes to put an application together.
    """

    def __deepcopy__(self, _memo: Any) -> _Uncopied:
        return self


class Service(cornice.Service):
    """A Cornice service that validates in our order and refuses in our shape."""

    renderer = "json"

    if TYPE_CHECKING:
        # Cornice's decorators, with their types.
        def get(self, **options: Any) -> Callable[[View], View]:
            """Register a view for GET, and so for HEAD; the others alike."""

        post = put = patch = delete = get

    def get_arguments(self, conf: Any = None) -> dict[str, Any]:
        """Cornice asks for it: the options of a view."""
        options: dict[str, Any] = super().get_arguments(conf)
        if "response_schemas" in options:
            options["response_schemas"] = _Uncopied(options["response_schemas"])
        return options

    def get_view_wrapper(self, _options: Any) -> Callable[[View], View]:
        """Cornice asks for it: what is put around each view."""
        return answering

    @property
    def default_validators(self) -> list[Callable[..., None]]:
        """What runs before each view, after the permission check."""
        return [load_context, validate]

    def default_error_handler(self, request: Any) -> NoReturn:
        """Refuse a request with what Cornice found wrong.

        :raises Invalid: what the schema disliked; a rule of a whole location goes by its name
        :raises HTTPException: 406 or 415, of a service that has ``accept`` or ``content_type``
        """
        if request.errors.status != Invalid.status:
            raise exception_response(request.errors.status)
        raise Invalid(
            {error["name"] or error["location"]: error["description"] for error in request.errors}
        )


def answering(view: Any) -> Any:
    """The view with its value made a response at once.

    Pyramid's rendering would do the same with an event and two adapters on the way, which costs
    a tenth of a request.
    """
    if not callable(view):
        # A method of klass=, which Cornice binds to an object of it.
        return view

    @functools.wraps(view)
    def answered(request: Any) -> Any:
        value = view(request)
        return value if isinstance(value, Response) else rendering.json_response(request, value)

    return answered


def load_context(request: Any, **_options: Any) -> None:
    """Let the context find its object.

    :raises NotFound: it is not there
    """
    load = getattr(request.context, "load", None)
    if load is None:
        return
    try:
        load()
    except (DataError, OverflowError):
        # The path has what the database cannot even hold, such as a number beyond 64 bits or, on
        # PostgreSQL, a NUL; so it is in no row.
        raise NotFound(NOT_FOUND) from None


def validate(request: Any, schema: colander.MappingSchema | None = None, **_options: Any) -> None:
    """Put what ``schema`` makes of the request in ``request.validated``.

    :raises Invalid: no schema saw that a text has characters that nobody can store
    """
    if schema is None:
        return
    bound = bind(request.registry, schema)
    locations = {node.name for node in bound.children}
    colander_validator(request, bound, lambda request: _read(request, locations))
    unstorable = {
        name: "The value contains invalid characters"
        for fields in request.validated.values()
        for name, value in fields.items()
        if not _is_storable(value)
    }
    if unstorable:
        raise Invalid(unstorable)


def _is_storable(value: Any) -> bool:
    """Has no text in it a NUL, which PostgreSQL has no place for, or half of a surrogate pair?"""
    if isinstance(value, str):
        return "\0" not in value and (value.isascii() or not SURROGATE.search(value))
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, Sequence | AbstractSet):
        return True
    return all(map(_is_storable, value))


def most_statements(method: str, options: Mapping[str, Any]) -> int:
    """How many SQL statements a view may send; tests of conformance hold it to that.

    :param options: the view's
    """
    most: int = options.get("statements", STATEMENTS.get(method, STATEMENTS_OF_A_WRITE))
    return most


def check_preconditions(request: Any, etag: str | None) -> None:
    """If-Match and If-None-Match of a request that writes (RFC 9110, 13.1).

    :param etag: the quoted entity tag of what is there now, None where nothing is
    :raises PreconditionFailed: it is not what the client thinks it is
    """
    headers = request.headers
    tag = None if etag is None else etag.strip('"')
    # Of a client that has no tag to put there; WebOb would take it for a star.
    empty = not headers.get("If-Match", "*").strip()
    unmatched = "If-Match" in headers and (empty or tag is None or tag not in request.if_match)
    matched = "If-None-Match" in headers and tag is not None and tag in request.if_none_match
    if unmatched or matched:
        raise PreconditionFailed("The resource is not in the state that the request expects.")


def bind(registry: Any, schema: colander.MappingSchema) -> colander.MappingSchema:
    """``schema`` with its deferred nodes bound to this application, once."""
    bound = registry.bound_schemas.get(schema)
    if bound is None:
        bound = registry.bound_schemas[schema] = schema.bind(registry=registry)
    return bound


def _read(request: Any, locations: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"path": request.matchdict}
    if "querystring" in locations:
        found["querystring"] = bodies.first_of_each(_query(request.environ))
    if "body" in locations:
        found["body"] = bodies.read_body(request)
    return found


def _query(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parameters of the query, in UTF-8 and parted by ``&``: WebOb takes ``;`` as well.

    :raises UnicodeDecodeError: they are not UTF-8
    """
    text = environ.get("QUERY_STRING", "")
    if not text.isascii():
        # As WSGI has what a client did not encode.
        text = text.encode("latin-1").decode("utf-8")
    return parse_qsl(text, keep_blank_values=True, errors="strict")


def documented(view: Any, _info: Any) -> Any:
    """A view deriver that lets views have the options that only the documentation reads."""
    return view


documented.options = DOCUMENTATION  # type: ignore[attr-defined]  # Pyramid's protocol


def add_rest_service(
    config: Any, service: Service, *, path: str | None = None, prefix: str | None = None
) -> None:
    """Register a service (a directive).

    Two services on one path are a configuration conflict that names both.

    :param path: its path in this application, such as one that a setting has; else its own
    :param prefix: the path that it is below; that of the API by default
    :raises ConfigurationError: the path has no slash in front, the schema of a view is none, looks
        where nobody reads or has a name twice, or, when the configuration is carried out, cannot be
        bound, or a view has an option that nobody reads
    """
    if path is not None:
        # Not the service's own: the process may have two applications.
        service = copy.copy(service)
        service.path = path
    if not service.path.startswith("/"):
        raise ConfigurationError(f"{service.name}: its path, {service.path}, begins with no slash")
    for method, _view, options in service.definitions:
        check_schemas(f"{method} of {service.name}", options)
    if prefix is None:
        prefix = settings.of(config.registry, "rest").prefix
    place = prefix + shape_of(service.path)
    introspectable = config.introspectable("services", service.name, service.path, "service")
    introspectable.update(service=service, path=prefix + service.path)
    # A deferred node may want settings of a plugin that is included later.
    bind_all = functools.partial(_bind_all, config.registry, service)
    config.action(("rest service", place), bind_all, introspectables=(introspectable,))
    # Once all options are known, and before Pyramid looks at those of its views.
    check = functools.partial(check_options, config, service, CORNICES)
    config.action(None, check, order=PHASE2_CONFIG)
    with config.route_prefix_context(prefix):
        config.add_cornice_service(service)


def _bind_all(registry: Any, service: Service) -> None:
    """Find out now what no request should be the first to find out."""
    for method, _view, options in service.definitions:
        if options.get("schema") is None:
            continue
        try:
            bind(registry, options["schema"])
        except SQLAlchemyError:
            # It asks the database, which may not be there yet.
            continue
        except Exception as error:
            text = f"{method} of {service.name}: its schema cannot be bound: {error!r}"
            raise ConfigurationError(text) from error


def add_cornice_service(config: Any, service: cornice.Service) -> None:
    """Cornice's directive, for services of its own kind.

    Those that filter responses, or answer other origins in Cornice's way, need its subscriber to
    every request.
    """
    register_service_views(config, service)
    filters = {each for *_, options in service.definitions for each in options.get("filters", ())}
    registry = config.registry
    if (filters - {*DEFAULT_FILTERS} or service.cors_enabled) and not registry.cornice_subscribes:
        registry.cornice_subscribes = True
        config.add_subscriber(wrap_request, NewRequest)


def _include_cornice(config: Any) -> None:
    """Cornice's own includeme; whoever includes that later includes nothing more.

    It would subscribe to every request, to give it what is given here, and to filter responses,
    which our services have no filters for: that costs a tenth of a short request. Its views of
    errors would be in conflict with ours.
    """
    config.action_state.processSpec("cornice:includeme")
    config.registry.cornice_services = {}
    config.registry.cornice_subscribes = False
    config.add_directive("add_cornice_service", add_cornice_service)
    config.add_directive("add_cornice_resource", register_resource_views)
    config.add_renderer("cornicejson", CorniceRenderer())
    config.add_request_method(current_service, reify=True)
    config.add_view_predicate("content_type", ContentTypePredicate)
    config.add_request_method(lambda _request: {}, "validated", reify=True)
    config.add_request_method(lambda _request: Errors(), "errors", reify=True)
    config.add_request_method(lambda _request: {}, "info", reify=True)


def includeme(config: Any) -> None:
    """Cornice, our renderer and predicates, and the directive add_rest_service."""
    config.declare_settings("rest", RestSettings())
    config.registry.bound_schemas = {}
    _include_cornice(config)
    config.include(rendering)
    config.add_view_deriver(documented)
    # The default one reads request.params, and so fails on the very body that is refused.
    config.set_locale_negotiator(lambda _request: None)
    config.add_directive("add_rest_service", add_rest_service)
