"""SIGTERM under load: whoever was let in is answered, the process ends well."""

import pytest
from faults.cluster import Cluster
from faults.load import Load

pytestmark = pytest.mark.faults


def test_it_answers_everybody_whom_it_has_let_in(own_database, tmp_path, figures):
    with Cluster(tmp_path, own_database, 2) as cluster:
        token = cluster.log_in("admin@example.com", admin=True)
        with Load(cluster, token, figures, writers=12) as load:
            for victim in (0, 1, 0):
                load.wait_for(20)
                figures["faults injected"] += 1
                assert cluster.stop(victim) == 0
                load.wait_for(10)
                cluster.start(victim)
        load.check(own_database)
        assert set(load.statuses) <= {200, 201, 204}
        assert "Traceback" not in cluster.logs()
