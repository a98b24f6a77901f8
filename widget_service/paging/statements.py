"""The statements of a page: which rows, in one statement with how many there are in all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    CompoundSelect,
    Join,
    Label,
    PrimaryKeyConstraint,
    Select,
    UniqueConstraint,
    bindparam,
    case,
    exists,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.sql.visitors import iterate

# What selects the keys of a page.
Keys = Select[Any] | CompoundSelect[Any]

# Where each row has how many there are in all, and a key from the other side of the cursor.
TOTAL, BEHIND = -1, -2


def page(
    key: Any, shown: Select[Any], total: CTE, keys: Keys, behind: Any = None
) -> CompoundSelect[Any]:
    """The rows with these keys, or one without a key where there are none.

    The total is in the same statement, so of the same moment. Not joined with the items: SQLite
    would make a copy of them, in a third more time for a list of 100.

    :param behind: what is true of rows on the other side of a cursor, and their order from it on
    """
    chosen = keys.cte("page_keys")
    said = [select(total.c.total_items).scalar_subquery()]
    if behind is not None:
        # In an order, as EXISTS might search the whole table for the first one.
        said.insert(0, _from(key, *behind).limit(1).scalar_subquery())
    # Which rows, on the key alone, before any join: that is what a deep page costs.
    items = shown.where(key.in_(select(chosen))).order_by(None).add_columns(*said)
    nothing = select(*(null() for _ in shown.selected_columns), *said).where(
        ~exists().select_from(chosen)
    )
    whole: CompoundSelect[Any] = union_all(items, nothing)
    return whole.order_by(literal_column(str(place_of(key, shown) + 1)))


def place_of(key: Any, shown: Select[Any]) -> int:
    """Where the key is in a row, whatever it is called there.

    :raises ValueError: it is not shown
    """
    for place, column in enumerate(shown.selected_columns):
        if (column.element if isinstance(column, Label) else column).compare(key.expression):
            return place
    raise ValueError(f"a list in the order of {key} must have it among what it shows")


def check(key: Any, shown: Select[Any]) -> None:
    """Is there one row for each key of the table, so that pages and the total are of them?

    :raises ValueError: two rows may have one key, or a row of the table may not be shown
    """
    # Of several that inheritance joins, the one of the model's own table.
    column = key.property.columns[0]
    if column.nullable or not any([*each] == [column] for each in _unique(column.table)):
        raise ValueError(f"a list in the order of {key} needs it to be unique, and not null")
    if shown.whereclause is not None:
        raise ValueError(f"a list in the order of {key} is of all rows: it cannot have a WHERE")
    for join in (join for each in shown.get_final_froms() for join in _inner_joins(each)):
        for part in iterate(join.onclause):
            if isinstance(part, Column) and part.foreign_keys and part.nullable:
                raise ValueError(f"to join by {part}, which may be null, takes an outer join")


def _inner_joins(part: Any) -> Iterator[Join]:
    """Those that leave out rows; within what an outer join adds none does."""
    if isinstance(part, Join):
        yield from _inner_joins(part.left)
        if not part.isouter:
            yield part
            yield from _inner_joins(part.right)


def _unique(table: Any) -> Iterator[Iterable[Any]]:
    """What no two rows have alike, wholly."""
    for each in table.constraints:
        if isinstance(each, PrimaryKeyConstraint | UniqueConstraint):
            yield each.columns
    for each in table.indexes:
        if each.unique and not any(name.endswith("_where") for name in each.dialect_kwargs):
            yield each.columns


def _from(key: Any, place: Any, order: Any) -> Select[Any]:
    """The keys from a place on, in an order."""
    return select(key).where(place).order_by(order)


def nearest(key: Any, place: Any, order: Any) -> Keys:
    """As many keys as a page has, from a place on."""
    return _from(key, place, order).limit(bindparam("size"))


def _size_and_skip() -> Iterator[Any]:
    return (bindparam(name, type_=BigInteger()) for name in ("size", "skip"))


def early(key: Any) -> Keys:
    """The keys of a page, counted from the first one."""
    size, skip = _size_and_skip()
    return select(key).order_by(key).limit(size).offset(skip)


def numbered(key: Any, total: CTE) -> Keys:
    """The keys of a page, counted from the nearer end: one of two halves finds nothing."""
    count = select(total.c.total_items).scalar_subquery()
    size, skip = _size_and_skip()
    # What is left from the page's first row on.
    rest = count - skip
    upper = case((skip <= rest, size), else_=0)
    lower = case((skip <= rest, 0), (rest < 0, 0), (rest < size, rest), else_=size)
    beyond = case((rest > size, rest - size), else_=0)
    halves = (
        select(key).order_by(key).limit(upper).offset(skip).subquery("upper_half"),
        select(key).order_by(key.desc()).limit(lower).offset(beyond).subquery("lower_half"),
    )
    # The limit again, as one that PostgreSQL can plan with.
    return union_all(*(select(half) for half in halves)).limit(bindparam("size"))
