"""A REST service on Pyramid, assembled from plugins by an .ini file."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import plaster
from pyramid.config import PHASE2_CONFIG, Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationExecutionError
from pyramid.interfaces import ISecurityPolicy
from pyramid.registry import Registry

from widget_service import plugins, settings
from widget_service.principals import UNDECLARED
from widget_service.security import Closed
from widget_service.settings import Problem, StartupError
from widget_service.sources import Source, unreadable

log = logging.getLogger(__name__)


def main(global_config: Mapping[str, str], **app_settings: str) -> Any:
    """The WSGI application of an .ini file (PasteDeploy's ``app_factory``).

    :raises SystemExit: the service refuses to start; the reasons are the message
    """
    file = global_config.get("__file__")
    try:
        return start(configure(app_settings, file=file, shared=global_config))
    except StartupError as error:
        raise SystemExit(str(error)) from None


def start(config: Configurator) -> Any:
    """The WSGI application of a Configurator, checked against its database.

    :raises StartupError: the database is not fit, or a plugin fails
    """
    try:
        return config.make_wsgi_app()
    except StartupError:
        raise
    except Exception as error:
        log.debug("the application cannot be made", exc_info=True)
        config.registry.settings_declared.note("start", None, *_said(error, *_included(config)))
        raise StartupError(config.registry.settings_declared.problems) from error


def configure_file(file: str) -> Configurator:
    """As :func:`configure`, from the [app:main] section of an .ini file: for commands.

    :raises StartupError: with everything that is wrong, such as a file that cannot be parsed
    """
    try:
        found = plaster.get_loader(file, protocols=["wsgi"]).get_wsgi_app_settings()
    except Exception as error:
        raise StartupError(unreadable(file, error)) from error
    return configure(found, file=file, shared=found.global_conf)


def configure(
    app_settings: Mapping[str, str],
    *,
    file: str | None = None,
    shared: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Configurator:
    """A committed Configurator: the core, and the plugins of ``pyramid.includes``.

    :param app_settings: the [app:main] section
    :param file: the .ini file, so that a mistake is reported with its line
    :param shared: [DEFAULT], and what the command line sets
    :param environ: variables that override the settings; the process's by default
    :raises StartupError: with everything that is wrong
    """
    registry = Registry("widget_service")
    settings.setup(registry, Source(app_settings, environ, file, shared))
    declared = registry.settings_declared
    own = settings.of(registry, "pyramid")
    config = Configurator(registry=registry, package="widget_service")
    # Not through pyramid.includes, which stops at the first plugin that fails.
    pyramid_settings = {f"pyramid.{name}": value for name, value in vars(own).items()}
    config.setup_registry(settings={**pyramid_settings, "pyramid.includes": ""})
    for plugin in ("widget_service", *own.includes):
        _include(config, plugin)
    declared.refuse_unread()
    _commit(config)
    settings.check(registry)
    plugins.check(registry)
    return config


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
    config.include(".cli")
    config.include(".configuration")
    config.include(".plugins")
    config.include(".scaffolding")
    config.include(".db")
    config.include(".events")
    config.include(".migrations")
    # A view that names no permission is for administrators, and without a plugin that says who
    # is who it is for nobody.
    config.include(".resources")
    config.set_default_permission(UNDECLARED)
    config.action("closed", _close, args=(config,), order=PHASE2_CONFIG + 1)
    config.include(".errors")
    config.include(".rest")
    config.include(".paging")
    config.include(".hosts")
    # The outermost tween, after the transaction's is there.
    config.include(".cors")


def _close(config: Any) -> None:
    if config.registry.queryUtility(ISecurityPolicy) is None:
        config.registry.registerUtility(Closed(), ISecurityPolicy)


def _include(config: Configurator, plugin: str) -> None:
    """Include a plugin; what goes wrong becomes a problem like that of a setting."""
    declared = config.registry.settings_declared
    before = len(declared.problems)
    try:
        config.include(plugin)
    except Exception as error:  # a plugin may fail in any way
        log.debug("including %s failed", plugin, exc_info=True)
        # A mistake in its settings is what an includeme often stumbles over.
        if len(declared.problems) == before:
            entry = declared.source.entry("pyramid.includes")
            origin = entry.origin if entry else "the core"
            where, text = _said(error, plugin)
            missing = getattr(error, "name", None)
            if isinstance(error, ModuleNotFoundError) and f"{plugin}.".startswith(f"{missing}."):
                text = f"there is no package {missing}; is it spelled right, and installed?"
            elif isinstance(error, ModuleNotFoundError):
                text = f"it needs {missing}, which is not installed ({where})"
            else:
                text = f"{text} ({where})"
            declared.note("pyramid.includes", plugin, origin, text)


def _included(config: Configurator) -> tuple[str, ...]:
    return settings.of(config.registry, "pyramid").includes  # type: ignore[no-any-return]


def _said(error: BaseException, *packages: str) -> tuple[str, str]:
    """Where an exception is from, and what it says.

    :param packages: where the innermost line that is in one of them is what to look at
    """
    inside = tuple(f"{package}." for package in packages)
    frames = list(traceback.walk_tb(error.__traceback__))
    theirs = [each for each in frames if f"{each[0].f_globals.get('__name__')}.".startswith(inside)]
    frame, line = (theirs or frames)[-1]
    return f"{frame.f_code.co_filename}, line {line}", f"{type(error).__name__}: {error}"


def _commit(config: Configurator) -> None:
    """Carry out what the plugins configured. Also after mistakes, to find those of this step."""
    declared = config.registry.settings_declared
    state = config.action_state
    actions = list(state.actions)
    try:
        config.commit()
    except ConfigurationConflictError as error:
        declared.problems.extend(_conflicts(error))
        # Pyramid stops at the first step in which two want the same; there may be more in others.
        clashing = set(error._conflicts)  # noqa: SLF001  (no public way)
        state.actions = [each for each in actions if each["discriminator"] not in clashing]
        _commit(config)
    except ConfigurationExecutionError as error:
        # After a mistake in a setting this may be nothing but its consequence.
        if not declared.problems:
            where, _text = _said(error, *_included(config))
            if error.info.file:
                where = f"{error.info.file}, line {error.info.line}"
            declared.note("configuration", None, where, f"{error.etype.__name__}: {error.evalue}")


def _conflicts(error: ConfigurationConflictError) -> Iterator[Problem]:
    """What two plugins both want to be: routes, paths, permissions, commands of one name."""
    for discriminator, infos in error._conflicts.items():  # noqa: SLF001  (no public way)
        parts = (discriminator,) if isinstance(discriminator, str) else discriminator
        if parts[0] == "route-connect":
            continue  # The second step of a route, whose first clashes as well.
        sides = [f"{info.file}, line {info.line}" for info in infos]
        name = " ".join(part for part in parts if isinstance(part, str))
        yield Problem(name, None, sides[0], f"there is one already: {' and '.join(sides[1:])}")
