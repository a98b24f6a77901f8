"""A REST service on Pyramid, assembled from plugins by an .ini file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from widget_service import memory

with memory.collecting_later():
    from widget_service import settings
    from widget_service.assembly import configure, configure_file, start
    from widget_service.settings import StartupError
    from widget_service.settings.sources import Source

__all__ = ["configure", "configure_file", "includeme", "main", "start"]


def main(global_config: Mapping[str, str], **app_settings: str) -> Any:
    """The WSGI application of an .ini file (PasteDeploy's ``app_factory``).

    :raises SystemExit: the service refuses to start; the reasons are the message
    """
    file = global_config.get("__file__")
    try:
        with memory.collecting_later():
            return start(configure(app_settings, file=file, shared=global_config))
    except StartupError as error:
        raise SystemExit(str(error)) from None


def includeme(config: Any) -> None:
    """The core. Plugins include it too, so the order of ``pyramid.includes`` is free."""
    if not hasattr(config.registry, "settings_declared"):
        # An application of somebody else's that includes this one: there is nothing but its
        # settings, of which Pyramid has made some into other things than text.
        texts = {k: v for k, v in config.registry.settings.items() if isinstance(v, str)}
        settings.setup(config.registry, Source(texts))
        config.action("check settings", settings.check, args=(config.registry,), order=-1000)
    # Everything below declares its settings, so this is first.
    config.include(".settings")
    config.include(".memory")
    config.include(".routing")
    config.include(".cli")
    config.include(".commands")
    config.include(".plugins")
    config.include(".database")
    config.include(".db")
    config.include(".retry")
    config.include(".events")
    config.include(".resources")
    config.include(".security")
    config.include(".errors")
    config.include(".answers")
    config.include(".rest")
    config.include(".paging")
    config.include(".tweens")
