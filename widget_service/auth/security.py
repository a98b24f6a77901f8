"""The security policy: who a request is from, and whether it may."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from pyramid.authorization import ACLHelper
from pyramid.httpexceptions import HTTPForbidden
from pyramid.interfaces import ISecurityPolicy
from zope.interface import implementer

from widget_service import settings
from widget_service.auth import accounts, tokens
from widget_service.auth.keys import KeyRefused
from widget_service.auth.tokens import Claims, TokenRefused
from widget_service.db import Rows
from widget_service.principals import (
    ADMINISTRATOR,
    Authenticated,
    Everyone,
    Refused,
    for_users,
)

UNKNOWN = object()
NOT_AN_ADMINISTRATOR = "You are not an administrator"
NOT_ALLOWED = "You are not allowed to do this"


class Identity(NamedTuple):
    """The user of a request, as the database has it now, and the token that said so.

    Not the row: it stays true after the transaction, and nobody can write through it.
    """

    id: int
    public_id: str
    email: str
    admin: bool
    registered_on: datetime
    claims: Claims


@implementer(ISecurityPolicy)
class BearerPolicy:
    """Bearer tokens (RFC 6750), checked against the database on each request."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self._realms = settings.of(registry, "auth")
        self._acl = ACLHelper()

    def identity(self, request: Any) -> Identity | None:
        """The user; None for a request without a token that counts."""
        found = self._found(request)
        return found if isinstance(found, Identity) else None

    def authenticated_userid(self, request: Any) -> str | None:
        """The user's ``public_id``."""
        identity = self.identity(request)
        return identity.public_id if identity else None

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        """Pyramid's Allowed, or a refusal that knows its answer (RFC 6750, 3)."""
        found = self._found(request)
        principals = _principals(found)
        allowed = self._acl.permits(context, principals, permission)
        if allowed:
            return allowed
        # The realm follows from the ACL: is this for users, or for administrators?
        user_may = for_users(context, permission)
        realm = self._realms.realm if user_may else self._realms.admin_realm
        if found is None:
            return Refused(401, "Unauthorized", f'Bearer realm="{realm}"')
        if isinstance(found, Identity):
            realm, reason = self._realms.realm, NOT_ALLOWED
            if self._acl.permits(context, [*principals, ADMINISTRATOR], permission):
                realm, reason = self._realms.admin_realm, NOT_AN_ADMINISTRATOR
            return Refused(403, reason, _challenge(realm, "insufficient_scope", reason))
        return token_refused(realm, str(found))

    def remember(self, _request: Any, _userid: str, **_kw: Any) -> list[tuple[str, str]]:
        """No headers: a token is in the body of the login's answer."""
        return []

    def forget(self, _request: Any, **_kw: Any) -> list[tuple[str, str]]:
        """No headers: logging out is a request of its own."""
        return []

    def _found(self, request: Any) -> Identity | TokenRefused | None:
        """One look-up a request, however often somebody asks."""
        found = getattr(request, "bearer", UNKNOWN)
        if found is UNKNOWN:
            found = request.bearer = self._look_up(request)
        return found  # type: ignore[return-value]

    def _look_up(self, request: Any) -> Identity | TokenRefused | None:
        codec = self._registry.codec
        try:
            token = tokens.bearer(request.environ.get("HTTP_AUTHORIZATION"))
            if token is None:
                return None
            signed = codec.read(token)
            identity = codec.callback(signed.claims, request)
        except TokenRefused as refused:
            # A fresh one: the traceback of this one refers to the request, and would keep it alive.
            return TokenRefused(str(refused))
        # After the look-up: a token that was logged out is that in every spelling.
        return identity if signed.as_issued else TokenRefused(tokens.INVALID)


def token_refused(realm: str, reason: str) -> Refused:
    """401 for a token that does not count (RFC 6750, 3.1)."""
    return Refused(401, reason, _challenge(realm, "invalid_token", reason))


def identify(claims: Claims, request: Any) -> Identity:
    """The codec's callback: the bearer of a token, if the database knows nothing against it.

    :raises TokenRefused: the account is gone, or the token was logged out
    """
    context = getattr(request, "context", None)
    early = getattr(context, "before_transaction", False)
    return _identity(request.read if early else request.rows, claims)


def check_again(request: Any) -> None:
    """Look up, in the transaction, whether the token of a request still counts.

    :raises HTTPForbidden: the account is gone, or the token was logged out meanwhile
    """
    try:
        _identity(request.rows, request.identity.claims)
    except TokenRefused as refused:
        realm = settings.of(request.registry, "auth").realm
        raise HTTPForbidden(result=token_refused(realm, str(refused))) from None


def _identity(rows: Rows, claims: Claims) -> Identity:
    row = accounts.find_identity(rows, claims.sub, claims.jti)
    if row is None:
        raise TokenRefused(tokens.INVALID)
    if row.revoked:
        raise TokenRefused(tokens.BLACKLISTED)
    return Identity(row.id, row.public_id, row.email, row.admin, row.registered_on, claims)


def _principals(found: Identity | TokenRefused | None) -> list[str]:
    if not isinstance(found, Identity):
        return [Everyone]
    principals = [Everyone, Authenticated, f"user:{found.public_id}"]
    return [*principals, ADMINISTRATOR] if found.admin else principals


def _challenge(realm: str, error: str, description: str) -> str:
    return f'Bearer realm="{realm}", error="{error}", error_description="{description}"'


def includeme(config: Any) -> None:
    """The codec and the policy; without keys there is no codec, and no start."""
    if config.registry.keys is not None:
        try:
            config.registry.codec = tokens.codec(config, callback=identify)
        except KeyRefused as refused:
            config.refuse_setting(f"jwt.{refused.setting}", str(refused))
    config.set_security_policy(BearerPolicy(config.registry))
