"""How an application is put together, and all that is wrong with it found at once."""

from __future__ import annotations

import linecache
import logging
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import plaster
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationExecutionError

from widget_service import plugins, settings
from widget_service.registry import QuietRegistry
from widget_service.settings import Problem, StartupError
from widget_service.settings.declarations import MASK, masked
from widget_service.settings.sources import Source, legible, unreadable

log = logging.getLogger(__name__)


def configure_file(file: str) -> Configurator:
    """As :func:`configure`, from the [app:main] section of an .ini file: for commands.

    :raises StartupError: with everything that is wrong, such as a file that cannot be parsed
    """
    try:
        found = plaster.get_loader(file, protocols=["wsgi"]).get_wsgi_app_settings()
    except Exception as error:
        problems = unreadable(file, error)
        named = {problem.key for problem in problems}
        others = [each for each in _problems_beyond(file) if each.key not in named]
        raise StartupError([*problems, *others]) from error
    return configure(found, file=file, shared=found.global_conf)


def _problems_beyond(file: str) -> list[Problem]:
    """What would be wrong with a file's settings if PasteDeploy could read it."""
    section, shared = legible(file)
    if section:
        try:
            configure(section, file=file, shared=shared).registry.database.close()
        except StartupError as error:
            return error.problems
    return []


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
    registry = QuietRegistry("widget_service")
    settings.setup(registry, Source(app_settings, environ, file, shared))
    declared = registry.settings_declared
    own = settings.of(registry, "pyramid")
    config = Configurator(registry=registry, package="widget_service")
    # Not through pyramid.includes, which stops at the first plugin that fails.
    pyramid_settings = {f"pyramid.{name}": value for name, value in vars(own).items()}
    config.setup_registry(
        settings={**declared.foreign(), **pyramid_settings, "pyramid.includes": ""}
    )
    for plugin in ("widget_service", *own.includes):
        _include(config, plugin)
    declared.refuse_unread()
    _commit(config)
    settings.check(registry)
    plugins.check(registry)
    return config


def start(config: Configurator) -> Any:
    """The WSGI application of a Configurator, checked against its database.

    :raises StartupError: the database is not fit, or a plugin fails
    """
    try:
        app = config.make_wsgi_app()
    except StartupError:
        raise
    except Exception as error:
        log.debug("the application cannot be made", exc_info=True)
        config.registry.settings_declared.note("start", None, *_said(error, *_included(config)))
        raise StartupError(config.registry.settings_declared.problems) from error
    # The sources of all that configures, which Pyramid looks up where each action is from. They can
    # be read again, but for those that were generated.
    for name in [each for each in linecache.cache if not each.startswith("<")]:
        del linecache.cache[name]
    return app


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
            if entry and entry.is_of_file:
                plugin, text = MASK, masked(text, entry.text)
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
