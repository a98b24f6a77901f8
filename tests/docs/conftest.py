"""The documentation is the same on every database, so one of them will do."""

import pytest
from pyramid.config import Configurator

from widget_service.testing import application, ini_text


@pytest.fixture(scope="session")
def app(tmp_path_factory):
    directory = tmp_path_factory.mktemp("docs")
    made = application(ini_text(f"sqlite:///{directory / 'test.sqlite'}"), directory)
    yield made
    made.registry.database.close()


@pytest.fixture
def registry(tmp_path):
    """Makes the registry of an application of the documentation and of these services alone."""

    def make(*services, **settings):
        values = {name.replace("__", "."): value for name, value in settings.items()}
        config = Configurator(
            settings={"sqlalchemy.url": f"sqlite:///{tmp_path}/x.sqlite", **values}
        )
        config.include("widget_service.docs")
        for service in services:
            config.add_rest_service(service)
        config.commit()
        return config.registry

    return make
