"""``widget-service [-c FILE.ini] COMMAND …``: the commands of the core and of the plugins.

A plugin adds one in its includeme::

    config.add_command("count-gadgets", count, help="print how many gadgets there are")

    def count(registry, args):
        with session(registry) as dbsession:
            print(dbsession.scalar(select(func.count()).select_from(Gadget)))
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from pyramid.config import Configurator
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from widget_service import configure_file, db, start
from widget_service.settings import StartupError

DEFAULT_INI = "development.ini"
# As a shell reports a command that a signal ended.
INTERRUPTED = 128 + signal.SIGINT
NOBODY_READS = 128 + signal.SIGPIPE
HELP = frozenset({"-h", "--help"})


class CommandError(Exception):
    """The command cannot do what it was asked; the message is for the operator."""


class _CommandParser(argparse.ArgumentParser):
    """The parser of a command, or of a part of one: -c is nobody's own option."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_argument(
            "-c", "--config", action=_Taken, default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )


class _Taken(argparse.Action):
    """An option that was read before: what looks like it now is an abbreviation of it."""

    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: Any, _values: Any, option: Any = None
    ) -> NoReturn:
        """:raises SystemExit: always"""
        parser.error(f"unrecognized arguments: {option}")


class Command(NamedTuple):
    """A subcommand, as :func:`add_command` takes it."""

    run: Callable[[Any, argparse.Namespace], None]
    arguments: Callable[[argparse.ArgumentParser], None] | None
    help: str
    unmigrated: bool


def add_command(
    config: Any,
    name: str,
    run: Callable[[Any, argparse.Namespace], None],
    arguments: Callable[[argparse.ArgumentParser], None] | None = None,
    *,
    help: str,  # noqa: A002  (argparse's own word)
    unmigrated: bool = False,
) -> None:
    """Add a subcommand (a directive).

    :param run: called with the registry and the parsed arguments; raises CommandError
    :param arguments: adds its arguments to the parser; -c and --config are taken
    :param unmigrated: it may run on a database that is not migrated
    """
    command = Command(run, arguments, help, unmigrated)
    introspectable = config.introspectable("commands", name, name, "command")
    introspectable["command"] = command
    config.action(("command", name), introspectables=(introspectable,))
    config.registry.commands[name] = command


@contextmanager
def session(registry: Any) -> Iterator[Session]:
    """A session for a command: committed at the end, rolled back by an exception."""
    with db.new_session(registry) as dbsession, dbsession.begin():
        yield dbsession


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    :returns: the exit status: 0, 1 for a command that failed, 128 and more for one that was
        interrupted, or whose output nobody wants to read to its end
    :raises SystemExit: wrong arguments, status 2, or only a question for help
    """
    ini, arguments = _ini(sys.argv[1:] if argv is None else argv)
    try:
        _run(ini, arguments)
        # Not at exit, where a closed pipe would be somebody else's error.
        sys.stdout.flush()
    except (StartupError, CommandError) as error:
        print(error, file=sys.stderr)
        return 1
    except SQLAlchemyError as error:
        # The driver's first line: others, and SQLAlchemy, quote the statement and its values.
        said = str(getattr(error, "orig", error)).partition("\n")[0]
        print(f"the database says: {said}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # What is left in the buffer must not fail at exit.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return NOBODY_READS
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _run(ini: str, arguments: Sequence[str]) -> None:
    if arguments[:1] == ["plugin"]:
        _run_without_file(arguments)
        return
    try:
        config = _configure(ini)
    except (StartupError, CommandError) as error:
        if HELP.intersection(arguments):
            # Whoever asks for help may not have a file yet.
            print(f"Commands are listed for an .ini file that is right. {error}\n", file=sys.stderr)
            _parser({}).print_help()
            return
        raise
    try:
        args = _parser(config.registry.commands).parse_args(arguments)
        command = config.registry.commands[args.command]
        if not command.unmigrated:
            # As the service would, checks included, but for those of what only requests need.
            config.registry.serves = False
            start(config)
        command.run(config.registry, args)
    finally:
        config.registry.database.close()


def _run_without_file(arguments: Sequence[str]) -> None:
    """Begin a plugin, where there is no .ini file yet."""
    config = Configurator()
    config.include("widget_service.cli")
    config.include("widget_service.commands.scaffolding")
    args = _parser(config.registry.commands).parse_args(arguments)
    config.registry.commands[args.command].run(config.registry, args)


def _ini(argv: Sequence[str]) -> tuple[str, list[str]]:
    # No abbreviations: they may be the command's own options.
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _add_ini(parser)
    known, rest = parser.parse_known_args(argv)
    return known.config, rest


def _add_ini(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("WIDGET_SERVICE_INI", DEFAULT_INI)
    parser.add_argument(
        "-c", "--config", default=default, metavar="FILE.ini", help="default: %(default)s"
    )


def _configure(ini: str) -> Any:
    path = Path(ini).absolute()
    if not path.is_file():
        raise CommandError(f"{ini}: no such file; name one with -c FILE.ini or WIDGET_SERVICE_INI")
    return configure_file(str(path))


def _parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    """:raises CommandError: a command has an option that is not its own"""
    parser = argparse.ArgumentParser(prog="widget-service")
    _add_ini(parser)
    subparsers = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_CommandParser
    )
    for name, command in sorted(commands.items()):
        subparser = subparsers.add_parser(name, help=command.help, description=command.help)
        if command.arguments is not None:
            try:
                command.arguments(subparser)
            except argparse.ArgumentError as error:
                text = "-h and --help, -c and --config are the same for all commands"
                raise CommandError(f"the command {name}: {error}; {text}") from None
    return parser


def includeme(config: Any) -> None:
    """Add the directive."""
    config.registry.commands = {}
    # Whether requests will come: not where a command starts the application.
    config.registry.serves = True
    config.add_directive("add_command", add_command)
