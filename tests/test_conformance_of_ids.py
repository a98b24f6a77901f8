"""Objects whose ids nobody chooses are found by the Location of the answer that added them.

Whoever added them: they may be another plugin's, or made by a PUT.
"""

import pytest

from widget_service.conformance import *  # noqa: F403  (as the plugins of others do it)
from widget_service.testing import application, ini_text


@pytest.fixture(scope="module", params=["plugins.tickets", "plugins.reviews"])
def plugins(request):
    return (request.param, "widget_service.docs")


@pytest.fixture(scope="module")
def app(plugins, tmp_path_factory):
    """An application of its own: the one that all other tests share has other plugins."""
    directory = tmp_path_factory.mktemp("tickets")
    made = application(ini_text(f"sqlite:///{directory / 'test.sqlite'}", plugins), directory)
    yield made
    made.registry.database.close()


@pytest.fixture(autouse=True)
def empty(app):
    """What tests of other plugins find in tables that were emptied."""
    getattr(app.registry, "critics", set()).clear()
