"""The service's own plugins keep to what it asks of others."""

import pytest

from widget_service.conformance import *  # noqa: F403  (as the plugins of others do it)
from widget_service.testing import ini_text


@pytest.fixture(params=["widget_service.auth", "widget_service.widgets"])
def plugins(request):
    """The plugin under test first; the application has all of them in any case."""
    return (request.param, "widget_service.auth", "widget_service.widgets", "widget_service.docs")


@pytest.fixture(scope="session")
def ini(database):
    return ini_text(database)


@pytest.fixture
def unprovoked():
    return {
        # Another administrator added the widget after this request had looked for it.
        ("PUT", "/widgets/{name}"): {409},
        # The current password of nobody is the one of the example.
        ("PUT", "/auth/password"): {200},
    }
