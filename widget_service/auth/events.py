"""What happens to accounts, for other plugins to react to."""

from __future__ import annotations

from dataclasses import dataclass

from widget_service.events import DomainEvent


@dataclass(frozen=True)
class UserRegistered(DomainEvent):
    """There is a new account, of a user who registered or whom an operator added.

    Neither ``user_id`` nor ``public_id`` is ever another account's.
    """

    user_id: int
    public_id: str
    email: str
