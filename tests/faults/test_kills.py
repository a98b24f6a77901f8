"""``kill -9`` under load: what was acknowledged is there, nothing is there by half."""

import random
import threading

import pytest
from faults.cluster import Cluster
from faults.load import Load, readable, stored

pytestmark = pytest.mark.faults


def test_it_keeps_what_it_acknowledged_when_it_is_killed(
    own_database, tmp_path, figures, pytestconfig
):
    with Cluster(tmp_path, own_database, 2) as cluster:
        token = cluster.log_in("admin@example.com", admin=True)
        with Load(cluster, token, figures) as load:
            for _kill in range(pytestconfig.getoption("kills")):
                victim = random.randrange(2)  # noqa: S311  (no secret)
                load.wait_for(random.randint(1, 40))  # noqa: S311
                # Between two answers as well as in the middle of one.
                threading.Event().wait(random.uniform(0, 0.02))  # noqa: S311
                cluster.kill(victim)
                figures["faults injected"] += 1
                stored(own_database)
                cluster.start(victim)
                assert readable(cluster, victim, token)
        load.check(own_database, certain=False)


def test_it_is_killed_as_a_whole_and_serves_again(own_database, tmp_path, figures):
    with Cluster(tmp_path, own_database, 2) as cluster:
        token = cluster.log_in("admin@example.com", admin=True)
        with Load(cluster, token, figures) as load:
            load.wait_for(30)
            for number in range(2):
                cluster.kill(number)
            figures["faults injected"] += 2
        load.check(own_database, certain=False)
        for number in range(2):
            cluster.start(number)
            assert readable(cluster, number, token)
        with Load(cluster, token, figures) as load:
            load.wait_for(10)
        load.check(own_database)
