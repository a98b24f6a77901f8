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
from widget_service.auth.resources import Account
from widget_service.auth.schemas import CurrentUser, Login, Registration, Token
from widget_service.errors import LoginFailed
from widget_service.rest import Service

register = Service("auth.register", "/auth/register", description="Registration", tags=["auth"])
login = Service("auth.login", "/auth/login", description="Login", tags=["auth"])
user = Service("auth.user", "/auth/user", description="Account", tags=["auth"], factory=Account)
logout = Service("auth.logout", "/auth/logout", description="Logout", tags=["auth"], factory=Account)


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
    password_hash = account.password_hash if account else None
    matches, new_hash = request.registry.passwords.verify(fields["password"], password_hash)
    if account is None or not matches or account.disabled:
        realm = settings.of(request.registry, "auth").realm
        raise LoginFailed(MISMATCH, {"WWW-Authenticate": f'Bearer realm="{realm}"'})
    if new_hash:
        accounts.upgrade_hash(request.dbsession, account.public_id, password_hash, new_hash)
    return _token(request, "successfully logged in", account.public_id, admin=account.admin)


@user.get(
    permission="auth:self", response_schemas={"200": CurrentUser(description="The account.")}
)
def get_user(request: Any) -> dict[str, Any]:
    """Whom the token is from, and how long it lives."""
    identity = request.identity
    zone = settings.of(request.registry, "rest").time_zone
    expires_at = datetime.fromtimestamp(identity.claims.exp, UTC)
    remaining = timedelta(seconds=max(0, int(identity.claims.exp - time.time())))
    _keep_out_of_caches(request)
    return {
        "email": identity.email,
        "public_id": identity.public_id,
        "admin": identity.admin,
        "registered_on": rendering.clock(identity.registered_on, zone),
        "registered_on_iso8601": rendering.iso8601(identity.registered_on, zone),
        "token_expires_in": rendering.digital(remaining),
        "token_expires_at": rendering.iso8601(expires_at, zone),
    }


@logout.post(
    permission="auth:self", response_schemas={"200": Success(description="Logged out.")}
)
def post_logout(request: Any) -> dict[str, Any]:
    """Make the token that is sent worthless, at once."""
    claims = request.identity.claims
    values = settings.of(request.registry, "auth")
    if not accounts.log_out(request.dbsession, claims.jti, claims.exp, purge=values.purge_batch):
        # Another request logged it out since this one was let in.
        raise HTTPForbidden(result=security.token_refused(values.realm, tokens.BLACKLISTED))
    return {"status": "success", "message": "successfully logged out"}


def _token(request: Any, message: str, public_id: str, *, admin: bool) -> dict[str, Any]:
    """The answer of RFC 6749, 5.1."""
    _keep_out_of_caches(request)
    codec = request.registry.codec
    return {
        "status": "success",
        "message": message,
        "access_token": codec.issue(public_id, admin=admin),
        "token_type": "bearer",
        "expires_in": codec.lifetime,
    }


def _keep_out_of_caches(request: Any) -> None:
    request.response.headers.update({"Cache-Control": "no-store", "Pragma": "no-cache"})
