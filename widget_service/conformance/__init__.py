"""What every plugin keeps to, as tests that a plugin's own tests run with one line::

    from widget_service.conformance import *

They need two fixtures beside those of :mod:`widget_service.testing`, which have defaults there:
``plugins``, the first of which is the one that is tested and one of which is
``widget_service.docs``, and ``unprovoked``, the documented statuses that no single request brings
about. Valid requests are made of the ``example`` of each field. The path of an object,
``/gadgets/{code}``, is made of the example of the field that it is named after; where it is named
after none, as by an id that the database gives out, it is the ``Location`` of the answer to the
POST that adds one, of whatever plugin.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, inspect
from sqlalchemy.dialects.postgresql.base import PGInspector

from widget_service import settings
from widget_service.conformance.operations import Operation, json_body
from widget_service.conformance.subjects import Subject
from widget_service.conformance.values import TEXTS, UNREADABLE, mistakes
from widget_service.database import migrations
from widget_service.plugins import Plugins
from widget_service.testing import Client, application, ini_text

__all__ = [
    "subject",
    "test_it_answers_hostile_values_as_documented",
    "test_it_answers_what_is_documented_and_documents_what_it_answers",
    "test_it_documents_every_route",
    "test_it_keeps_the_order_of_checks",
    "test_its_lists_cost_the_same_however_long_they_are",
    "test_its_migrations_go_up_and_down",
]

# Mistakes of ours, a database that is away, and hosts that an operator names: no example of a
# plugin's provokes them.
OURS = {421, 500, 503}
# Of the objects that are added to a list.
SOME = (1, 2, 3)


@pytest.fixture
def subject(client: Client, plugins: tuple[str, ...]) -> Subject:
    """The plugin that is tested."""
    return Subject(client, plugins)


def test_it_documents_every_route(subject: Subject) -> None:
    """Nobody finds by chance what is not written down."""
    assert subject.routes() == {operation[:2] for operation in subject.operations}


def test_it_keeps_the_order_of_checks(subject: Subject) -> None:
    """A stranger learns neither the rules nor what exists; nor does a user who may not write.

    Who may learns first that there is no such object, and what is wrong with the fields after that.
    """
    no_fields = json_body({})
    for operation in subject.operations:
        subject.prepare(operation)
        missing = subject.missing(operation)
        if not operation.is_public:
            assert subject.call(subject.client, operation, missing, **no_fields) == 401, operation
        if operation[:2] in subject.closed:
            assert subject.call(subject.user, operation, missing, **no_fields) == 403, operation
        # Fields that are not valid, and a body that nobody can read.
        for body in (no_fields, UNREADABLE) if operation.misses else ():
            for name in operation.variables:
                missing = subject.missing(operation, name)
                assert subject.call(subject.admin, operation, missing, **body) == 404, operation


def test_it_answers_what_is_documented_and_documents_what_it_answers(
    subject: Subject, unprovoked: dict[tuple[str, str], set[int]]
) -> None:
    """Every documented status is real."""
    # Twice: what one operation leaves behind may matter to another, as a registration to a login.
    for operation in [*subject.operations, *subject.operations]:
        _try_everything(subject, operation)
    for operation in subject.operations:
        unreal = operation.documented - OURS - subject.seen[operation[:2]]
        unreal -= unprovoked.get((operation.method.upper(), operation.path), set())
        assert not unreal, (
            f"{operation} never answered {unreal}; if it can, but not to "
            "the example alone, say so in the fixture unprovoked, and test it"
            f"{subject.preparation(operation)}"
        )
    _check_unprovoked(subject, unprovoked)
    unsent = {key: names for key, names in subject.unsent.items() if names}
    assert not unsent, f"documented headers that no answer had: {unsent}"


def _check_unprovoked(subject: Subject, unprovoked: dict[tuple[str, str], set[int]]) -> None:
    """An entry that is needed no more would hide the next mistake."""
    documented = {each[:2]: each.documented for each in subject.everything}
    for (method, path), statuses in unprovoked.items():
        key = method.lower(), path
        unknown = statuses - documented.get(key, set())
        assert not unknown, f"unprovoked: {method} {path} has no {unknown} in the documentation"
        provoked = statuses & subject.seen[key]
        assert not provoked, f"unprovoked: {method} {path} did answer {provoked}"


def _try_everything(subject: Subject, operation: Operation) -> None:
    """Requests of every kind, so that the operation answers whatever it can."""
    subject.prepare(operation)
    subject.call(subject.client, operation)
    subject.call(subject.user, operation)
    subject.call(subject.user, operation, headers={"Host": "no host"})
    if operation.fields:
        size = settings.of(subject.client.registry, "rest").max_body_size + 1
        subject.call(subject.admin, operation, **json_body({}))
        subject.call(subject.admin, operation, body=b"x" * size, content_type="application/json")
        subject.call(subject.admin, operation, **UNREADABLE)
    for name in operation.queries:
        subject.call(subject.admin, operation, f"{subject.path(operation)}?{name}=x")
    if "{" in operation.path:
        subject.call(subject.admin, operation, subject.missing(operation))
        subject.call(subject.admin, operation, subject.path(operation, "\ud800"))
    if 412 in operation.documented:
        body = json_body(operation.body()) if operation.fields else {}
        subject.call(subject.admin, operation, headers={"If-Match": '"no"'}, **body)
    subject.prepare(operation)
    subject.call(subject.admin, operation)
    subject.call(subject.admin, operation)


def test_it_answers_hostile_values_as_documented(subject: Subject) -> None:
    """No value whatever brings about a 500, an undocumented status or another shape."""
    for operation in subject.operations:
        # Whom the ACL refuses sends no value to the view.
        users = [] if operation[:2] in subject.closed else [subject.user]
        for who in (subject.admin, *users):
            subject.prepare(operation)
            for path, body in _hostile_requests(subject, operation):
                subject.call(who, operation, path, **body)


def _hostile_requests(
    subject: Subject, operation: Operation
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Paths and bodies, with one mistake in each."""
    for name, text in itertools.product(operation.variables, TEXTS):
        path = subject.path(operation, text, of=name)
        # A slash would be another route, and nothing at all the collection.
        if text and "/" not in text and subject.leads_somewhere(path):
            yield path, {}
    path = subject.path(operation)
    for name, text in itertools.product(operation.queries, TEXTS):
        yield f"{path}?{name}={quote(text.encode('utf-8', 'surrogatepass'))}", {}
    body = operation.body()
    for name, example in body.items():
        for mistake in mistakes(example):
            yield path, json_body({**body, name: mistake})


