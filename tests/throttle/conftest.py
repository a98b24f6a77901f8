"""Applications that throttle."""

import pytest

from widget_service.testing import PLUGINS, Client, application, ini_text

OFF = {
    f"throttle.{name}": ""
    for name in (
        "login_address",
        "login_account_address",
        "login_account",
        "register_address",
        "write_user",
    )
}


@pytest.fixture
def serve(tmp_path):
    """A function that makes an application with no limits but the given ones."""
    made = []

    def serve(**values):
        settings = {**OFF, **{f"throttle.{name}": value for name, value in values.items()}}
        url = f"sqlite:///{tmp_path / 'test.sqlite'}"
        ini = ini_text(url, ("widget_service.throttle", *PLUGINS), settings)
        made.append(application(ini, tmp_path))
        return Client(made[-1])

    yield serve
    for app in made:
        app.registry.database.close()
