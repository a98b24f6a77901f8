"""What an operator may tune of accounts, tokens and passwords."""

from __future__ import annotations

import re
import secrets
from typing import Any

import colander

from widget_service.fields import Flag, Listed, Text, WholeNumber
from widget_service.settings import setting

# A secret has at least as many bytes as the hash (RFC 7518, 3.2).
SYMMETRIC = {"HS256": 32, "HS384": 48, "HS512": 64}
# With a key pair, so that others can verify tokens and not sign them.
ASYMMETRIC = ("EdDSA", "ES256", "RS256")
KEY_ID = re.compile(r"[A-Za-z0-9._~-]{0,64}")
# Random bytes have more different characters than that, in any notation.
MINIMUM_VARIETY = 8
PLACEHOLDER = re.compile(r"change.?me|placeholder|your.?(secret|key)", re.IGNORECASE)
# The key of development.ini, and whatever somebody makes of it.
PUBLISHED = re.compile(r"development.?key", re.IGNORECASE)
# What a quoted string in a header may hold as it is (RFC 9110, 5.6.4).
REALM = re.compile(r"[ !#-\[\]-~]+")
ADVICE = "try: openssl rand -base64 48"


def quotable(node: Any, value: str) -> None:
    """:raises colander.Invalid: ``value`` cannot stand in a WWW-Authenticate header"""
    if not REALM.fullmatch(value):
        raise colander.Invalid(node, "must be ASCII text without quotation marks and backslashes")


class AuthSettings(colander.MappingSchema):
    """``auth.*``"""

    realm = setting(
        Text(),
        "The realm of what every user may do.",
        quotable,
        default="registered_users@mydomain.com",
    )
    admin_realm = setting(
        Text(),
        "The realm of what only administrators may do.",
        quotable,
        default="admin_users@mydomain.com",
    )
    password_min_length = setting(
        WholeNumber(),
        "The shortest password that registration takes, in characters.",
        colander.Range(1, 1024),
        default=1,
    )
    accept_published_key = setting(
        Flag(),
        "Sign with the key of development.ini, which everybody can read.",
        default=False,
    )
    purge_batch = setting(
        WholeNumber(),
        "How many expired rows each logout and each login removes at the most.",
        colander.Range(1, 10_000),
        default=100,
    )
    # On one processor it has its half of what everybody wants; two would have two thirds.
    hash_concurrency = setting(
        WholeNumber(),
        "How many passwords are hashed at a time, in threads of their own.",
        colander.Range(1, 1000),
        default=1,
    )
    hash_queue = setting(
        WholeNumber(),
        "How many more requests wait for that, each with a thread of the server; then it is 503. "
        "Keep hash_concurrency and hash_queue together below the threads of the server.",
        colander.Range(0, 10_000),
        default=1,
    )
    hash_wait = setting(
        WholeNumber(),
        "How long a request waits for that before it is answered 503, in seconds.",
        colander.Range(0, 600),
        default=5,
    )


def valid_key_id(node: Any, value: str) -> None:
    """:raises colander.Invalid: ``value`` cannot be the name of a key"""
    if not KEY_ID.fullmatch(value):
        raise colander.Invalid(node, "must be at most 64 ASCII letters, digits, and . _ ~ -")


def no_placeholder(node: Any, value: str) -> None:
    """:raises colander.Invalid: ``value`` is a placeholder, or nothing"""
    if not value.strip():
        raise colander.Invalid(node, f"is empty; {ADVICE}")
    if len(set(value)) < MINIMUM_VARIETY or PLACEHOLDER.search(value):
        raise colander.Invalid(node, f"is a placeholder; {ADVICE}")


class TokenSettings(colander.MappingSchema):
    """``jwt.*``: the family of pyramid_jwt."""

    private_key = setting(
        Text(),
        "The key that signs tokens: a secret text or, for EdDSA, ES256 and RS256, a private key "
        "in PEM; secret.",
        no_placeholder,
        default=colander.required,
        secret=True,
        sample=lambda: secrets.token_urlsafe(48),
    )
    key_id = setting(
        Text(),
        "The name of that key, which new tokens have in their header as kid.",
        valid_key_id,
        default="",
    )
    verification_keys = setting(
        Text(),
        "Keys that verify tokens as well, such as those that signed until now, each on lines of "
        "its own: KID: KEY, or KID ALGORITHM: KEY for another HS algorithm; secret.",
        default="",
        secret=True,
    )
    algorithm = setting(
        Text(),
        "How tokens are signed; EdDSA, ES256 and RS256 need widget_service[asymmetric], and serve "
        "the public keys at /.well-known/jwks.json.",
        colander.OneOf([*SYMMETRIC, *ASYMMETRIC]),
        default="HS256",
    )
    issuer = setting(
        Text(), "The iss of tokens, which they then must have (RFC 7519, 4.1.1).", default=""
    )
    audience = setting(Text(), "The aud of tokens, likewise (RFC 7519, 4.1.3).", default="")
    expiration = setting(
        WholeNumber(),
        "How long a token lives, in seconds.",
        colander.Range(1, 10 * 366 * 86400),
        default=3600,
    )
    leeway = setting(
        WholeNumber(),
        "How far the clock of another server may run ahead, in seconds.",
        colander.Range(0, 300),
        default=10,
    )


class PasswordSettings(colander.MappingSchema):
    """``passlib.*``: the family of passlib's CryptContext; other keys go to it as they are."""

    unknown = "preserve"

    schemes = setting(
        Listed(Text()),
        "The hashes that are accepted; the first one makes new ones.",
        default=("argon2",),
    )
    deprecated = setting(
        Listed(Text()),
        "The hashes that are replaced when somebody logs in; auto: all but the first scheme's.",
        default=("auto",),
    )
    # Of the five that OWASP's Password Storage Cheat Sheet has for Argon2id, all as hard to attack,
    # the one with the least memory, which is the fastest too: a system takes long to hand it out.
    argon2__time_cost = setting(
        WholeNumber(), "Argon2id: passes over the memory.", colander.Range(1, 1000), default=5
    )
    argon2__memory_cost = setting(
        WholeNumber(),
        "Argon2id: memory of one hash, in KiB.",
        colander.Range(8, 2**24),
        default=7168,
    )
    argon2__parallelism = setting(
        WholeNumber(), "Argon2id: threads of one hash.", colander.Range(1, 64), default=1
    )


def includeme(config: Any) -> None:
    """Declare them, and check them against each other."""
    values = config.declare_settings("auth", AuthSettings())
    tokens = config.declare_settings("jwt", TokenSettings())
    config.declare_settings("passlib", PasswordSettings())
    for name in ("private_key", "verification_keys"):
        found = PUBLISHED.search(getattr(tokens, name) or "")
        if found and not values.accept_published_key:
            config.refuse_setting(f"jwt.{name}", f"is the key of development.ini; {ADVICE}")
