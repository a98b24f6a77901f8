"""The fixtures of the service, with this plugin in its application."""

import pytest

pytest_plugins = ["widget_service.testing"]


@pytest.fixture(scope="session")
def plugins():
    return ("gadgets", "widget_service.docs")
