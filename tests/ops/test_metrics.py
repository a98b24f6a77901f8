"""What Prometheus is told, where an operator asks for it."""

import contextlib
import http.client
import sys

import pytest
from processes import free_port, ini_file, serving
from prometheus_client import Histogram
from prometheus_client.parser import text_string_to_metric_families

from widget_service.ops.metrics import Metrics
from widget_service.testing import PASSWORD, PLUGINS, Client, application, ini_text

PATH = "/__metrics__"
COUNT = "http_request_duration_seconds_count"


@pytest.fixture
def make(tmp_path):
    """Makes an application with these settings."""
    with contextlib.ExitStack() as stack:

        def make(settings, name="own"):
            url = f"sqlite:///{tmp_path}/{name}.sqlite"
            ini = ini_text(url, ["widget_service.ops", *PLUGINS], settings)
            app = application(ini, tmp_path)
            stack.callback(app.registry.database.close)
            return Client(app)

        yield make


def samples(text):
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def counts(text):
    """How often each (method, route, status) was answered."""
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for sample in samples(text)
        if sample.name == COUNT
    }


def test_it_counts_answers_by_what_they_answer(make):
    client = make({"ops.metrics_path": PATH})
    fields = {"email": "user@example.com", "password": PASSWORD}
    client.post("/api/v1/auth/register", fields)
    client.post("/api/v1/auth/login", {**fields, "password": "x"}, status=401)
    user = client.with_token(client.post("/api/v1/auth/login", fields).json["access_token"])
    for name in ("one", "two", "three"):
        user.get(f"/api/v1/widgets/{name}", status=404)
    user.head("/api/v1/widgets")
    assert counts(client.get(PATH).text) == {
        ("POST", "/api/v1/auth/register", "201"): 1,
        ("POST", "/api/v1/auth/login", "401"): 1,
        ("POST", "/api/v1/auth/login", "200"): 1,
        ("GET", "/api/v1/widgets/{name}", "404"): 3,
        ("HEAD", "/api/v1/widgets", "200"): 1,
    }


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")  # WebTest's
def test_it_does_not_grow_with_what_clients_make_up(make):
    client = make({"ops.metrics_path": PATH})
    for number in range(3):
        client.get(f"/made/up/{number}", status=404)
        client.request("/api/v1/widgets", method=f"MADE{number}", status=405)
    found = counts(client.get(PATH).text)
    assert found == {("GET", "other", "404"): 3, ("other", "/api/v1/widgets", "405"): 3}


def test_it_tells_how_long_answers_took_and_how_the_process_is(make):
    client = make({"ops.metrics_path": PATH})
    client.sign_up("user@example.com")
    found = {sample.name: sample.value for sample in samples(client.get(PATH).text)}
    # To hash a password alone takes some milliseconds.
    assert 0.001 < found["http_request_duration_seconds_sum"] < 60
    assert found["process_resident_memory_bytes"] > 10**7
    assert found["process_open_fds"] > 0


def test_it_speaks_the_format_that_is_asked_for(make):
    client = make({"ops.metrics_path": PATH})
    plain = client.get(PATH)
    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    assert plain.headers["Cache-Control"] == "no-store"
    opened = client.get(PATH, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert opened.headers["Content-Type"].startswith("application/openmetrics-text")
    assert opened.text.endswith("# EOF\n")


@pytest.mark.parametrize("accept", ["text/plain; version=abc", "text/plain; version=1..0", ";;"])
def test_it_answers_whatever_is_asked_for(make, accept):
    answer = make({"ops.metrics_path": PATH}).get(PATH, headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/plain; version=")


def test_who_asks_gets_an_answer_that_cannot_be_counted(make, monkeypatch, caplog):
    client = make({"ops.metrics_path": PATH})

    def refuse(*_labels):
        raise FileNotFoundError("no such folder")

    monkeypatch.setattr(Histogram, "labels", refuse)
    for _each in range(3):
        client.get("/api/v1/widgets", status=401)
    said = "metrics cannot be written: no such folder"
    assert [each.message for each in caplog.records if "metrics" in each.name] == [said]


def test_applications_of_a_process_count_together_in_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert Metrics()._seconds is Metrics()._seconds  # noqa: SLF001  (a process of its own shows more)


def test_it_counts_each_application_of_a_process_by_itself(make):
    one = make({"ops.metrics_path": PATH}, "one")
    other = make({"ops.metrics_path": "/elsewhere"}, "other")
    one.get("/api/v1/widgets", status=401)
    assert counts(other.get("/elsewhere").text) == {}
    assert counts(one.get(PATH).text) == {("GET", "/api/v1/widgets", "401"): 1}


@pytest.mark.parametrize("settings", [{}, {"ops.metrics_path": ""}])
def test_it_is_not_there_unless_somebody_asks_for_it(make, settings):
    client = make(settings)
    client.get(PATH, status=404)
    assert not hasattr(client.registry, "metrics")


@pytest.mark.parametrize("path", ["metrics", "/", "/a b"])
def test_it_is_a_mistake_to_ask_for_it_at_no_path(make, path):
    with pytest.raises(SystemExit, match="must be a path such as"):
        make({"ops.metrics_path": path})


def test_it_says_which_package_is_missing(make, monkeypatch):
    for name in [each for each in sys.modules if each.partition(".")[0] == "prometheus_client"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "widget_service.ops.metrics", raising=False)
    monkeypatch.delattr("widget_service.ops.metrics", raising=False)
    with pytest.raises(SystemExit) as refused:
        make({"ops.metrics_path": PATH})
    assert f"ops.metrics_path = {PATH} (" in str(refused.value)
    assert (
        "needs prometheus_client, which is not installed: pip install 'widget_service[metrics]'"
        in str(refused.value)
    )


def test_it_says_that_there_is_no_folder_for_several_processes(make, monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match=r"ops\.metrics_path .*PROMETHEUS_MULTIPROC_DIR"):
        make({"ops.metrics_path": PATH})


def ask(port, path):
    connection = http.client.HTTPConnection("localhost", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read().decode()


@pytest.mark.processes
def test_each_of_several_processes_answers_for_all(tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    settings = {"WIDGET_SERVICE_OPS_METRICS_PATH": PATH, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    with contextlib.ExitStack() as stack:
        ports = []
        for name in ("one", "other"):
            port = free_port()
            file = ini_file("development.ini", tmp_path, port=port).rename(tmp_path / f"{name}.ini")
            stack.enter_context(serving("pserve", file, cwd=tmp_path, port=port, **settings))
            ports.append(port)
        for port in ports:
            ask(port, "/api/v1/widgets")
        for port in ports:
            assert counts(ask(port, PATH))["GET", "/api/v1/widgets", "401"] == 2
