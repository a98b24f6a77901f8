"""The fixtures that the authors of plugins get, where the service's own tests do not show them."""

from contextlib import closing

from widget_service.testing import Client, application, ini_text, postgresql_server


def test_it_takes_the_postgresql_that_it_is_given():
    url = "postgresql+psycopg://postgres@localhost/"
    with postgresql_server(url) as taken:
        assert taken == url


def test_it_finds_the_api_where_the_operator_wants_it(tmp_path):
    database = f"sqlite:///{tmp_path}/test.sqlite"
    app = application(ini_text(database, settings={"rest.prefix": "/v2"}), tmp_path)
    with closing(app.registry.database):
        admin = Client(app).sign_up("admin@example.com", admin=True)
        assert admin.prefix == "/v2"
        assert admin.get("/v2/auth/user").json["admin"]
