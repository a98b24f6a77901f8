"""Tokens: JSON Web Tokens (RFC 7519), issued and understood. The one module that knows pyramid_jwt.

pyramid_jwt reads the ``jwt.*`` family and holds the key; its policy class is from before Pyramid 2
and answers ``{}`` to every token that it refuses. Ours says why, so that an expired token and a
forged one get different answers.
"""

from __future__ import annotations

import functools
import re
import time
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

import jwt
from jwt.utils import base64url_decode, base64url_encode
from pyramid_jwt import create_jwt_authentication_policy

from widget_service import settings
from widget_service.auth.keys import Key, KeyRefused, KeyRing

INVALID = "Invalid token. Please log in again."
EXPIRED = "Access token expired. Please log in again."
BLACKLISTED = "Token blacklisted. Please log in again."

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The scheme counts in any case (RFC 9110, 11.1); what follows is one token68 and nothing else.
BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE | re.ASCII)
AS_USUAL = "Bearer "
BEARER_SCHEME = re.compile(r"bearer(?![^\s,])", re.IGNORECASE | re.ASCII)
# Ours have some 350 characters. Longer ones are not worth the hashing.
MAX_LENGTH = 4096
# How many tokens are remembered whose signature was right; some kilobytes each.
REMEMBERED = 2000
# The end of the year 9999: later moments have no datetime.
LAST_MOMENT = 253_402_300_799


class Claims(NamedTuple):
    """What a token says: for whom, until when, and which token it is. Times are Unix seconds."""

    sub: str
    jti: str
    iat: int
    exp: int


class Signed(NamedTuple):
    """What is signed in a token; it does not change, while time goes on."""

    claims: Claims
    # Unix seconds from when on it counts (RFC 7519, 4.1.5).
    nbf: int
    # Is it spelled as it was issued?
    as_issued: bool


class Issued(NamedTuple):
    """A new token, and what it says."""

    token: str
    claims: Claims


class TokenRefused(Exception):
    """The token does not count; the message is the contract's text."""


