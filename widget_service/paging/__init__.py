"""Lists in pages: which rows, how many there are in all, and links to the other pages.

A plugin says once what a row shows, and answers a page of them::

    GADGETS = Listing(Gadget.id, select(Gadget.id, Gadget.name))

    @gadgets.get(permission="gadgets:read", schema=PageQuery(), …)
    def list_gadgets(request):
        page = GADGETS.page(request.rows, **request.validated["querystring"])
        return page_body(request, page, "/gadgets", lambda row: {"name": row.name})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote, urlencode

import colander
from sqlalchemy import BigInteger, Row, Select, bindparam, select

from widget_service import answers, settings
from widget_service.answers import response_key
from widget_service.database import row_count
from widget_service.db import Rows
from widget_service.errors import Invalid
from widget_service.fields import Flag, Listed, Text, WholeNumber
from widget_service.paging import cursors
from widget_service.paging import statements as statements
from widget_service.paging.cursors import Cursor, CursorText
from widget_service.settings import setting

RELATIONS = ("self", "first", "prev", "next", "last")
# The databases count no further; beyond it every page is as empty as the next one.
MAX_OFFSET = 2**62
# To skip that many rows costs less than to look which end of the list is nearer.
EARLY = 100


class Target(NamedTuple):
    """Where a link leads: to a page of that number; to the rows of the cursor where it has one."""

    number: int
    cursor: Cursor | None = None


class Page(NamedTuple):
    """Some rows, in the order of their keys, how many there are in all, and what is around."""

    number: int
    size: int
    total: int
    items: Sequence[Row[Any]]
    cursor: Cursor | None = None
    prev: Target | None = None
    next: Target | None = None

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.size)

    @property
    def last(self) -> int:
        """The number of the last page; 1 where there is none."""
        return max(1, self.pages)

    @classmethod
    def numbered(cls, number: int, size: int, total: int, items: Sequence[Row[Any]]) -> Page:
        """A page of what is no :class:`Listing`, such as a list that is filtered, with neighbours.

        :param total: how many items there are on all pages
        """
        page = cls(number, size, total, items)
        # A total that somebody has spoilt leads nobody round in circles.
        return page.beside(before=number > 1, after=bool(items) and number < page.last)

    def beside(self, *, before: bool, after: bool) -> Page:
        """The page with its neighbours, ``before`` and ``after`` being whether it has some."""
        prev = Target(min(max(1, self.number - 1), self.last)) if before else None
        following = Target(self.number + 1 if self.items else 1) if after else None
        return self._replace(prev=prev, next=following)


class Listing:
    """A list in the order of a key: that of creation, where the key counts up.

    A page that links lead to costs the same at any depth, and so does the last one. Links of
    ``next`` and ``prev`` leave no row out and show none twice, whatever is added and deleted
    meanwhile. A number in the middle of a long list pays for each key between it and the end
    that is nearer.
    """

    def __init__(self, key: Any, shown: Select[*tuple[Any, ...]]) -> None:
        """
        :param key: the mapped column that orders the list, such as ``Gadget.id``; of numbers or
            texts, no two of them the same
        :param shown: what a row has, the key among it, joined with what it takes; all rows of the
            table, so there is no WHERE, and an outer join where something may be missing
        :raises ValueError: the key is not among it, or may be that of two rows; or rows are left
            out
        """
        statements.check(key, shown)
        self._name = f"the list in the order of {key}"
        self._place = statements.place_of(key, shown)
        self._type = key.type.python_type
        total = select(row_count.of(key.class_).label("total_items")).cte("list_total")
        # Built once: to build a statement costs more than to run it.
        self._early = statements.page(key, shown, total, statements.early(key))
        self._numbered = statements.page(key, shown, total, statements.numbered(key, total))
        # An int of Python's may not fit in an INTEGER of PostgreSQL's.
        place = bindparam("key", type_=BigInteger() if self._type is int else key.type)
        after, before = (key > place, key.asc()), (key < place, key.desc())
        self._following = {
            cursors.AFTER: statements.page(
                key, shown, total, statements.nearest(key, *after), (key <= place, key.desc())
            ),
            cursors.BEFORE: statements.page(
                key, shown, total, statements.nearest(key, *before), (key >= place, key.asc())
            ),
        }

    def page(self, rows: Rows, page: int, per_page: int, cursor: Cursor | None = None) -> Page:
        """The page of that number, which may be past the last one; or where its cursor leads.

        :raises Invalid: the cursor is of another list
        """
        if cursor is not None and type(cursor.key) is not self._type:
            raise Invalid({"cursor": cursors.MISTAKEN})
        if cursor is None or (cursor.page, cursor.size) != (page, per_page):
            return self._page_of_number(rows, page, per_page)
        return self._page_of_cursor(rows, cursor)

    def _page_of_number(self, rows: Rows, number: int, size: int) -> Page:
        skip = rows_before(number, size)
        statement = self._early if skip <= EARLY else self._numbered
        found = self._run(rows, statement, {"size": size, "skip": skip})
        total = found[0][statements.TOTAL]
        return self._with_cursors(Page.numbered(number, size, total, self._items(found)))

    def _page_of_cursor(self, rows: Rows, cursor: Cursor) -> Page:
        size, forwards = cursor.size, cursor.direction == cursors.AFTER
        # One row more tells whether there are any beyond this page.
        statement = self._following[cursor.direction]
        found = self._run(rows, statement, {"size": size + 1, "key": cursor.key})
        items, behind = self._items(found), found[0][statements.BEHIND] is not None
        beyond = len(items) > size
        items = items[:size] if forwards else items[-size:]
        before, after = (behind, beyond) if forwards else (beyond, behind)
        page = Page(cursor.page, size, found[0][statements.TOTAL], items)
        number = _settled(page, before=before, after=after)
        page = page._replace(number=number, cursor=cursor._replace(page=number))
        return self._with_cursors(page.beside(before=before, after=after))

    def _run(self, rows: Rows, statement: Any, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        found = rows(statement, parameters)
        if not found:
            raise ValueError(f"{self._name} leaves out rows that the table has")
        return found

    def _items(self, found: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        return [] if found[0][self._place] is None else found

    def _with_cursors(self, page: Page) -> Page:
        """The page with links to its neighbours that go on from its first and its last row."""
        if not page.items or self._type not in cursors.KEYS:
            return page
        prev, following = page.prev, page.next
        if prev:
            key = page.items[0][self._place]
            prev = Target(prev.number, Cursor(cursors.BEFORE, key, prev.number, page.size))
        if following:
            key, number = page.items[-1][self._place], following.number
            following = Target(number, Cursor(cursors.AFTER, key, number, page.size))
        return page._replace(prev=prev, next=following)


def rows_before(page: int, per_page: int) -> int:
    """The OFFSET of a page; of one that no database counts up to, that of one as empty."""
    return min((page - 1) * per_page, MAX_OFFSET)


def _settled(page: Page, *, before: bool, after: bool) -> int:
    """The number of a page that a cursor led to: the link's, or what is left to it at the ends.

    Rows came and went since the link was made; how many of them before the page nobody counts.
    """
    if not before:
        return 1
    if not page.items:
        return page.last + 1
    return max(2, min(page.number, page.last - 1) if after else page.last)


def path_of(request: Any, path: str) -> str:
    """The path of a service, for links: prefixes and all.

    By hand, as ``route_path`` for each row of a list is slow.
    """
    # Mostly there is none.
    mounted = quote(request.script_name) if request.environ.get("SCRIPT_NAME") else ""
    return f"{mounted}{settings.of(request.registry, 'rest').prefix}{path}"


def page_body(
    request: Any,
    page: Page,
    path: str,
    show: Callable[[Any], dict[str, Any]],
    query: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of a page; its links and the total are in headers of the response as well.

    :param path: of the service, without the API prefix
    :param show: what clients see of a row
    :param query: what else the client asked for, such as a filter, for the links; None is left out
    """
    links = _links(path_of(request, path), page, query or {})
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


