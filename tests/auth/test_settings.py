"""Settings of accounts and tokens that refuse to start, and those that start."""

import pytest
from sqlalchemy import create_engine, inspect

from widget_service import configure
from widget_service.settings import StartupError

KEY = "0123456789abcdef"
PUBLISHED = "development-key-that-everybody-can-read"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"jwt.private_key": ""}, "jwt.private_key = *** "),
        ({"jwt.private_key": "x7Gh2kQ9"}, "must have at least 32 bytes; try: openssl rand"),
        ({"jwt.private_key": KEY + KEY[:-1]}, "must have at least 32 bytes"),
        ({"jwt.private_key": "a" * 64}, "is a placeholder"),
        ({"jwt.private_key": ""}, "is empty; "),
        ({"jwt.private_key": f"change-me-{KEY}{KEY}"}, "is a placeholder"),
        ({"jwt.private_key": f"{KEY}{KEY} your secret key"}, "is a placeholder"),
        ({"jwt.private_key": PUBLISHED}, "is the key of development.ini"),
        ({"jwt.private_key": PUBLISHED.upper() + "2"}, "is the key of development.ini"),
        ({"jwt.algorithm": "HS384"}, "must have at least 48 bytes"),
        ({"jwt.algorithm": "HS512"}, "must have at least 64 bytes"),
        (
            {"jwt.private_key": f"ssh-rsa {KEY}{KEY}"},
            "jwt.private_key = *** (app settings): does not work",
        ),
        ({"jwt.algorithm": "none"}, "jwt.algorithm = none"),
        ({"jwt.algorithm": "RS256"}, "must be a private key for RS256, in PEM"),
        ({"jwt.expiration": "0"}, "jwt.expiration = 0"),
        ({"jwt.expiration": "-1"}, "jwt.expiration = -1"),
        ({"jwt.expiration": "never"}, "jwt.expiration = never"),
        ({"jwt.expiration": "999999999999"}, "jwt.expiration = 999999999999"),
        ({"jwt.leeway": "301"}, "jwt.leeway = 301"),
        ({"jwt.expires": "60"}, "jwt.expires = 60"),
        ({"auth.realm": 'a "realm"'}, "auth.realm"),
        ({"auth.realm": "back\\slash"}, "auth.realm"),
        ({"auth.admin_realm": "caf\xe9"}, "auth.admin_realm"),
        ({"auth.password_min_length": "0"}, "auth.password_min_length = 0"),
        ({"auth.password_min_length": "1025"}, "auth.password_min_length = 1025"),
        ({"auth.purge_batch": "0"}, "auth.purge_batch = 0"),
        ({"auth.reaml": "x"}, "did you mean auth.realm?"),
    ],
    ids=repr,
)
def test_it_refuses_to_start(refusal, settings, reason):
    text = refusal(settings)
    assert "1 problem(s)" in text
    assert reason in text
    key = settings.get("jwt.private_key")
    assert not key or key not in text


def test_it_refuses_a_key_that_is_no_text(refusal):
    environ = {"WIDGET_SERVICE_JWT_PRIVATE_KEY": f"{KEY}{KEY}\udcff"}
    assert "the value is not UTF-8" in refusal({}, environ)


def test_it_refuses_to_start_without_a_key(tmp_path):
    own = {
        "sqlalchemy.url": f"sqlite:///{tmp_path / 'own.sqlite'}",
        "pyramid.includes": "widget_service.auth",
    }
    with pytest.raises(StartupError) as refused:
        configure(own, environ={})
    assert "jwt.private_key (not set)" in str(refused.value)
    assert len(refused.value.problems) == 1


def test_it_signs_with_the_published_key_where_that_is_wanted(make_app):
    client = make_app({"jwt.private_key": PUBLISHED, "auth.accept_published_key": "true"})
    assert client.sign_up("user@example.com").get("/api/v1/auth/user").status_int == 200


def test_it_takes_only_passwords_as_long_as_the_operator_wants_new_ones(make_app):
    fields = {"email": "old@example.com", "password": "1234567"}
    make_app().post("/api/v1/auth/register", fields, status=201)
    client = make_app({"auth.password_min_length": "8"})
    new = {"email": "new@example.com", "password": "1234567"}
    answer = client.post("/api/v1/auth/register", new, status=400)
    assert answer.json["errors"] == {"password": "The password must have at least 8 characters"}
    client.post("/api/v1/auth/register", new | {"password": "\xe9" * 8}, status=201)
    # Whoever had a shorter one before still gets in.
    client.post("/api/v1/auth/login", fields, status=200)


def test_it_makes_the_tables_of_accounts(make_app, tmp_path):
    make_app()
    engine = create_engine(f"sqlite:///{tmp_path / 'own.sqlite'}")
    assert {"site_user", "token_blacklist"} <= set(inspect(engine).get_table_names())
    engine.dispose()
