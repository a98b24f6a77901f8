"""The services of accounts."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from pyramid.httpexceptions import HTTPForbidden
from pyramid.security import NO_PERMISSION_REQUIRED

from widget_service import rendering, settings
from widget_service.answers import Fail, Success
from widget_service.auth import accounts, security, tokens
from widget_service.auth.resources import Account, Private
from widget_service.auth.schemas import CurrentUser, Login, Registration, Token
from widget_service.errors import LoginFailed
from widget_service.rest import Service


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

MISMATCH = "email or password does not match"


@register.post(
    schema=Registration(),
    permission=NO_PERMISSION_REQUIRED,
    response_schemas={
        "201": Token(description="Registered."),
        "409": Fail(description="The address is registered already."),
    },
)
def post_register(request: Any) -> dict[str, Any]:
    """Register with an e-mail address and a password, and get a token."""
    fields = request.validated["body"]
    # Before the hash, which is made to be slow, and outside of the transaction.
    if accounts.find_login(request.read, fields["email"]) is not None:
        raise accounts.taken(fields["email"])
    password_hash = request.registry.passwords.hash(fields["password"])
    account = accounts.register(request.dbsession, fields["email"], password_hash)
    request.response.status_int = 201
    return _token(request, "successfully registered", account.public_id, admin=False)


@login.post(
    schema=Login(),
    permission=NO_PERMISSION_REQUIRED,
    response_schemas={
        "200": Token(description="Logged in."),
        "401": Fail(description="No such user, or another password."),
    },
)
def post_login(request: Any) -> dict[str, Any]:
    """Get a token for an e-mail address and a password."""
    fields = request.validated["body"]
    # Not in the transaction: nobody should wait for a write while a password is verified.
    account = accounts.find_login(request.read, fields["email"])
    passwords = request.registry.passwords
    # One verification whoever it is, and nothing more before it is clear that they get a token.
    matches = passwords.verify(fields["password"], account.password_hash if account else None)
    if account is None or not matches or account.disabled:
        realm = settings.of(request.registry, "auth").realm
        raise LoginFailed(MISMATCH, {"WWW-Authenticate": f'Bearer realm="{realm}"'})
    new_hash = passwords.upgraded(fields["password"], account.password_hash)
    if new_hash:
        accounts.upgrade_hash(request.dbsession, account.public_id, account.password_hash, new_hash)
    return _token(request, "successfully logged in", account.public_id, admin=account.admin)


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
    values = settings.of(request.registry, "auth")
    leeway = settings.of(request.registry, "jwt").leeway
    if not accounts.log_out(
        request.dbsession, claims.jti, claims.exp, purge=values.purge_batch, leeway=leeway
    ):
        # Another request logged it out since this one was let in.
        raise HTTPForbidden(result=security.token_refused(values.realm, tokens.BLACKLISTED))
    return {"status": "success", "message": "successfully logged out"}


def _token(request: Any, message: str, public_id: str, *, admin: bool) -> dict[str, Any]:
    """The answer of RFC 6749, 5.1."""
    codec = request.registry.codec
    return {
        "status": "success",
        "message": message,
        "access_token": codec.issue(public_id, admin=admin),
        "token_type": "bearer",
        "expires_in": codec.lifetime,
    }