def test_its_lists_cost_the_same_however_long_they_are(subject: Subject) -> None:
    """A statement for each object is noticed by nobody before there are many."""
    for operation in subject.operations:
        if operation.method == "get":
            subject.prepare(operation)
            before = subject.cost(operation)
            added = [subject.add_another(operation, number) for number in SOME]
            after = subject.cost(operation)
            assert not any(added) or after <= before, (
                f"{operation} sends {before} SQL statements, and {after} with {sum(added)} objects "
                f"more: {subject.sent}"
            )


def test_its_migrations_go_up_and_down(
    own_database: str, plugins: tuple[str, ...], ini_settings: dict[str, str], tmp_path: Path
) -> None:
    """They make what the models say, leave nothing, and make it again."""
    app = application(ini_text(own_database, plugins, ini_settings), tmp_path)
    registry = app.registry
    engine = registry.database.read_engine
    models = Plugins(registry).tables()
    tables = {table.name for plugin, table in models if plugin == plugins[0]}
    branches = list(migrations.branches(registry, plugins[0]))
    check_branches(plugins[0], tables, branches)
    assert migrations.differences(registry, checks=True) == []
    for branch in branches:
        migrations.downgrade(registry, f"{branch}@base")
    assert not tables & set(inspect(engine).get_table_names())
    migrations.downgrade(registry, "base")
    assert left_behind(engine) == set(), "migrations that were taken back have left something"
    migrations.upgrade(registry)
    assert migrations.differences(registry, checks=True) == []
    registry.database.close()


def left_behind(engine: Engine) -> set[str]:
    """The tables and enumerated types of a database from which all migrations were taken back."""
    found = inspect(engine)
    # PostgreSQL's, which do not go with the tables; SQLite has none.
    enumerated = found.get_enums() if isinstance(found, PGInspector) else []
    types = {f"type {each['name']}" for each in enumerated}
    return {*found.get_table_names(), *types} - {"alembic_version"}


def check_branches(plugin: str, tables: set[str], branches: list[str]) -> None:
    """Whoever has tables has migrations, which have a name; nobody else has any."""
    assert branches or not tables, (
        f"{plugin} has {sorted(tables)}, and no branch of migrations; name their folder with "
        "config.add_migrations, and give the first of them branch_labels"
    )
    assert tables or not branches, f"{plugin} has migrations, {branches}, and no model"
