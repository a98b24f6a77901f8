"""Lists in pages: which rows, how many there are in all, and links to the other pages.

A plugin says once what a row shows, and answers a page of them::

    GADGETS = Listing(Gadget.id, select(Gadget.id, Gadget.name))

    @gadgets.get(permission="gadgets:read", schema=PageQuery(), …)
    def list_gadgets(request):
        page = GADGETS.page(request.rows, **request.validated["querystring"])
        return answer(request, page, "/gadgets", lambda row: {"name": row.name})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

import colander
from sqlalchemy import Row, Select, bindparam, func, select, true

from widget_service import answers, settings
from widget_service.answers import answer as key
from widget_service.fields import Flag, Listed, Text, WholeNumber
from widget_service.settings import setting

# Runs a statement with parameters and answers its rows: Request.rows, or Request.read.
Rows = Callable[[Any, Mapping[str, Any]], Sequence[Row[Any]]]

RELATIONS = ("self", "first", "prev", "next", "last")
# The databases count no further; beyond it every page is as empty as the next one.
MAX_OFFSET = 2**62


class Page(NamedTuple):
    """Some rows, in the order of their keys, and how many there are in all."""

    number: int
    size: int
    total: int
    items: Sequence[Row[Any]]

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.size)

    @property
    def last(self) -> int:
        """The number of the last page; 1 where there is none."""
        return max(1, self.pages)


class Listing:
    """A list in the order of a key: that of creation, where the key counts up."""

    def __init__(self, key: Any, shown: Select[*tuple[Any, ...]]) -> None:
        """
        :param key: the mapped column that orders the list, such as ``Gadget.id``
        :param shown: what a row has, the key among it, joined with what it takes
        """
        # The offset counts on the key alone, before any join: that is what a deep page costs.
        keys = (
            select(key).order_by(key).limit(bindparam("size")).offset(bindparam("skip")).subquery()
        )
        items = shown.join(keys, keys.c[key.key] == key).subquery()
        total = select(func.count().label("total_items")).select_from(key.class_).subquery()
        self._key = key.key
        # The total in the same statement, so of the same moment; one row without an item where
        # the page is empty. Built once: to build a statement costs more than to run it.
        self._statement = (
            select(total.c.total_items, items)
            .select_from(total.join(items, true(), isouter=True))
            .order_by(items.c[key.key])
        )

    def page(self, rows: Rows, page: int, per_page: int) -> Page:
        """The page with that number, which may be past the last one."""
        skip = min((page - 1) * per_page, MAX_OFFSET)
        found = rows(self._statement, {"size": per_page, "skip": skip})
        items = [row for row in found if getattr(row, self._key) is not None]
        return Page(page, per_page, found[0].total_items, items)


def path_of(request: Any, path: str) -> str:
    """The path of a service, for links: prefixes and all.

    By hand, as ``route_path`` for each row of a list is slow.
    """
    return f"{quote(request.script_name)}{settings.of(request.registry, 'rest').prefix}{path}"


def answer(
    request: Any, page: Page, path: str, show: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """The body of a page; its links and the total are in headers of the response as well.

    :param path: of the service, without the API prefix
    :param show: what clients see of a row
    """
    links = _links(path_of(request, path), page)
    request.response.headers["Link"] = ", ".join(
        f'<{links[relation]}>; rel="{relation}"' for relation in RELATIONS if relation in links
    )
    request.response.headers["Total-Count"] = str(page.total)
    return {
        "links": links,
        "has_prev": "prev" in links,
        "has_next": "next" in links,
        "page": page.number,
        "total_pages": page.pages,
        "items_per_page": page.size,
        "total_items": page.total,
        "items": [show(row) for row in page.items],
    }


def _links(base: str, page: Page) -> dict[str, str]:
    """Links to the other pages; ``prev`` and ``next`` only where there is one."""
    numbers = {
        "self": page.number,
        "first": 1,
        # Before a page past the end comes the last one that is there.
        "prev": min(page.number - 1, page.last) if page.number > 1 else None,
        "next": page.number + 1 if page.number < page.last else None,
        "last": page.last,
    }
    return {
        relation: f"{base}?page={number}&per_page={page.size}"
        for relation, number in numbers.items()
        if number is not None
    }


def positive(node: Any, values: tuple[int, ...]) -> None:
    """:raises colander.Invalid: no values, or one that is not positive"""
    if not values or min(values) < 1:
        raise colander.Invalid(node, "must be positive numbers, such as 5 10 25")


class PagingSettings(colander.MappingSchema):
    """``paging.*``"""

    per_page_choices = setting(
        Listed(WholeNumber()),
        (5, 10, 25, 50, 100),
        "The page sizes that a client may ask for.",
        positive,
    )
    per_page = setting(WholeNumber(), 10, "The page size of a client that does not ask.")

    def validator(self, node: Any, values: dict[str, Any]) -> None:
        """:raises colander.Invalid: the default page size is none that a client may ask for"""
        if values["per_page"] not in values["per_page_choices"]:
            error = colander.Invalid(node)
            error["per_page"] = "must be one of paging.per_page_choices"
            raise error


class Positive(WholeNumber):
    """A page number or size."""

    # The documentation shows it.
    swagger: ClassVar = {"minimum": 1}

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: no number, or not a positive one"""
        number = super().deserialize(node, cstruct)
        if number is not colander.null and number < 1:
            text = f"Invalid {node.name}: {number}. {node.name} must be a positive integer"
            raise colander.Invalid(node, text)
        return number


