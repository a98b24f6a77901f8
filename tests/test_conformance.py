"""The service's own plugins keep to what it asks of others."""

import pytest

from widget_service.conformance import *  # noqa: F403  (as the plugins of others do it)
from widget_service.rest import most_statements
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
        # Others added the widget and deleted it while this request was on its way.
        ("PUT", "/widgets/{name}"): {409},
        # The current password of nobody is the one of the example.
        ("PUT", "/auth/password"): {200},
    }


@pytest.mark.parametrize(
    ("method", "options", "most"),
    [("GET", {}, 2), ("HEAD", {}, 2), ("PUT", {}, 5), ("GET", {"statements": 4}, 4)],
)
def test_it_allows_so_many_statements(method, options, most):
    assert most_statements(method, options) == most


def test_it_fails_where_a_view_sends_more_statements_than_it_may(subject):
    for operation in subject.operations:
        subject.budgets[operation[:2]] = 0
    (operation, *_others) = (each for each in subject.operations if not each.is_public)
    with pytest.raises(AssertionError, match="more than 0 "):
        subject.call(subject.user, operation)
