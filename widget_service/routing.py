"""Which route a path is: found in a time that does not grow with the number of plugins.

Pyramid tries one route after another. Here only those are tried whose pattern begins as the path
does, in the same order.
"""

from __future__ import annotations

import re
from typing import Any

from pyramid.exceptions import URLDecodeError
from pyramid.interfaces import IRoutesMapper
from pyramid.urldispatch import Route, RoutesMapper

# Where what is fixed of a pattern ends: {name} and :name, or *rest.
VARIABLE = re.compile(r"[{:*]")

Places = list[tuple[int, Route]]


class IndexedRoutes(RoutesMapper):
    """Pyramid's mapper of routes, with an index."""

    def __init__(self) -> None:
        super().__init__()
        self._index: tuple[dict[str, Places], dict[str, Places], int] | None = None

    def connect(self, *args: Any, **options: Any) -> Route:
        """Add a route."""
        route = super().connect(*args, **options)
        self._index = None
        return route

    def __call__(self, request: Any) -> dict[str, Any]:
        """The route of a request, and what its pattern matched.

        :raises URLDecodeError: the path is not in UTF-8
        """
        try:
            path = request.path_info or "/"
        except KeyError:
            path = "/"  # WSGI lets servers leave it out
        except UnicodeDecodeError as error:
            raise URLDecodeError(
                error.encoding, error.object, error.start, error.end, error.reason
            ) from None
        for _place, route in self._candidates(path):
            match = route.match(path)
            if match is not None:
                info = {"match": match, "route": route}
                if all(predicate(info, request) for predicate in route.predicates):
                    return info
        return {"route": None, "match": None}

    def _candidates(self, path: str) -> Places:
        """The routes that may match, in their order."""
        index = self._index
        if index is None:
            index = self._index = _indexed([*self.routelist])
        whole, beginnings, depth = index
        found = whole.get(path, ())
        end = 0
        # No deeper than any pattern: a path may be nothing but slashes.
        for _each in range(depth):
            end = path.find("/", end) + 1
            if not end:
                break
            more = beginnings.get(path[:end])
            if more:
                found = sorted([*found, *more], key=_place) if found else more
        return found  # type: ignore[return-value]


def _place(found: tuple[int, Route]) -> int:
    return found[0]


def _indexed(routes: list[Route]) -> tuple[dict[str, Places], dict[str, Places], int]:
    """Routes by their paths, those with variables by what comes before, and how deep that is."""
    whole: dict[str, Places] = {}
    beginnings: dict[str, Places] = {}
    for place, route in enumerate(routes):
        pattern = route.pattern
        if isinstance(pattern, bytes):
            pattern = pattern.decode("ascii")
        if not pattern.startswith("/"):
            pattern = f"/{pattern}"
        variable = VARIABLE.search(pattern)
        if variable:
            beginning = pattern[: pattern.rindex("/", 0, variable.start()) + 1]
            beginnings.setdefault(beginning, []).append((place, route))
        else:
            whole.setdefault(pattern, []).append((place, route))
    depth = max((beginning.count("/") for beginning in beginnings), default=0)
    return whole, beginnings, depth


def includeme(config: Any) -> None:
    """Register the mapper, unless somebody has added routes to another one."""
    if config.registry.queryUtility(IRoutesMapper) is None:
        config.registry.registerUtility(IndexedRoutes(), IRoutesMapper)
