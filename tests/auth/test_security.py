"""The policy: whose request it is, as the database has it now."""

import importlib
from contextlib import closing
from threading import Thread

import pytest
from pyramid.interfaces import ISecurityPolicy
from pyramid.testing import DummyRequest
from sqlalchemy import delete, update

from widget_service.auth.models import IssuedToken, User
from widget_service.auth.resources import Account
from widget_service.auth.tokens import TokenRefused
from widget_service.principals import ADMINISTRATOR, Authenticated, Everyone
from widget_service.testing import PASSWORD, Client, application, ini_text, run, statements

USER = "/api/v1/auth/user"
WIDGETS = "/api/v1/widgets"
INVALID = "Invalid token. Please log in again."
BLACKLISTED = "Token blacklisted. Please log in again."
WIDGET = {"name": "first", "info_url": "https://example.com/", "deadline": "12/31/2099"}


def is_administrator(client):
    """Asked twice: the account says it, and a service for administrators acts on it."""
    status = client.delete(f"{WIDGETS}/absent", status="*").status_int
    assert status in (403, 404)
    assert client.get(USER).json["admin"] is (status == 404)
    return status == 404


def test_it_acts_on_a_promotion_and_a_demotion_at_the_next_request(user):
    email = user.account.email
    assert not is_administrator(user)
    run(user.registry, "promote", email=email)
    assert is_administrator(user)
    run(user.registry, "demote", email=email)
    assert not is_administrator(user)


@pytest.mark.parametrize("claimed", [True, False])
def test_it_does_not_care_what_the_token_says_of_administrators(user, admin, forge, claimed):
    for client, expected in ((user, False), (admin, True)):
        claims = forge.claims(client.account.public_id, admin=claimed)
        assert is_administrator(client.with_token(forge.sign(claims))) is expected


def test_it_refuses_the_tokens_of_a_disabled_account_for_good(user):
    run(user.registry, "disable", email=user.account.email)
    assert user.get(USER, status=401).json == {"message": INVALID}
    assert user.post(WIDGETS, WIDGET, status=401).json == {"message": INVALID}
    run(user.registry, "enable", email=user.account.email)
    assert user.get(USER, status=401).json == {"message": BLACKLISTED}
    assert user.log_in(user.account.email).get(USER).status_int == 200


def test_it_refuses_the_tokens_of_an_account_that_is_gone(user):
    with user.registry.database.write_engine.begin() as connection:
        connection.execute(delete(IssuedToken))
        connection.execute(delete(User))
    for answer in (user.get(USER, status=401), user.post("/api/v1/auth/logout", status=401)):
        assert answer.json == {"message": INVALID}
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_it_says_blacklisted_only_of_accounts_that_are_there(user):
    user.post("/api/v1/auth/logout")
    run(user.registry, "disable", email=user.account.email)
    assert user.get(USER, status=401).json == {"message": INVALID}


def test_it_shows_changes_of_the_account_at_once(user):
    with user.registry.database.write_engine.begin() as connection:
        connection.execute(update(User).values(email="new@example.com"))
    assert user.get(USER).json["email"] == "new@example.com"


def test_it_asks_the_database_once_who_it_is_and_whether_that_still_counts(user, admin):
    for client, status in ((user, 403), (admin, 400)):
        with statements(client.registry) as sent:
            client.get(USER)
        (statement,) = sent
        for part in ("site_user.admin", "site_user.disabled", "token_blacklist"):
            assert part in statement
        with statements(client.registry) as sent:
            client.post(WIDGETS, {}, status=status)
        assert len(sent) == 1


@pytest.mark.parametrize("token", ["a.b.c", "a", "", None])
def test_it_asks_the_database_nothing_about_a_token_it_did_not_sign(client, token):
    stranger = Client(client.app, token=token)
    with statements(client.registry) as sent:
        stranger.get(USER, status=401)
        stranger.delete(f"{WIDGETS}/first", status=401)
    assert sent == []


@pytest.fixture
def policy(app):
    return app.registry.getUtility(ISecurityPolicy)


@pytest.fixture
def known(user, app):
    """A request by a user, outside of the application."""
    request = DummyRequest(environ={"HTTP_AUTHORIZATION": f"Bearer {user.account.token}"})
    request.registry = app.registry
    request.rows = app.registry.database.read
    return request


def test_it_knows_the_identity_of_a_request(policy, known, user):
    identity = policy.identity(known)
    assert (identity.email, identity.admin) == ("user@example.com", False)
    assert identity.public_id == user.account.public_id == identity.claims.sub
    assert policy.authenticated_userid(known) == user.account.public_id


def test_it_cannot_be_written_through(policy, known):
    with pytest.raises(AttributeError):
        policy.identity(known).admin = True


def test_it_grants_what_is_granted_to_the_very_user(policy, known, user):
    context = Account(known)
    context.__acl__ = [("Allow", f"user:{user.account.public_id}", "own")]
    assert policy.permits(known, context, "own")
    assert policy.permits(known, context, "other").status == 403


