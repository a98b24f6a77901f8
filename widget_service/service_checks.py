"""What may be wrong with the declaration of a service, which is refused at start."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import colander
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.interfaces import IViewDerivers

# The parts of a request that a schema may describe.
LOCATIONS = {"body", "querystring", "path"}


# A status; not "default", as whatever may come of an operation is documented.
STATUS = re.compile("[1-5][0-9][0-9]")


def check_options(config: Any, service: Any, more: AbstractSet[str]) -> None:
    """Refuse an option that nobody reads: Pyramid does, too, but does not say whose it is.

    :param more: the options that have neither Pyramid nor a view deriver for their reader
    :raises ConfigurationError: with the option, and what may have been meant
    """
    predicates = [name for of in ("view", "route") for name in config.get_predlist(of).names()]
    derivers = config.registry.getUtility(IViewDerivers).sorted()
    options = [name for _, deriver in derivers for name in getattr(deriver, "options", ())]
    of_views = inspect.signature(Configurator.add_view).parameters
    known = {*predicates, *options, *of_views, *more}
    for method, _view, given in service.definitions:
        for name in sorted(given.keys() - known):
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            text = f"{method} of {service.name}: there is no option {name}{hint}"
            raise ConfigurationError(text)


def check_schemas(view: str, options: Mapping[str, Any]) -> None:
    """Refuse schemas that only a request, or the documentation, would find out to be none.

    :param view: what to call it
    :raises ConfigurationError: a schema is none, looks where nobody reads, or has a name twice, or
        an answer has no status or no description
    """
    answers = options.get("response_schemas", {})
    for status in answers:
        if not (isinstance(status, str) and STATUS.fullmatch(status)):
            raise ConfigurationError(
                f'{view}: response_schemas has {status!r}, where a status such as "200" is to be'
            )
    named = {f"response_schemas[{status!r}]": schema for status, schema in answers.items()}
    schema = options.get("schema")
    for name, each in {"schema": schema, **named}.items():
        if not isinstance(each, colander.SchemaNode | None):
            raise ConfigurationError(f"{view}: {name}={each!r} is no instance of a schema")
        if name in named and not getattr(each, "description", ""):
            raise ConfigurationError(f"{view}: {name} has no description")
    if schema is None:
        return
    for node in (schema, *schema.children):
        names = [child.name for child in node.children]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"{view}: its schema has {', '.join(twice)} twice")
    unread = {node.name for node in schema.children} - LOCATIONS
    if unread:
        raise ConfigurationError(
            f"{view}: its schema has {', '.join(sorted(unread))}; what is read of a request is "
            f"{', '.join(sorted(LOCATIONS))}"
        )
