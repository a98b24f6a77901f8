"""What an operator may write, and what not."""

import colander
import pytest

from widget_service import cli
from widget_service.throttle.settings import Rates

NAMES = [
    "login_address",
    "login_account_address",
    "login_account",
    "register_address",
    "write_user",
]


@pytest.mark.parametrize(
    "rate",
    ["", " ", "1/second", "5/minute; 100 per 2 hours", "10 per day, 1/second", "7/3minutes"],
)
def test_it_takes_rates(serve, rate):
    assert serve(login_address=rate).get("/api/v1/").status_int == 200


@pytest.mark.parametrize(
    "rate",
    ["often", "5", "5/fortnight", "5/minute often", "/minute", "-1/minute", "0/minute",
     "5/0 minutes", "5 per 00hours", "1.5/minute", "99999999999/minute", "5 per 99 years",
     "5/minute;", "\N{ARABIC-INDIC DIGIT FIVE}/minute", "5/minute; 0/hour"],
)  # fmt: skip
def test_it_refuses_what_is_no_rate(rate):
    with pytest.raises(colander.Invalid) as refusal:
        Rates().deserialize(colander.SchemaNode(Rates()), rate)
    assert "write 5/minute" in str(refusal.value)


def test_it_refuses_to_start_with_every_rate_that_is_none(serve):
    with pytest.raises(SystemExit) as refusal:
        serve(**dict.fromkeys(NAMES, "often"))
    assert [name for name in NAMES if f"throttle.{name} = often" not in str(refusal.value)] == []


@pytest.mark.parametrize(
    ("storage", "text"),
    [
        ("nowhere", "redis://HOST"),
        ("memory", "redis://HOST"),
        ("memcached://localhost", "redis://HOST"),
        ("redis://localhost:port", "Port could not be cast"),
        # Nobody listens there.
        ("redis://:hunter2@localhost:1/0", "cannot be used: Error "),
        ("redis+unix:///nowhere/redis.sock", "cannot be used: Error "),
    ],
)
def test_it_refuses_to_start_without_a_storage(serve, storage, text):
    with pytest.raises(SystemExit, match=r"throttle\.storage") as refusal:
        serve(storage=storage)
    assert text in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_accounts_can_be_disabled_while_the_storage_is_away(serve, tmp_path, capsys):
    serve().sign_up("user@example.com")
    with pytest.raises(SystemExit, match=r"throttle\.storage"):
        serve(storage="redis+unix:///nowhere/redis.sock")
    assert cli.main(["-c", str(tmp_path / "test.ini"), "disable", "user@example.com"]) == 0
    assert "user@example.com" in capsys.readouterr().out


def test_it_says_what_to_install_for_redis(serve, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "redis.backoff", None)
    with pytest.raises(SystemExit, match=r"pip install 'widget_service\[redis\]'"):
        serve(storage="redis://localhost")


@pytest.mark.parametrize(
    ("name", "value"), [("without_storage", "hope"), ("storage_timeout", "0"), ("login", "1/day")]
)
def test_it_refuses_other_mistakes(serve, name, value):
    with pytest.raises(SystemExit, match=rf"throttle\.{name}"):
        serve(**{name: value})
