"""The example of a plugin: installed for real, switched on and off by lines of an .ini file."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from widget_service import cli, configure
from widget_service.plugins import Plugins
from widget_service.testing import Client, application, ini_text, run

ROOT = Path(__file__).parent.parent
AUTH, WIDGETS, DOCS = "widget_service.auth", "widget_service.widgets", "widget_service.docs"
GADGET = {"code": "AB-12", "title": "Lever", "price": "1250"}


@pytest.fixture(scope="session")
def site_packages(tmp_path_factory):
    """Where pip has installed the example."""
    target = tmp_path_factory.mktemp("site-packages")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    copy = tmp_path_factory.mktemp("source") / "gadgets"
    # A copy: building leaves files behind in the source.
    shutil.copytree(ROOT / "examples" / "gadgets", copy)
    command = [sys.executable, "-m", "pip", "install", *options, "--target", target, copy]
    subprocess.run(command, check=True, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
    return target


@pytest.fixture(autouse=True)
def installed(site_packages, monkeypatch):
    monkeypatch.syspath_prepend(site_packages)


def serve(url, directory, *plugins, **settings):
    named = {key.replace("__", "."): value for key, value in settings.items()}
    return Client(application(ini_text(url, plugins, named), directory))


@pytest.mark.processes
def test_it_passes_its_own_tests(site_packages, tmp_path, postgresql):
    shutil.copytree(ROOT / "examples" / "gadgets" / "tests", tmp_path / "tests")
    # In one process, on the server that is there.
    options = ["-q", "-n0", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml", "--rootdir=."]
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site_packages), "TEST_POSTGRESQL": postgresql},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout


def test_the_order_of_plugins_makes_no_difference():
    # Each is once the first, once the last, and before and after each of the others.
    one, other = [AUTH, WIDGETS, DOCS, "gadgets"], [DOCS, "gadgets", AUTH, WIDGETS]
    orders = [one, other, one[::-1], other[::-1]]
    first, *rest = [routes(order) for order in orders]
    assert rest == [first] * 3


def routes(plugins):
    """Those that an application with these plugins has."""
    settings = {
        "pyramid.includes": "\n".join(plugins),
        "sqlalchemy.url": "sqlite:////nowhere/at/all.sqlite",
        "jwt.private_key": "0123456789abcdef-only-tests-sign-with-it",
    }
    registry = configure(settings).registry
    with closing(registry.database):
        return set(Plugins(registry).routes())


def test_it_needs_no_widgets(own_database, tmp_path):
    client = serve(own_database, tmp_path, "gadgets", DOCS)
    admin = client.sign_up("admin@example.com", admin=True)
    assert admin.post("/api/v1/gadgets", GADGET).status_int == 201
    assert client.get("/api/v1/widgets", status=404)
    assert set(client.get("/api/v1/swagger.json").json["paths"]) > {"/gadgets", "/gadgets/{code}"}
    client.registry.database.close()


def test_it_welcomes_new_users_where_the_operator_says_so(own_database, tmp_path, capsys):
    client = serve(own_database, tmp_path, "gadgets", gadgets__welcome="true")
    user = client.sign_up("user@example.com")
    (item,) = user.get("/api/v1/gadgets").json["items"]
    assert (item["title"], item["maker"]) == ("Welcome", user.account.public_id)
    run(client.registry, "count-gadgets")
    assert capsys.readouterr().out == "1\n"
    client.registry.database.close()


def test_it_lets_new_users_in_whose_gadget_is_there_already(own_database, tmp_path):
    client = serve(own_database, tmp_path, "gadgets", gadgets__welcome="true")
    admin = client.sign_up("admin@example.com", admin=True)
    (welcome,) = admin.get("/api/v1/gadgets").json["items"]
    taken = f"HI-{int(welcome['code'].removeprefix('HI-')) + 1}"
    admin.post("/api/v1/gadgets", {**GADGET, "code": taken})
    user = client.sign_up("user@example.com")
    makers = [item["maker"] for item in user.get("/api/v1/gadgets").json["items"]]
    assert makers == [admin.account.public_id] * 2
    client.registry.database.close()


def test_it_obeys_its_setting(own_database, tmp_path):
    client = serve(own_database, tmp_path, "gadgets", gadgets__max_price="10")
    admin = client.sign_up("admin@example.com", admin=True)
    answer = admin.post("/api/v1/gadgets", {**GADGET, "price": "11"}, status=400)
    assert list(answer.json["errors"]) == ["price"]
    client.registry.database.close()


def test_it_goes_away_without_a_trace(own_database, tmp_path):
    client = serve(own_database, tmp_path, AUTH, WIDGETS, "gadgets")
    client.sign_up("user@example.com")
    client.registry.database.close()
    file = str(tmp_path / "test.ini")
    assert cli.main(["-c", file, "migrate", "--down", "gadgets@base"]) == 0
    engine = create_engine(own_database)
    assert "gadget" not in inspect(engine).get_table_names()
    engine.dispose()
    client = serve(own_database, tmp_path, AUTH, WIDGETS)
    assert client.log_in("user@example.com").get("/api/v1/gadgets", status=404)
    client.registry.database.close()


def test_two_applications_have_different_plugins_and_settings(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = serve(f"sqlite:///{tmp_path}/1.sqlite", tmp_path / "one", "gadgets", DOCS)
    two = serve(
        f"sqlite:///{tmp_path}/2.sqlite", tmp_path / "two", WIDGETS, DOCS, rest__prefix="/v2"
    )
    assert "/gadgets" in one.get("/api/v1/swagger.json").json["paths"]
    assert "/gadgets" not in two.get("/v2/swagger.json").json["paths"]
    for client in (one, two):
        client.registry.database.close()


def test_its_setting_may_come_from_the_environment(own_database, tmp_path, monkeypatch, capsys):
    serve(own_database, tmp_path, "gadgets").registry.database.close()
    monkeypatch.setenv("WIDGET_SERVICE_GADGETS_MAX_PRICE", "7")
    assert cli.main(["-c", str(tmp_path / "test.ini"), "config", "show", "--json"]) == 0
    shown = {each["key"]: each for each in json.loads(capsys.readouterr().out)}
    assert shown["gadgets.max_price"]["value"] == "7"
    assert "WIDGET_SERVICE_GADGETS_MAX_PRICE" in shown["gadgets.max_price"]["origin"]
    assert shown["gadgets.max_price"]["plugin"] == "gadgets"
