"""Access tokens that can be revoked: simplejwt's, with its blacklist."""

from __future__ import annotations

from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import AccessToken, BlacklistMixin

# simplejwt's own class; it reads the user on each request, and verify() asks the blacklist.
Authentication = JWTAuthentication


class RevocableToken(BlacklistMixin, AccessToken):
    """An access token that verify() looks up in the blacklist."""

    @classmethod
    def for_user(cls, user):
        token = super().for_user(user)
        token["admin"] = user.admin
        return token
