"""The fixtures that the authors of plugins get, where the service's own tests do not show them."""

from widget_service.testing import postgresql_server


def test_it_takes_the_postgresql_that_it_is_given():
    url = "postgresql+psycopg://postgres@localhost/"
    with postgresql_server(url) as taken:
        assert taken == url
