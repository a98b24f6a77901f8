"""Passwords: the one module that knows passlib."""

from __future__ import annotations

from typing import Any

from passlib.context import CryptContext

from widget_service import settings


class Passwords:
    """Hashes passwords and verifies them, as ``passlib.*`` says."""

    def __init__(self, options: dict[str, Any]) -> None:
        """
        :param options: keyword arguments of passlib's CryptContext
        :raises ValueError: the options are not what passlib wants
        """
        self._context = CryptContext(**options)
        self._context.hash("the first hash loads the backend: better now than at a login")

    def hash(self, password: str) -> str:
        """A salted hash, with its parameters in it."""
        return str(self._context.hash(password))

    def verify(self, password: str, password_hash: str | None) -> tuple[bool, str | None]:
        """Is it the password? And a new hash, where the old one's parameters are outdated.

        With None for a hash, that of a user who does not exist, this takes as long as with one.
        """
        if password_hash is None:
            self._context.dummy_verify()
            return False, None
        return self._context.verify_and_update(password, password_hash)  # type: ignore[no-any-return]


def includeme(config: Any) -> None:
    """Make ``registry.passwords``; what passlib refuses is a mistake in the settings."""
    options = vars(settings.of(config.registry, "passlib"))
    try:
        config.registry.passwords = Passwords(options)
    except Exception as error:
        config.registry.settings_source.complain("passlib.schemes", f"passlib says: {error}")
