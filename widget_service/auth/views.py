"""The services of accounts."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from pyramid.httpexceptions import HTTPForbidden
from pyramid.security import NO_PERMISSION_REQUIRED

from widget_service import rendering, settings
from widget_service.answers import Bare, Fail, Success
from widget_service.auth import accounts, audit, security, sessions, tokens
from widget_service.auth.models import IssuedToken
from widget_service.auth.resources import Account, Credentials, Private
from widget_service.auth.schemas import (
    CurrentUser,
    Login,
    PasswordChange,
    Registration,
    Sessions,
    Token,
)
from widget_service.errors import LoginFailed, WrongPassword
from widget_service.rest import Service
from widget_service.retry import once


def _service(name: str, factory: Any) -> Service:
    return Service(
        f"auth.{name}",
        f"/auth/{name}",
        description=name.capitalize(),
        tags=["auth"],
        factory=factory,
    )


register = _service("register", Private)
login = _service("login", Private)
user = _service("user", Account)
logout = _service("logout", Account)
session_list = _service("sessions", Account)
password = _service("password", Credentials)
jwks = Service(
    "auth.jwks",
    "/.well-known/jwks.json",
    description="Public keys",
    documented=False,
    permission=NO_PERMISSION_REQUIRED,
)

# How long others may keep the public keys, in seconds: a new one is asked for by its name.
JWKS_MAX_AGE = 300

MISMATCH = "email or password does not match"
NOT_CURRENT = "The current password does not match"
BUSY = "Too many passwords are being verified, or the database is away: try again."


@register.post(
    schema=Registration(),
    permission=NO_PERMISSION_REQUIRED,
    response_schemas={
        "201": Token(description="Registered."),
        "409": Fail(description="The address is registered already."),
        "503": Bare(description=BUSY),
    },
)
def post_register(request: Any) -> dict[str, Any]:
    """Register with an e-mail address and a password, and get a token."""
    fields = request.validated["body"]
    entry = audit.watch(request, "register", fields["email"])
    # Before the hash, which is made to be slow, and outside of the transaction.
    if accounts.find_login(request.read, fields["email"]) is not None:
        raise accounts.taken(fields["email"])
    password_hash = _hash(request, fields["password"])
    account = accounts.register(request.dbsession, fields["email"], password_hash)
    entry.who = account.public_id
    request.response.status_int = 201
    issued = _issue(request, account.public_id, admin=False, version=account.password_version)
    return _token(request, "successfully registered", issued)


@login.post(
    schema=Login(),
    permission=NO_PERMISSION_REQUIRED,
    response_schemas={
        "200": Token(description="Logged in."),
        "401": Fail(description="No such user, or another password."),
        "503": Bare(description=BUSY),
    },
)
def post_login(request: Any) -> dict[str, Any]:
    """Get a token for an e-mail address and a password."""
    fields = request.validated["body"]
    entry = audit.watch(request, "login", fields["email"])
    # Not in the transaction: nobody should wait for a write while a password is verified.
    account = accounts.find_login(request.read, fields["email"])
    # One verification whoever it is, and nothing more before it is clear that they get a token.
    matches = _verify(request, fields["password"], account.password_hash if account else None)
    if account is None or not matches or account.disabled:
        raise _login_failed(request)
    new_hash = _upgraded(request, fields["password"], account.password_hash)
    if new_hash:
        # Before the token, which shares the row with other logins of the account: two that want to
        # change it after that would wait for each other.
        accounts.upgrade_hash(request.dbsession, account.public_id, account.password_hash, new_hash)
    issued = _issue(
        request, account.public_id, admin=account.admin, version=account.password_version
    )
    entry.who = account.public_id
    return _token(request, "successfully logged in", issued)


@user.get(permission="auth:self", response_schemas={"200": CurrentUser(description="The account.")})
def get_user(request: Any) -> dict[str, Any]:
    """Whom the token is from, and how long it lives."""
    identity = request.identity
    zone = settings.of(request.registry, "rest").time_zone
    expires_at = datetime.fromtimestamp(identity.claims.exp, UTC)
    # In whole seconds, as the claims are: a new token has all of its lifetime before it.
    remaining = timedelta(seconds=max(0, identity.claims.exp - int(time.time())))
    return {
        "email": identity.email,
        "public_id": identity.public_id,
        "admin": identity.admin,
        "registered_on": rendering.clock(identity.registered_on, zone),
        "registered_on_iso8601": rendering.iso8601(identity.registered_on, zone),
        "token_expires_in": rendering.digital(remaining),
        "token_expires_at": rendering.iso8601(expires_at, zone),
    }


@logout.post(permission="auth:self", response_schemas={"200": Success(description="Logged out.")})
def post_logout(request: Any) -> dict[str, Any]:
    """Make the token that is sent worthless, at once."""
    claims = request.identity.claims
    audit.watch(request, "logout", claims.sub)
    values = settings.of(request.registry, "auth")
    leeway = settings.of(request.registry, "jwt").leeway
    if not sessions.log_out(
        request.dbsession, claims.jti, claims.exp, purge=values.purge_batch, leeway=leeway
    ):
        # Another request logged it out since this one was let in.
        raise HTTPForbidden(result=security.token_refused(values.realm, tokens.BLACKLISTED))
    return {"status": "success", "message": "successfully logged out"}


@session_list.get(
    permission="auth:self", response_schemas={"200": Sessions(description="The live tokens.")}
)
def get_sessions(request: Any) -> dict[str, Any]:
    """List the tokens that count: since when, from where, and which one is this."""
    identity = request.identity
    zone = settings.of(request.registry, "rest").time_zone
    rows = sessions.live(request.read, identity.id, identity.claims.jti)
    return {
        "total_items": rows[0].total if rows else 0,
        "sessions": [
            {
                "id": row.jti,
                "issued_at": rendering.iso8601(row.issued_at, zone),
                "expires_at": rendering.iso8601(row.expires_at, zone),
                "address": row.address,
                "user_agent": row.user_agent,
                "current": row.jti == identity.claims.jti,
            }
            for row in rows
        ],
    }


@session_list.delete(
    permission="auth:self", response_schemas={"200": Success(description="Logged out elsewhere.")}
)
def delete_sessions(request: Any) -> dict[str, Any]:
    """Make all other tokens of the user worthless, at once; the one that is sent lives on."""
    audit.watch(request, "logout everywhere else", request.identity.public_id)
    _log_out_others(request)
    return {"status": "success", "message": "successfully logged out everywhere else"}


@password.put(
    schema=PasswordChange(),
    permission="auth:self",
    response_schemas={
        "200": Success(description="Changed."),
        "503": Bare(description=BUSY),
    },
)
def put_password(request: Any) -> dict[str, Any]:
    """Change the password, and make all other tokens of the user worthless, at once."""
    fields = request.validated["body"]
    identity = request.identity
    audit.watch(request, "password change", identity.public_id)
    account = accounts.find_login(request.read, identity.email)
    # As at login, before there is a transaction. The account may be gone since who asks was seen.
    known = account.password_hash if account else None
    if not _verify(request, fields["current_password"], known) or account is None:
        raise WrongPassword({"current_password": NOT_CURRENT})
    new_hash = _hash(request, fields["new_password"])
    _log_out_others(request)
    if not accounts.change_password(
        request.dbsession, identity.id, account.password_version, new_hash
    ):
        # Another request that was sent with the same token has changed it since.
        raise WrongPassword({"current_password": NOT_CURRENT})
    return {"status": "success", "message": "successfully changed the password"}


@jwks.get()
def get_jwks(request: Any) -> dict[str, Any]:
    """The public keys that verify tokens (RFC 7517, 5)."""
    request.response.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE}"
    return {"keys": request.registry.keys.public}


# What is made to be slow is done once for a request, however often its transaction is tried.
def _hash(request: Any, password: str) -> str:
    make = request.registry.passwords.hash
    made: str = once(request, ("hash", password), lambda: make(password))
    return made


def _verify(request: Any, password: str, known: str | None) -> bool:
    verify = request.registry.passwords.verify
    return bool(once(request, ("verify", password, known), lambda: verify(password, known)))


def _upgraded(request: Any, password: str, known: str) -> str | None:
    make = request.registry.passwords.upgraded
    made: str | None = once(request, ("upgraded", password, known), lambda: make(password, known))
    return made


def _log_out_others(request: Any) -> None:
    """:raises HTTPForbidden: the token that is sent was logged out since the request was let in"""
    identity = request.identity
    accounts.lock(request.dbsession, identity.id)
    security.check_again(request)
    sessions.log_out_others(request.dbsession, identity.id, identity.claims.jti)


def _login_failed(request: Any) -> LoginFailed:
    realm = settings.of(request.registry, "auth").realm
    return LoginFailed(MISMATCH, {"WWW-Authenticate": f'Bearer realm="{realm}"'})


def _issue(request: Any, public_id: str, *, admin: bool, version: int) -> tokens.Issued:
    """A new token, on record.

    :raises LoginFailed: what was verified is no longer the password, or the account is disabled
    """
    issued: tokens.Issued = request.registry.codec.issue(public_id, admin=admin)
    # Not client_addr, which believes any X-Forwarded-For; the server knows which proxy to trust.
    origin = sessions.Origin(request.remote_addr or "", request.user_agent or "")
    if not sessions.record(request.dbsession, issued.claims, origin, version=version):
        raise _login_failed(request)
    values = settings.of(request.registry, "auth")
    leeway = settings.of(request.registry, "jwt").leeway
    sessions.purge_expired(request.dbsession, IssuedToken, values.purge_batch, leeway)
    return issued


def _token(request: Any, message: str, issued: tokens.Issued) -> dict[str, Any]:
    """The answer of RFC 6749, 5.1."""
    return {
        "status": "success",
        "message": message,
        "access_token": issued.token,
        "token_type": "bearer",
        "expires_in": request.registry.codec.lifetime,
    }
