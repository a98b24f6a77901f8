"""Applications of the core and of plugins that only tests have."""

import re
from contextlib import closing, contextmanager

import webtest

from widget_service.testing import application


def core_ini(directory, *plugins, **settings):
    """The text of an .ini file.

    :param plugins: modules, in full
    :param settings: with ``__`` for a dot; a new SQLite file in ``directory`` by default
    """
    values = {
        "sqlalchemy.url": f"sqlite:///{directory / 'core.sqlite'}",
        "database.migrate_at_start": "true",
        **{key.replace("__", "."): value for key, value in settings.items()},
    }
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in values.items()]
    includes = f"pyramid.includes = {' '.join(plugins)}"
    return "\n".join(["[app:main]", "use = egg:widget_service", includes, *lines, ""])


@contextmanager
def serving(directory, *plugins, **settings):
    """Requests to an application, which is taken down in the end."""
    app = application(core_ini(directory, *plugins, **settings), directory)
    with closing(app.registry.database):
        yield webtest.TestApp(app)


def refused(response):
    """The fields that a 400 of the validation shape names."""
    assert response.status_int == 400, response
    assert set(response.json) == {"errors", "message"}
    assert response.json["message"] == "Input payload validation failed"
    assert response.content_type == "application/json"
    # Not even in an escape: some parsers of JSON refuse these.
    assert not re.search(r"\\ud[89a-f]", response.text, re.IGNORECASE)
    return response.json["errors"]
