"""Requests that meet: one wins, the others hear what the contract says, the database agrees."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text

from widget_service.testing import Client

WIDGETS = "/api/v1/widgets"
PATH = f"{WIDGETS}/first"
THREADS = 6
ROUNDS = 2


def post(client, url):
    fields = {"name": "first", "info_url": url, "deadline": "12/31/2099"}
    return client.post(WIDGETS, fields, expect_errors=True)


def put(client, url):
    fields = {"info_url": url, "deadline": "12/31/2099"}
    return client.put(PATH, fields, expect_errors=True)


def delete(client, _url):
    return client.delete(PATH, expect_errors=True)


def at_once(admin, calls):
    """The answers to calls that are made at the same time, each by a client of its own."""
    barrier = Barrier(len(calls))

    def run(number):
        client = Client(admin.app, admin.account)
        barrier.wait()
        return calls[number](client, f"http://{number}.example")

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, range(len(calls))))


def statuses(answers):
    return Counter(answer.status_int for answer in answers)


@pytest.fixture
def state(rows):
    """A function that answers the URL and version of every widget there is."""
    return lambda: rows(text("SELECT info_url, version FROM widget"))


@pytest.fixture(params=range(ROUNDS))
def again(request):
    """Once more: a race is not lost every time."""
    return request.param


@pytest.mark.usefixtures("again")
class TestRaces:
    def test_it_adds_one_widget_of_a_name(self, admin, state):
        answers = at_once(admin, [post] * THREADS)
        assert statuses(answers) == {201: 1, 409: THREADS - 1}
        for answer in answers:
            if answer.status_int == 201:
                assert state() == [(answer.json["widget"]["info_url"], 1)]
            else:
                assert answer.json == {
                    "status": "fail",
                    "message": "Widget name: first already exists, must be unique.",
                }

    @pytest.mark.parametrize("calls", [[put] * THREADS, [post, put] * (THREADS // 2)])
    def test_it_adds_one_widget_and_may_update_it(self, admin, state, calls):
        answers = at_once(admin, calls)
        seen = statuses(answers)
        assert seen[201] == 1
        # Who puts does not care which of them was the first.
        assert seen[409] <= calls.count(post)
        assert seen[200] + seen[201] + seen[409] == len(calls)
        ((url, version),) = state()
        assert version == 1 + seen[200]
        (last,) = (a for a in answers if a.headers.get("ETag", "").endswith(f'-{version}"'))
        assert last.json["widget"]["info_url"] == url

    def test_it_updates_one_after_the_other(self, admin, state):
        post(admin, "http://example.com")
        answers = at_once(admin, [put] * THREADS)
        assert statuses(answers) == {200: THREADS}
        assert len({answer.headers["ETag"] for answer in answers}) == THREADS
        assert state()[0][1] == 1 + THREADS

    def test_it_lets_one_update_of_the_same_version_through(self, admin, state):
        tag = post(admin, "http://example.com").headers["ETag"]

        def careful(client, url):
            client.extra_environ["HTTP_IF_MATCH"] = tag
            return put(client, url)

        answers = at_once(admin, [careful] * THREADS)
        assert statuses(answers) == {200: 1, 412: THREADS - 1}
        assert state()[0][1] == 2

    def test_it_deletes_a_widget_once(self, admin, state):
        post(admin, "http://example.com")
        answers = at_once(admin, [delete] * THREADS)
        assert statuses(answers) == {204: 1, 404: THREADS - 1}
        assert {a.json["message"] for a in answers if a.status_int == 404} == {
            "first not found in database."
        }
        assert state() == []

    @pytest.mark.parametrize("exists", [True, False])
    @pytest.mark.parametrize("others", [[put], [post], [put, post]])
    def test_it_agrees_on_what_there_is_after_deletions(self, admin, state, exists, others):
        if exists:
            post(admin, "http://example.com")
        calls = [*others, delete] * (THREADS // len([*others, delete]))
        answers = at_once(admin, calls)
        seen = statuses(answers)
        assert set(seen) <= {200, 201, 204, 404, 409}
        # What was added and not deleted is there, and nothing else.
        assert len(state()) == exists + seen[201] - seen[204]
