"""Clusters, on either database."""

from contextlib import closing

import pytest
from faults.cluster import Cluster
from faults.postgres import Postgres

from widget_service.testing import new_database


@pytest.fixture
def postgres():
    """A PostgreSQL that may be stopped."""
    with closing(Postgres()) as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def cluster(request, tmp_path_factory):
    """Four processes on one database, for the tests of a file; ``url`` is where it is."""
    directory = tmp_path_factory.mktemp(request.param)
    with new_database(request.param, request, directory) as url, Cluster(directory, url, 4) as made:
        made.url = url
        yield made
