"""The policy of an application in which no plugin says who is who: everything is closed."""

from __future__ import annotations

from typing import Any

from pyramid.authorization import ACLHelper, Everyone
from pyramid.config import PHASE2_CONFIG
from pyramid.interfaces import ISecurityPolicy
from zope.interface import implementer

from widget_service.principals import UNDECLARED


@implementer(ISecurityPolicy)
class Closed:
    """Nobody is known, so only what an ACL grants to Everyone is open."""

    def identity(self, _request: Any) -> None:
        """Nobody."""

    def authenticated_userid(self, _request: Any) -> None:
        """Nobody."""

    def permits(self, _request: Any, context: Any, permission: str) -> Any:
        """What the ACLs of the lineage grant to Everyone."""
        return ACLHelper().permits(context, [Everyone], permission)

    def remember(self, _request: Any, _userid: str, **_kw: Any) -> list[tuple[str, str]]:
        """No headers."""
        return []

    def forget(self, _request: Any, **_kw: Any) -> list[tuple[str, str]]:
        """No headers."""
        return []


def includeme(config: Any) -> None:
    """Close what nobody opens.

    A view that names no permission is for administrators, and without a plugin that says who is
    who it is for nobody.
    """
    config.set_default_permission(UNDECLARED)
    config.action("closed", _close, args=(config.registry,), order=PHASE2_CONFIG + 1)


def _close(registry: Any) -> None:
    if registry.queryUtility(ISecurityPolicy) is None:
        registry.registerUtility(Closed(), ISecurityPolicy)
