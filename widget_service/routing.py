"""Which route a path is: found in a time that does not grow with the number of plugins.

Pyramid tries one route after another. Here only those are tried whose pattern begins as the path
does, in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from pyramid.exceptions import URLDecodeError
from pyramid.interfaces import IRoutesMapper
from pyramid.urldispatch import Route, RoutesMapper

# Where what is fixed of a pattern ends: {name} and :name, or *rest.
VARIABLE = re.compile(r"[{:*]")


class Index(NamedTuple):
    """The routes that may match, in their order."""

    # By a path, and by a beginning of one that ends in a slash; whatever begins with less included.
    whole: dict[str, list[Route]]
    beginnings: dict[str, list[Route]]
    # The longest of these.
    longest: int


class IndexedRoutes(RoutesMapper):
    """Pyramid's mapper of routes, with an index."""

    def __init__(self) -> None:
        super().__init__()
        self._index: Index | None = None

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
        for route in self._candidates(path):
            match = route.match(path)
            if match is not None:
                info = {"match": match, "route": route}
                if all(predicate(info, request) for predicate in route.predicates):
                    return info
        return {"route": None, "match": None}

    def _candidates(self, path: str) -> Sequence[Route]:
        index = self._index
        if index is None:
            index = self._index = _indexed(self.routelist)
        whole, beginnings, end = index
        found = whole.get(path)
        end += 1
        # From the deepest that there can be: a path may be nothing but slashes.
        while found is None and end:
            end = path.rfind("/", 0, end - 1) + 1
            found = beginnings.get(path[:end])
        return found or ()


def _indexed(routes: Iterable[Route]) -> Index:
    whole: dict[str, list[tuple[int, Route]]] = {}
    beginnings: dict[str, list[tuple[int, Route]]] = {}
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

    def of(path: str, own: Sequence[tuple[int, Route]] = ()) -> list[Route]:
        slashes = (end for end, letter in enumerate(path, 1) if letter == "/")
        found = [each for end in slashes for each in beginnings.get(path[:end], ())]
        return [route for _place, route in sorted([*own, *found], key=itemgetter(0))]

    return Index(
        {path: of(path, own) for path, own in whole.items()},
        {beginning: of(beginning) for beginning in beginnings},
        max(map(len, beginnings), default=0),
    )


def includeme(config: Any) -> None:
    """Register the mapper, unless somebody has added routes to another one."""
    if config.registry.queryUtility(IRoutesMapper) is None:
        config.registry.registerUtility(IndexedRoutes(), IRoutesMapper)