def test_an_administrator_is_still_everything_that_any_user_is(policy, known, user):
    run(user.registry, "promote", email=user.account.email)
    context = Account(known)
    context.__acl__ = [
        ("Allow", f"user:{user.account.public_id}", "own"),
        ("Deny", ADMINISTRATOR, "own"),
        ("Deny", Everyone, "closed"),
        ("Deny", Authenticated, "shut"),
    ]
    assert policy.permits(known, context, "own")
    assert not policy.permits(known, context, "closed")
    assert not policy.permits(known, context, "shut")
    assert policy.permits(known, context, "other")


def test_it_tells_nobody_to_be_an_administrator_whom_that_would_not_help(policy, known):
    context = Account(known)
    context.__acl__ = [("Deny", "system.Everyone", "closed")]
    refused = policy.permits(known, context, "closed")
    assert (refused.status, refused.message) == (403, "You are not allowed to do this")
    assert refused.challenge == (
        'Bearer realm="registered_users@mydomain.com", error="insufficient_scope", '
        'error_description="You are not allowed to do this"'
    )
    assert policy.permits(known, context, "other").message == "You are not an administrator"


def test_it_looks_up_an_identity_once_however_often_it_is_asked(policy, known, app):
    with statements(app.registry) as sent:
        for _ in range(3):
            assert policy.identity(known) is policy.identity(known)
            assert policy.permits(known, Account(known), "auth:self")
    assert len(sent) == 1


@pytest.mark.parametrize("header", [None, "Bearer x", "Basic"])
def test_it_knows_nobody_without_a_token_that_counts(policy, app, header):
    request = DummyRequest(environ={} if header is None else {"HTTP_AUTHORIZATION": header})
    request.registry = app.registry
    assert policy.identity(request) is None
    assert policy.authenticated_userid(request) is None


def test_it_takes_no_mistake_for_a_token_that_does_not_count(policy, known):
    def mistaken(_statement, _parameters):
        raise ValueError("of ours")

    known.rows = mistaken
    with pytest.raises(ValueError, match="of ours"):
        policy.identity(known)


def test_it_remembers_and_forgets_by_no_header(policy):
    request = DummyRequest()
    assert policy.remember(request, "somebody", more=1) == []
    assert policy.forget(request, more=1) == []


def test_it_takes_the_realms_of_the_settings(make_app):
    client = make_app({"auth.realm": "users", "auth.admin_realm": "chiefs, and nobody else"})
    user = client.sign_up("user@example.com")
    assert client.get(USER, status=401).headers["WWW-Authenticate"] == 'Bearer realm="users"'
    answer = client.delete(f"{WIDGETS}/first", status=401)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="chiefs, and nobody else"'
    answer = user.delete(f"{WIDGETS}/first", status=403)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="chiefs, and nobody else",')
    answer = client.post(
        "/api/v1/auth/login", {"email": "user@example.com", "password": "x"}, status=401
    )
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="users"'


def test_it_lets_whoever_makes_a_codec_decide_who_is_known(app):
    codec = app.registry.codec
    token = codec.issue("11111111-2222-4333-8444-555555555555", admin=True)
    request = DummyRequest()
    request.rows = app.registry.database.read
    with pytest.raises(TokenRefused, match="Invalid"):
        codec.callback(codec.read(token).claims, request)


# Its view asks another service, which takes its time.
PATIENT = """
import threading
from pyramid.authorization import Allow
from widget_service.principals import Authenticated
from sqlalchemy import text
from widget_service.resources import ObjectContext
from widget_service.rest import Service

begun, answered = threading.Event(), threading.Event()
ACCOUNTS = text("select count(*) from site_user")

class Patient(ObjectContext):
    __acl__ = ((Allow, Authenticated, "wait"),)
    before_transaction = True

    def find(self, rows):
        return rows(ACCOUNTS)[0][0]

    def lock(self, session):
        return session.scalar(ACCOUNTS)

service = Service("patient", "/patient", factory=Patient)

@service.post(permission="wait")
def post(request):
    before = request.context.found
    begun.set()
    assert answered.wait(60)
    request.context.lock_found()
    return {"before": before, "after": request.context.found}

def includeme(config):
    config.include("widget_service.auth")
    config.declare_permissions({"wait": "wait"})
    config.add_rest_service(service)
"""


def test_others_write_while_a_view_waits_that_has_not_begun_to(tmp_path, write_plugin):
    write_plugin("patient", PATIENT)
    app = application(ini_text(f"sqlite:///{tmp_path}/own.sqlite", ["patient"]), tmp_path)
    patient = importlib.import_module("patient")
    with closing(app.registry.database):
        client = Client(app)
        user = client.sign_up("user@example.com")
        answers = []
        thread = Thread(target=lambda: answers.append(user.post("/api/v1/patient").json))
        thread.start()
        assert patient.begun.wait(60)
        other = {"email": "other@example.com", "password": PASSWORD}
        client.post("/api/v1/auth/register", other, status=201)
        patient.answered.set()
        thread.join(60)
    assert answers == [{"before": 1, "after": 2}]