class Codec:
    """Makes and reads the tokens of one application."""

    def __init__(self, policy: Any, keys: KeyRing, issuer: str) -> None:
        """
        :param policy: what pyramid_jwt made of the settings; it only stores its ``callback``,
            so whoever reads a token must call it
        :param issuer: who new tokens are from, and must be; empty for no matter
        """
        self._policy = policy
        self._keys = keys
        # A key without a name is not in the header.
        kid = keys.keys[0].kid
        self._headers = None if kid is None else {"kid": kid}
        self._named = {"iss": issuer or None, "aud": policy.audience}
        self._also = {name: value for name, value in self._named.items() if value}
        self._signed = functools.lru_cache(REMEMBERED)(self._decode)
        self.callback: Callable[[Claims, Any], Any] = policy.callback
        self.lifetime = int(policy.expiration.total_seconds())

    def issue(self, public_id: str, *, admin: bool) -> Issued:
        """A new token for a user; no two are the same."""
        now = int(time.time())
        claims = Claims(sub=public_id, jti=str(uuid.uuid4()), iat=now, exp=now + self.lifetime)
        said = {
            "iat": claims.iat,
            "exp": claims.exp,
            "sub": claims.sub,
            "admin": admin,
            "jti": claims.jti,
            **self._also,
        }
        # Not the policy's create_token: it calls utcnow, which Python is about to remove.
        policy = self._policy
        token = jwt.encode(said, policy.private_key, policy.algorithm, headers=self._headers)
        return Issued(token, claims)

    def read(self, token: str) -> Signed:
        """What a token says that was issued here and has not expired.

        :raises TokenRefused: with the reason
        """
        if len(token) > MAX_LENGTH:
            raise TokenRefused(INVALID)
        # The signature of a text does not change; whether it has expired does.
        signed = self._signed(token)
        now = time.time()
        late = now + self._policy.leeway
        if signed.claims.iat > late or signed.nbf > late:
            raise TokenRefused(INVALID)
        if signed.claims.exp <= now:
            raise TokenRefused(EXPIRED)
        return signed

    def _decode(self, token: str) -> Signed:
        """What is signed in a token, at whatever time.

        :raises TokenRefused: it was not issued here
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TokenRefused(INVALID) from None
        for key in self._keys.candidates(kid):
            try:
                said = self._decode_with(key, token)
            except (jwt.PyJWTError, ValueError, RecursionError):
                continue
            return _signed(said, as_issued=_is_as_issued(token))
        raise TokenRefused(INVALID)

    def _decode_with(self, key: Key, token: str) -> dict[str, Any]:
        return jwt.decode(
            token,
            key.verifying,
            algorithms=[key.algorithm],
            issuer=self._named["iss"],
            audience=self._named["aud"],
            # The types of the times are checked below, before anybody calculates with them.
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )


def _signed(said: dict[str, Any], *, as_issued: bool) -> Signed:
    """The claims, of the types that tokens of ours have.

    :raises TokenRefused: one is missing, or something else
    """
    exp, iat, nbf = said.get("exp"), said.get("iat"), said.get("nbf", 0)
    if not (
        _is_moment(exp)
        and _is_moment(iat)
        and _is_moment(nbf)
        and _is_uuid(said.get("sub"))
        and _is_uuid(said.get("jti"))
        and isinstance(said.get("admin"), bool)
    ):
        raise TokenRefused(INVALID)
    return Signed(Claims(said["sub"], said["jti"], iat, exp), nbf, as_issued)


def _is_as_issued(token: str) -> bool:
    """Is this how the signature of a token is spelled when it is issued?

    The decoder skips padding and junk, and the last character has bits that it ignores. The rest
    of a token has one spelling: the signature covers it as text.
    """
    signature = token.rpartition(".")[2]
    return base64url_encode(base64url_decode(signature)).decode("ascii") == signature


def _is_moment(value: object) -> TypeGuard[int]:
    # bool is an int to Python, not to RFC 7519.
    return type(value) is int and 0 <= value <= LAST_MOMENT


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header (RFC 6750, 2.1); None without one of that scheme.

    :raises TokenRefused: the scheme is Bearer, but what follows is surely not one token
    """
    if authorization is None:
        return None
    value = authorization.strip(" \t")
    if value.startswith(AS_USUAL):
        # What follows and is no token is refused where it is decoded, once.
        return value[len(AS_USUAL) :].lstrip(" ")
    match = BEARER.fullmatch(value)
    if match:
        return match.group(1)
    if BEARER_SCHEME.match(value):
        raise TokenRefused(INVALID)
    return None


def codec(config: Any, callback: Callable[[Claims, Any], Any]) -> Codec:
    """The codec that ``jwt.*`` describes, tried once.

    :param callback: answers who a token is from, and raises TokenRefused for a revoked one
    :raises KeyRefused: no token can be signed or verified with a key
    """
    values = settings.of(config.registry, "jwt")
    keys: KeyRing = config.registry.keys
    made = Codec(
        create_jwt_authentication_policy(
            config,
            private_key=keys.signing,
            public_key=keys.keys[0].verifying,
            algorithm=values.algorithm,
            expiration=values.expiration,
            leeway=values.leeway,
            auth_type="Bearer",
            callback=callback,
            audience=values.audience,
        ),
        keys,
        values.issuer,
    )
    try:
        made.read(made.issue(str(uuid.uuid4()), admin=False).token)
    except (jwt.PyJWTError, TokenRefused) as error:
        raise KeyRefused("private_key", f"does not work: {error}") from error
    for key in keys.keys[1:]:
        try:
            jwt.get_algorithm_by_name(key.algorithm).prepare_key(key.verifying)
        except jwt.PyJWTError as error:
            raise KeyRefused("verification_keys", f"{key.kid} does not work: {error}") from error
    return made
