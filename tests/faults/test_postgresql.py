"""PostgreSQL goes away under load, and comes back: 503 meanwhile, and nothing is lost."""

import pytest
from faults.cluster import HASHING, Cluster, eventually
from faults.load import BOUND, Load, readable

pytestmark = pytest.mark.faults

# What the pools of a process may have, and its threads for reading, as docs/settings.md has it.
MOST_CONNECTIONS = 5 + 10 + 4


@pytest.fixture
def serving(postgres, tmp_path, figures):
    """A cluster of two, and an administrator's token."""
    with Cluster(tmp_path, postgres.url, 2) as cluster:
        token = cluster.log_in("admin@example.com", admin=True)
        yield cluster, token
        assert "Traceback" not in cluster.logs()


def recover(cluster, token, load):
    """Both processes read and write again, as they are."""
    for number in range(2):
        eventually(lambda number=number: readable(cluster, number, token), BOUND)
    load.wait_for(30)


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_it_outlives_a_restart_on_another_port(postgres, serving, figures, how):
    cluster, token = serving
    with Load(cluster, token, figures) as load:
        load.wait_for(30)
        before = [cluster.holdings(number)["task"] for number in range(2)]
        for _time in range(3):
            figures["faults injected"] += 1
            postgres.stop(how)
            load.wait_for_refusals(20)
            assert cluster.ask(0, "GET", "/widgets", token=token)[0] == 503
            assert cluster.ask(1, "GET", "/widgets", token=token)[1]["Retry-After"]
            # It is not what the service says about itself or about strangers that is away.
            assert cluster.ask(0, "GET", "/widgets")[0] == 401
            postgres.start()
            recover(cluster, token, load)
    load.check(postgres.url, certain=False)
    assert load.unanswered == 0
    for number in range(2):
        assert cluster.holdings(number)["task"] <= before[number] + HASHING
    assert postgres.connections() <= 2 * MOST_CONNECTIONS


def test_it_outlives_the_end_of_its_connections(postgres, serving, figures):
    cluster, token = serving
    with Load(cluster, token, figures) as load:
        for _time in range(10):
            load.wait_for(15)
            figures["faults injected"] += postgres.terminate()
        recover(cluster, token, load)
    load.check(postgres.url, certain=False)
    assert load.unanswered == 0
    assert postgres.connections() <= 2 * MOST_CONNECTIONS


def test_it_does_not_wait_for_one_that_is_frozen(postgres, serving, figures):
    cluster, token = serving
    with Load(cluster, token, figures) as load:
        load.wait_for(30)
        figures["faults injected"] += 1
        with postgres.frozen():
            load.wait_for_refusals(6)
            assert cluster.ask(0, "GET", "/widgets", token=token)[0] == 503
            assert not cluster.is_ready(1)
        recover(cluster, token, load)
    load.check(postgres.url, certain=False)
    assert load.unanswered == 0
    assert postgres.connections() <= 2 * MOST_CONNECTIONS
