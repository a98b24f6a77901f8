"""The names that the service answers to."""

import pytest
from core import serving


@pytest.mark.parametrize(
    "host", ["api.example.com", "API.example.com", "api.example.com:6543", "[::1]", "[::1]:80"]
)
def test_it_answers_for_the_hosts_that_are_named(tmp_path, host):
    with serving(tmp_path, "plugins.echo", hosts__allowed="api.example.com [::1]") as testapp:
        assert testapp.get("/api/v1/echo", headers={"Host": host}).json


@pytest.mark.parametrize("host", ["example.com", "api.example.com.evil.org", "api", "[::2]:80"])
def test_it_refuses_to_answer_for_another_host(tmp_path, host):
    with serving(tmp_path, "plugins.echo", hosts__allowed="api.example.com [::1]") as testapp:
        answer = testapp.get("/api/v1/echo", headers={"Host": host}, status=421)
        assert answer.status == "421 Misdirected Request"
        assert answer.json == {"message": "This service does not answer for that host."}
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_it_answers_for_every_host_unless_it_is_told_otherwise(tmp_path):
    with serving(tmp_path, "plugins.echo") as testapp:
        assert testapp.get("/api/v1/echo", headers={"Host": "anything.example"}).json


@pytest.mark.parametrize(
    "host", [":", ":80", "x:y", "a b", "a/b", 'a:1"<', "a,b", "user@a", "[::1", "\xe9", "a\n"]
)
def test_it_makes_no_links_of_what_is_no_host(tmp_path, host):
    with serving(tmp_path, "plugins.echo") as testapp:
        answer = testapp.get("/api/v1/echo", extra_environ={"HTTP_HOST": host}, status=400)
        assert answer.json["errors"] == {"host": "The Host header is not a host name"}
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_it_demands_a_host_of_those_who_know_the_header(tmp_path):
    with serving(tmp_path, "plugins.echo") as testapp:
        request = testapp.RequestClass.blank("/api/v1/echo")
        del request.environ["HTTP_HOST"]
        request.http_version = "HTTP/1.1"
        answer = testapp.do_request(request, status=400)
        text = "A request in HTTP/1.1 must have a Host header"
        assert answer.json["errors"] == {"host": text}
        request.http_version = "HTTP/1.0"
        assert testapp.do_request(request, status=200).json
        # As some servers say that there is none.
        request.environ["HTTP_HOST"] = ""
        assert testapp.do_request(request, status=200).json
        request.environ["HTTP_HOST"] = ""
        request.http_version = "HTTP/1.1"
        assert testapp.do_request(request, status=400).json["errors"] == {"host": text}


@pytest.mark.parametrize("host", ["localhost:6543", "widget_service", "a.example.", "[::1]:80"])
def test_it_answers_for_any_name_or_address(tmp_path, host):
    with serving(tmp_path, "plugins.echo") as testapp:
        assert testapp.get("/api/v1/echo", extra_environ={"HTTP_HOST": host}).json


@pytest.mark.parametrize(
    "allowed", ["", "http://api.example.com", "api.example.com:80", "* a", "a/b", "[::1", "*.a"]
)
def test_it_is_a_mistake_to_name_what_is_no_host(tmp_path, allowed):
    with pytest.raises(SystemExit) as refused, serving(tmp_path, hosts__allowed=allowed):
        pass
    assert f"hosts.allowed = {allowed or '(empty)'} (" in str(refused.value)


@pytest.mark.parametrize(("allowed", "documented"), [("*", False), ("localhost", True)])
def test_it_documents_the_refusal_where_there_may_be_one(tmp_path, allowed, documented):
    with serving(
        tmp_path, "plugins.echo", "widget_service.docs", hosts__allowed=allowed
    ) as testapp:
        paths = testapp.get("/api/v1/swagger.json").json["paths"]
    operations = [paths["/echo"]["get"], paths["/echo"]["post"], paths["/restricted"]["get"]]
    assert ["421" in each["responses"] for each in operations] == [documented] * 3
