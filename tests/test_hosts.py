"""The names that the service answers to."""

import pytest
from core import serving


@pytest.mark.parametrize(
    "host", ["api.example.com", "API.example.com", "api.example.com:6543", "[::1]", "[::1]:80"]
)
def test_it_answers_for_the_hosts_that_are_named(tmp_path, host):
    with serving(tmp_path, "plugins.echo", hosts__allowed="api.example.com [::1]") as testapp:
        assert testapp.get("/api/v1/echo", headers={"Host": host}).json


@pytest.mark.parametrize(
    "host", ["example.com", "api.example.com.evil.org", "x:y", "[::2]:80", ":"]
)
def test_it_refuses_to_answer_for_another_host(tmp_path, host):
    with serving(tmp_path, "plugins.echo", hosts__allowed="api.example.com [::1]") as testapp:
        answer = testapp.get("/api/v1/echo", headers={"Host": host}, status=421)
        assert answer.json == {"message": "This service does not answer for that host."}
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_it_answers_for_every_host_unless_it_is_told_otherwise(tmp_path):
    with serving(tmp_path, "plugins.echo") as testapp:
        assert testapp.get("/api/v1/echo", headers={"Host": "anything.example"}).json