@colander.deferred
def page_size(_node: Any, kw: dict[str, Any]) -> Any:
    """One of the operator's page sizes."""
    choices = settings.of(kw["registry"], "paging").per_page_choices

    def one_of(node: Any, value: int) -> None:
        if value not in choices:
            text = f"The value '{value}' is not a valid choice for '{node.name}'."
            raise colander.Invalid(node, text)

    one_of.choices = choices  # type: ignore[attr-defined]  # the documentation shows them
    return one_of


@colander.deferred
def default_page_size(_node: Any, kw: dict[str, Any]) -> int:
    """The operator's page size."""
    return int(settings.of(kw["registry"], "paging").per_page)


class _Query(colander.MappingSchema):
    page = colander.SchemaNode(Positive(), missing=1, description="From 1.")
    per_page = colander.SchemaNode(Positive(), missing=default_page_size, validator=page_size)


class PageQuery(colander.MappingSchema):
    """The query of a list."""

    querystring = _Query()


class _Links(colander.MappingSchema):
    self = key(Text())
    first = key(Text())
    prev = key(Text(), missing=colander.drop)
    next = key(Text(), missing=colander.drop)
    last = key(Text())


def page_of(item: colander.MappingSchema, description: str) -> colander.MappingSchema:
    """The response schema of a page.

    :param item: the schema of what ``show`` makes of a row
    """
    name = type(item).__name__.strip("_")
    # The body of another answer is called "body", and so would each item be.
    item = item.clone()
    item.title = name
    items = colander.SchemaNode(colander.Sequence(), item, name="items")
    # cornice_swagger calls a definition as the class of the schema is called.
    body = type(f"{name}Page", (colander.MappingSchema,), {})(name="body")
    for node in (
        _Links(name="links"),
        key(Flag(), name="has_prev"),
        key(Flag(), name="has_next"),
        key(WholeNumber(), name="page"),
        key(WholeNumber(), name="total_pages"),
        key(WholeNumber(), name="items_per_page"),
        key(WholeNumber(), name="total_items"),
        items,
    ):
        body.add(node)
    page = colander.MappingSchema(description=description)
    page.add(answers.Paged(name="header"))
    page.add(body)
    return page


def includeme(config: Any) -> None:
    """Declare the settings."""
    config.declare_settings("paging", PagingSettings())
