"""The contexts of services before anybody asks: what their ACLs say of users and strangers.

The documentation wants to know, and what is wrong with one is to be found out at start, and not by
whoever reads the documentation, which would be a 500 as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyramid.interfaces import IRequestFactory, IRootFactory
from pyramid.location import lineage
from pyramid.path import DottedNameResolver

from widget_service.settings import Problem

# {name} or {name:pattern}, whose pattern may have braces itself, and *rest at the end.
MARKER = re.compile(r"{(\w+)(?::((?:[^{}]|{[^{}]*})*))?}|\*(\w+)$")

# What stands for a part of a path: the first that its pattern takes, as a context may rely on that.
SAMPLES = (
    *("x", "1", "2000-01-01", "00000000-0000-4000-8000-000000000000"),
    *(character * length for length in range(2, 65) for character in "1xX"),
)


def plain_path(path: str) -> str:
    """A path without the patterns of its parameters.

    >>> plain_path("/files/{id:[0-9]{4}}/*rest")
    '/files/{id}/{rest}'
    """
    return MARKER.sub(lambda found: f"{{{found[1] or found[3]}}}", path)


def shape_of(path: str) -> str:
    """A path without the names of its parameters: two of one shape are one.

    >>> shape_of("/files/{id:[0-9]{4}}/{name}")
    '/files/{:[0-9]{4}}/{}'
    """
    return re.sub(r"{[A-Za-z_]\w*", "{", path)


def sample_of(path: str) -> dict[str, Any]:
    """What a request for some object below a path has in its ``matchdict``.

    >>> sample_of("/files/{id:[0-9]{4}}/{code}/*rest")
    {'id': '1111', 'code': 'x', 'rest': ('x',)}
    """
    found: dict[str, Any] = {}
    for name, pattern, rest in MARKER.findall(path):
        taken = (each for each in SAMPLES if re.fullmatch(pattern or ".*", each))
        found[name or rest] = (SAMPLES[0],) if rest else next(taken, SAMPLES[0])
    return found


def context_of(registry: Any, service: Any, method: str) -> Any:
    """The context that a request has, as far as its permissions go: it is not loaded.

    An ACL may look something up, as who made the object: here it finds nothing, whatever there is.
    """
    request = registry.getUtility(IRequestFactory).blank(service.path, method=method)
    request.registry = registry
    request.rows = request.read = lambda _statement, _parameters=None: []
    # Nobody would end its transaction.
    request.dbsession = None
    request.matchdict = sample_of(service.path)
    factory = DottedNameResolver(None).maybe_resolve(getattr(service, "factory", None))
    return (factory or registry.getUtility(IRootFactory))(request)


def problems(registry: Any) -> Iterator[Problem]:
    """The contexts that cannot be made, and the permissions in ACLs that no plugin named."""
    introspector = registry.introspector
    declared = introspector.get_category("declared permissions", ())
    known = {each["introspectable"]["name"] for each in declared}
    # Those of views, which are looked at beside these.
    known |= {each["introspectable"]["value"] for each in introspector.get_category("permissions")}
    for each in introspector.get_category("services", ()):
        found = each["introspectable"]
        service = found["service"]
        where = f"{found.action_info.file}, line {found.action_info.line}"
        try:
            granted = set(_granted(registry, service))
        except Exception as error:  # noqa: BLE001  (a context may fail in any way)
            text = f"its context cannot be made of {sample_of(service.path)}: {error!r}"
            yield Problem(f"service {service.name}", None, where, text)
            continue
        for permission in sorted(granted - known):
            text = (
                f"an ACL of service {service.name} has it, but no plugin names it in "
                "config.declare_permissions"
            )
            yield Problem(permission, None, where, text)


def _granted(registry: Any, service: Any) -> Iterator[str]:
    """The permissions that the ACLs of a service's contexts, and of their parents, are about."""
    for method in {method for method, *_ in service.definitions} - {"HEAD", "OPTIONS"}:
        for place in lineage(context_of(registry, service, method)):
            acl = getattr(place, "__acl__", ())
            for _action, _principal, permissions in acl() if callable(acl) else acl:
                yield from [permissions] if isinstance(permissions, str) else permissions
