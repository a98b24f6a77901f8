"""What an operator may tune of accounts, tokens and passwords."""

from __future__ import annotations

import re
from typing import Any

import colander

from widget_service.fields import Flag, Listed, Text, WholeNumber
from widget_service.settings import setting

ALGORITHMS = ("HS256", "HS384", "HS512")
# A key is at least as long as the hash is (RFC 7518, 3.2).
MINIMUM_KEY = 32
# Random bytes have more different characters than that, in any notation.
MINIMUM_VARIETY = 8
PLACEHOLDER = re.compile(r"change.?me|placeholder|your.?(secret|key)", re.IGNORECASE)
# The key of development.ini, and whatever somebody makes of it.
PUBLISHED = re.compile(r"development.?key", re.IGNORECASE)
ADVICE = "try: openssl rand -base64 48"


class AuthSettings(colander.MappingSchema):
    """``auth.*``"""

    realm = setting(
        Text(), "registered_users@mydomain.com", "The realm of what every user may do."
    )
    admin_realm = setting(
        Text(), "admin_users@mydomain.com", "The realm of what only administrators may do."
    )
    password_min_length = setting(
        WholeNumber(),
        1,
        "The shortest password that registration takes, in characters.",
        colander.Range(1, 1024),
    )
    accept_published_key = setting(
        Flag(),
        default=False,
        help_text="Sign with the key of development.ini, which everybody can read.",
    )
    purge_batch = setting(
        WholeNumber(),
        100,
        "How many expired blacklist rows each logout removes at the most.",
        colander.Range(1, 10_000),
    )


def key(node: Any, value: str) -> None:
    """:raises colander.Invalid: the key is short, or a placeholder"""
    if len(value.encode("utf-8")) < MINIMUM_KEY:
        raise colander.Invalid(node, f"must have at least {MINIMUM_KEY} bytes; {ADVICE}")
    if len(set(value)) < MINIMUM_VARIETY or PLACEHOLDER.search(value):
        raise colander.Invalid(node, f"is a placeholder; {ADVICE}")


class TokenSettings(colander.MappingSchema):
    """``jwt.*``: the family of pyramid_jwt."""

    private_key = setting(
        Text(), colander.required, "The key that signs tokens; secret.", key, secret=True
    )
    algorithm = setting(
        Text(), "HS256", "How tokens are signed.", colander.OneOf(ALGORITHMS)
    )
    expiration = setting(
        WholeNumber(),
        3600,
        "How long a token lives, in seconds.",
        colander.Range(1, 10 * 366 * 86400),
    )
    leeway = setting(
        WholeNumber(),
        10,
        "How far the clock of another server may run ahead, in seconds.",
        colander.Range(0, 300),
    )


class PasswordSettings(colander.MappingSchema):
    """``passlib.*``: the family of passlib's CryptContext; other keys go to it as they are."""

    schemes = setting(
        Listed(Text()), ("argon2",), "The hashes that are accepted; the first one makes new ones."
    )
    argon2__time_cost = setting(
        WholeNumber(), 2, "Argon2id: passes over the memory.", colander.Range(1, 1000)
    )
    argon2__memory_cost = setting(
        WholeNumber(), 19456, "Argon2id: memory of one hash, in KiB.", colander.Range(8, 2**24)
    )
    argon2__parallelism = setting(
        WholeNumber(), 1, "Argon2id: threads of one hash.", colander.Range(1, 64)
    )

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, unknown="preserve", **kw)


def includeme(config: Any) -> None:
    """Declare them, and check them against each other."""
    values = config.declare_settings("auth", AuthSettings())
    tokens = config.declare_settings("jwt", TokenSettings())
    config.declare_settings("passlib", PasswordSettings())
    published = tokens.private_key is not None and PUBLISHED.search(tokens.private_key)
    if published and not values.accept_published_key:
        config.refuse_setting("jwt.private_key", f"is the key of development.ini; {ADVICE}")
