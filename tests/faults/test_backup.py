"""A backup under load: it has all that was acknowledged before, nothing by half, and it serves."""

import postgresql_programs
import pytest
from faults.cluster import Cluster
from faults.load import Load, readable, stored
from figures import LOST

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def programs(postgresql, monkeypatch):
    monkeypatch.setenv("PATH", postgresql_programs.path(postgresql))


def lost(acknowledged, known, url):
    """What a copy has no more of what was acknowledged before it was made.

    :param acknowledged: what the widgets and users were then
    :param known: what they may be since
    """
    widgets, users = stored(url)
    for key, value in acknowledged.items():
        there = widgets.get(key)
        if "@" in key:
            is_there = key in users
        elif there is None:
            is_there = None in known[key]
        else:
            is_there = value is not None and value.version <= there.version
        if not is_there:
            yield key, value, there


def test_it_copies_what_was_acknowledged_before_it_began(own_database, tmp_path, figures, request):
    copies = {}
    with Cluster(tmp_path, own_database, 2) as cluster:
        token = cluster.log_in("admin@example.com", admin=True)
        with Load(cluster, token, figures) as load:
            for number in range(3):
                load.wait_for(40)
                copy = tmp_path / f"copy{number}"
                copies[copy] = load.certain()
                cluster.command("backup", str(copy))
        load.check(own_database)
    for number, (copy, acknowledged) in enumerate(copies.items()):
        assert len(acknowledged) > 40 * number
        directory = tmp_path / f"restored{number}"
        directory.mkdir()
        with (
            postgresql_programs.restored(copy, request) as url,
            Cluster(directory, url, 1) as cluster,
        ):
            wrong = list(lost(acknowledged, load.known, url))
            figures[LOST] += len(wrong)
            assert wrong == []
            assert readable(cluster, 0, token)
            with Load(cluster, token, figures) as more:
                more.wait_for(10)
            more.check(url)
            cluster.command("check-database")
