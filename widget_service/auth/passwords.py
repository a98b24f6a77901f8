"""Passwords: the one module that knows passlib."""

from __future__ import annotations

import logging
import re
from typing import Any

from passlib.context import CryptContext

from widget_service import settings
from widget_service.auth.models import HASH_LENGTH

log = logging.getLogger(__name__)

TRIAL = "any password"


class Passwords:
    """Hashes passwords and verifies them, as ``passlib.*`` says."""

    def __init__(self, options: dict[str, Any]) -> None:
        """
        :param options: keyword arguments of passlib's CryptContext
        :raises Exception: the options are not what passlib wants; it has no class of its own
            for that
        :raises ValueError: the first scheme is not fit for passwords, or its hashes are too long
        """
        self._context = CryptContext(**options)
        if "rounds" not in self._context.handler().setting_kwds:
            raise ValueError(f"{self._context.default_scheme()} is too fast for new hashes")
        # All of them now: a scheme whose library is missing would fail at somebody's login.
        for scheme in self._context.schemes():
            if scheme != self._context.default_scheme():
                self._context.handler(scheme).hash(TRIAL)
        # What the password of a user who does not exist is compared with.
        self._decoy = self.hash(TRIAL)
        if len(self._decoy) > HASH_LENGTH:
            raise ValueError(f"hashes would have more than {HASH_LENGTH} characters")

    def hash(self, password: str) -> str:
        """A salted hash, with its parameters in it."""
        return str(self._context.hash(password))

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Is it the password?

        With None for a hash, that of a user who does not exist, this takes as long as with one
        that has today's parameters.
        """
        if password_hash is not None:
            try:
                return bool(self._context.verify(password, password_hash))
            except ValueError as error:
                # The scheme is no longer in the settings, or somebody edited the table. Not the
                # error's text, which quotes the hash.
                why = type(error).__name__
                log.error("a password hash cannot be verified: %s", why)  # noqa: TRY400  (no bug)
        self._context.verify(password, self._decoy)
        return False

    def is_outdated(self, password_hash: str) -> bool:
        """Should a hash that was verified be made anew, with today's parameters?"""
        return bool(self._context.needs_update(password_hash))


def includeme(config: Any) -> None:
    """Make ``registry.passwords``; what passlib refuses is a mistake in the settings."""
    options = vars(settings.of(config.registry, "passlib"))
    try:
        config.registry.passwords = Passwords(options)
    except Exception as error:  # noqa: BLE001  (passlib's mistakes are of many classes)
        # It quotes what it does not know, without the name of the scheme.
        quoted = re.findall(r"'(\w+)'", str(error))
        named = [name for name in options if name.rpartition("__")[2] in quoted] or ["schemes"]
        for name in named:
            config.refuse_setting(f"passlib.{name}", f"does not work: {error}")