def _links(base: str, page: Page, query: Mapping[str, Any]) -> dict[str, str]:
    """Links to the other pages; ``prev`` and ``next`` only where there is one."""
    targets = {
        "self": Target(page.number, page.cursor),
        "first": Target(1),
        "prev": page.prev,
        "next": page.next,
        "last": Target(page.last),
    }
    # Several values as Listed reads them.
    kept = {
        name: ",".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in query.items()
        if value is not None
    }
    more = f"&{urlencode(kept)}" if kept else ""
    return {
        relation: f"{base}?page={target.number}&per_page={page.size}"
        + (f"&cursor={target.cursor}" if target.cursor else "")
        + more
        for relation, target in targets.items()
        if target
    }


def positive(node: Any, values: tuple[int, ...]) -> None:
    """:raises colander.Invalid: no values, or one that is not positive"""
    if not values or min(values) < 1:
        raise colander.Invalid(node, "must be positive numbers, such as 5 10 25")


class PagingSettings(colander.MappingSchema):
    """``paging.*``"""

    per_page_choices = setting(
        Listed(WholeNumber()),
        "The page sizes that a client may ask for.",
        positive,
        default=(5, 10, 25, 50, 100),
    )
    per_page = setting(WholeNumber(), "The page size of a client that does not ask.", default=10)

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
    cursor = colander.SchemaNode(CursorText(), missing=None, description="As links have it.")


class PageQuery(colander.MappingSchema):
    """The query of a list."""

    querystring = _Query()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Colander's would be that of all lists, with whatever one of them adds.
        self.children = [child.clone() for child in self]


class _Links(colander.MappingSchema):
    self = response_key(Text())
    first = response_key(Text())
    prev = response_key(Text(), missing=colander.drop)
    next = response_key(Text(), missing=colander.drop)
    last = response_key(Text())


def page_of(item: colander.MappingSchema, description: str) -> colander.MappingSchema:
    """The response schema of a page.

    :param item: the response schema of one item: its body is what ``show`` makes of a row
    """
    # It is called "body" there, and so would each item be.
    shown = item["body"].clone()
    name = shown.title = type(shown).__name__.strip("_")
    items = colander.SchemaNode(colander.Sequence(), shown, name="items")
    # cornice_swagger calls a definition as the class of the schema is called.
    body = type(f"{name}Page", (colander.MappingSchema,), {})(name="body")
    for node in (
        _Links(name="links"),
        response_key(Flag(), name="has_prev"),
        response_key(Flag(), name="has_next"),
        response_key(WholeNumber(), name="page"),
        response_key(WholeNumber(), name="total_pages"),
        response_key(WholeNumber(), name="items_per_page"),
        response_key(WholeNumber(), name="total_items"),
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
