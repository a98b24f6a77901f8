"""A REST service on Pyramid, assembled from plugins by an .ini file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyramid.config import PHASE2_CONFIG, Configurator
from pyramid.interfaces import ISecurityPolicy
from pyramid.registry import Registry

from widget_service.principals import UNDECLARED
from widget_service.security import Closed
from widget_service.settings import Source, StartupError


def main(global_config: Mapping[str, str], **app_settings: str) -> Any:
    """The WSGI application of an .ini file (PasteDeploy's ``app_factory``).

    :raises SystemExit: the service refuses to start; the reasons are the message
    """
    try:
        return configure(app_settings, file=global_config.get("__file__")).make_wsgi_app()
    except StartupError as error:
        raise SystemExit(str(error)) from None


def configure(
    app_settings: Mapping[str, Any],
    *,
    file: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Configurator:
    """A committed Configurator: the plugins of ``pyramid.includes`` and the core.

    :param app_settings: the [app:main] section
    :param file: the .ini file, so that a mistake is reported with its line
    :param environ: variables that override the settings; the process's by default
    :raises StartupError: with everything that is wrong
    """
    registry = Registry("widget_service")
    source = registry.settings_source = Source(app_settings, environ, file)
    config = Configurator(registry=registry, package="widget_service")
    includes = source.entry("pyramid.includes")
    try:
        config.setup_registry(
            settings={**app_settings, "pyramid.includes": includes.text if includes else ""}
        )
        config.include("widget_service")
        config.commit()
    except StartupError:
        raise
    except Exception as error:
        # The first mistake of a setting often is what an includeme stumbles over.
        if source.problems:
            raise StartupError(source.problems) from error
        raise
    return config


def includeme(config: Any) -> None:
    """The core. Plugins include it too, so the order of ``pyramid.includes`` is free."""
    if not hasattr(config.registry, "settings_source"):
        config.registry.settings_source = Source(config.registry.settings)
    # Everything below declares its settings, so this is first.
    config.include(".settings")
    config.include(".cli")
    config.include(".db")
    config.include(".migrations")
    # A view that names no permission is for administrators, and without a plugin that says who
    # is who it is for nobody.
    config.include(".resources")
    config.set_default_permission(UNDECLARED)
    config.action("closed", _close, args=(config,), order=PHASE2_CONFIG + 1)
    config.include(".errors")
    config.include(".rest")
    # The outermost tween, after the transaction's is there.
    config.include(".cors")


def _close(config: Any) -> None:
    if config.registry.queryUtility(ISecurityPolicy) is None:
        config.registry.registerUtility(Closed(), ISecurityPolicy)
