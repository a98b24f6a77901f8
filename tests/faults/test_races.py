"""Sixteen clients at once, on four processes: one wins, and the database says what they heard."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from faults.cluster import PASSWORD
from faults.load import Value, stored
from figures import WRONGLY
from processes import ask

pytestmark = pytest.mark.faults

CLIENTS = 16
ROUNDS = 5
WIDGET = "/widgets/first"


def at_once(cluster, figures, call):
    """What ``call(number of the client, number of the process)`` answers to each client."""
    barrier = Barrier(CLIENTS)

    def run(client):
        barrier.wait()
        return call(client, client % len(cluster.ports))

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(run, range(CLIENTS)))
    figures["requests sent"] += CLIENTS
    return answers


def statuses(answers):
    return Counter(status for status, _headers, _body in answers)


def writing(cluster, token, method):
    """A call that adds or changes the widget, to a value of the client's own."""

    def call(client, process):
        if method == "DELETE":
            return cluster.ask(process, method, WIDGET, token=token)
        fields = Value(client, 1).fields
        if method == "POST" or (method == "BOTH" and client % 2):
            return cluster.ask(process, "POST", "/widgets", {**fields, "name": "first"}, token)
        return cluster.ask(process, "PUT", WIDGET, fields, token)

    return call


def there(cluster):
    """The value of the widget."""
    return stored(cluster.url)[0].get("first")


def winner(answers):
    """The value that the last write left, by the version in its ETag."""
    written = [
        (int(headers["ETag"].strip('"').rpartition("-")[2]), client)
        for client, (status, headers, _body) in enumerate(answers)
        if status in (200, 201)
    ]
    assert len(written) == len({version for version, _client in written})
    version, client = max(written)
    return Value(client, version)


def test_it_registers_an_address_once(cluster, figures):
    for number in range(ROUNDS):

        def call(client, process, number=number):
            name = f"somebody{number}"
            email = f"{name.upper() if client % 2 else name}@example.com"
            fields = {"email": email, "password": PASSWORD}
            return cluster.ask(process, "POST", "/auth/register", fields)

        assert statuses(at_once(cluster, figures, call)) == {201: 1, 409: CLIENTS - 1}
    users = stored(cluster.url)[1]
    assert len([email for email in users if email.lower().startswith("somebody")]) == ROUNDS


def test_it_writes_one_after_the_other(cluster, figures):
    token = cluster.log_in("admin@example.com", admin=True)
    for _round in range(ROUNDS):
        for method in ("POST", "PUT", "BOTH"):
            answers = at_once(cluster, figures, writing(cluster, token, method))
            seen = statuses(answers)
            assert seen[201] == 1
            assert set(seen) <= ({201, 409} if method == "POST" else {200, 201, 409})
            value = winner(answers)
            assert value.version == 1 + seen[200]
            assert there(cluster) == value
            answers = at_once(cluster, figures, writing(cluster, token, "PUT"))
            assert statuses(answers) == {200: CLIENTS}
            assert there(cluster) == winner(answers)
            answers = at_once(cluster, figures, writing(cluster, token, "DELETE"))
            assert statuses(answers) == {204: 1, 404: CLIENTS - 1}
            assert there(cluster) is None


def test_it_lets_one_change_of_a_version_through(cluster, figures):
    token = cluster.log_in("admin@example.com", admin=True)
    put = writing(cluster, token, "PUT")
    tag = put(0, 0)[1]["ETag"]
    for _round in range(ROUNDS):

        def call(client, process, tag=tag):
            headers = {"Authorization": f"Bearer {token}", "If-Match": tag}
            path = f"/api/v1{WIDGET}"
            return ask(cluster.ports[process], "PUT", path, Value(client, 1).fields, headers)

        answers = at_once(cluster, figures, call)
        assert statuses(answers) == {200: 1, 412: CLIENTS - 1}
        value = winner(answers)
        assert there(cluster) == value
        (tag,) = (headers["ETag"] for status, headers, _body in answers if status == 200)


def in_use(cluster, figures, use, after):
    """Have fifteen clients go on with ``use`` while one does something; what each was answered.

    :param after: does it, and returns when it is done
    :returns: the moment when it was done, and (when asked, when answered, status, client) of each
    """
    heard, done, ready = [], Event(), Barrier(CLIENTS)

    def run(client):
        ready.wait()
        more = 5
        while more:
            more -= done.is_set()
            asked = time.monotonic()
            status = use(client, client % len(cluster.ports))[0]
            heard.append((asked, time.monotonic(), status))
            figures["requests sent"] += 1

    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(run, client) for client in range(1, CLIENTS)]
        ready.wait()
        # In the middle of it.
        while len(heard) < 2 * CLIENTS:
            assert not any(each.done() for each in running)
        after()
        moment = time.monotonic()
        done.set()
        for each in running:
            each.result()
    return moment, heard


def refused_from_then_on(figures, moment, heard, good, refused):
    """Only ``good`` before it began to be refused, only ``refused`` from ``moment`` on."""
    first = min(answered for _asked, answered, status in heard if status == refused)
    late = [status for asked, _answered, status in heard if asked > min(moment, first)]
    assert len(late) > CLIENTS
    assert set(late) == {refused}
    assert {status for _asked, _answered, status in heard} == {good, refused}
    figures[WRONGLY] += sum(status not in (good, refused) for _a, _b, status in heard)


def test_it_refuses_a_token_everywhere_once_it_is_logged_out(cluster, figures):
    cluster.log_in("user@example.com")
    for _round in range(ROUNDS):
        token = cluster.log_in("user@example.com")
        moment, heard = in_use(
            cluster,
            figures,
            lambda _client, process, token=token: cluster.ask(
                process, "GET", "/auth/user", token=token
            ),
            lambda token=token: cluster.ask(0, "POST", "/auth/logout", token=token),
        )
        refused_from_then_on(figures, moment, heard, 200, 401)


def test_it_logs_a_token_out_once(cluster, figures):
    cluster.log_in("user@example.com")
    for _round in range(ROUNDS):
        token = cluster.log_in("user@example.com")
        answers = at_once(
            cluster,
            figures,
            lambda _client, process, token=token: cluster.ask(
                process, "POST", "/auth/logout", token=token
            ),
        )
        assert statuses(answers) == {200: 1, 401: CLIENTS - 1}


def test_it_stops_an_administrator_who_is_demoted_while_writing(cluster, figures):
    added = []

    def add(token, client, process):
        name = f"{client}-{time.monotonic_ns()}"
        fields = {**Value(client, 1).fields, "name": name}
        answer = cluster.ask(process, "POST", "/widgets", fields, token)
        if answer[0] == 201:
            added.append(name)
        return answer

    token = cluster.log_in("admin@example.com", admin=True)
    moment, heard = in_use(
        cluster,
        figures,
        lambda client, process: add(token, client, process),
        lambda: cluster.command("demote", "admin@example.com"),
    )
    refused_from_then_on(figures, moment, heard, 201, 403)
    assert set(stored(cluster.url)[0]) - {"first"} == set(added)
