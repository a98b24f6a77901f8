"""What an administrator of the machine does with accounts."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from typing import Any

import colander
from sqlalchemy.exc import IntegrityError

from widget_service import rest, settings
from widget_service.auth import accounts, audit, sessions
from widget_service.auth.models import BlacklistedToken, IssuedToken
from widget_service.auth.schemas import Registration
from widget_service.cli import CommandError, session
from widget_service.errors import Conflict


def add_user(registry: Any, args: argparse.Namespace) -> None:
    """Make an account.

    :raises CommandError: the address or the password is refused, or there is such an account
    """
    fields = {"email": args.email, "password": _password()}
    try:
        rest.bind(registry, Registration()).deserialize({"body": fields})
    except colander.Invalid as error:
        raise CommandError("\n".join(error.asdict().values())) from None
    password_hash = registry.passwords.hash(fields["password"])
    try:
        with session(registry) as dbsession:
            accounts.register(dbsession, args.email, password_hash, admin=args.admin)
    except Conflict as error:
        raise CommandError(error.message) from None
    audit.by_operator(registry, "add-user --admin" if args.admin else "add-user", args.email)
    print(f"{args.email} added{' as an administrator' if args.admin else ''}")


def _password() -> str:
    """Asked for twice at a terminal, else one line of the standard input."""
    try:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\r\n")
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Once more: ")
    except (EOFError, UnicodeDecodeError):
        raise CommandError("no password was given") from None
    if password != again:
        raise CommandError("the two passwords differ")
    return password


def changer(name: str, done: str, **values: bool) -> Callable[[Any, argparse.Namespace], None]:
    """A command that sets flags of an account; ``done`` says what they make of it."""

    def run(registry: Any, args: argparse.Namespace) -> None:
        try:
            with session(registry) as dbsession:
                found = accounts.change(dbsession, args.email, **values)
        except ValueError as error:
            raise CommandError(f"{args.email}: {error}") from None
        if not found:
            raise CommandError(f"{args.email} is not registered")
        audit.by_operator(registry, name, args.email)
        print(f"{args.email} {done}")

    return run


def delete_user(registry: Any, args: argparse.Namespace) -> None:
    """Delete an account.

    :raises CommandError: there is no such account, or something belongs to it
    """
    try:
        with session(registry) as dbsession:
            found = accounts.remove(dbsession, args.email)
    except ValueError as error:
        raise CommandError(f"{args.email}: {error}") from None
    except IntegrityError:
        raise CommandError(
            f"{args.email} is not deleted: other things belong to it, such as widgets that it "
            "added. Delete these first, or keep the account out with 'disable'."
        ) from None
    if not found:
        raise CommandError(f"{args.email} is not registered")
    audit.by_operator(registry, "delete-user", args.email)
    print(f"{args.email} deleted")


def purge(registry: Any, _args: argparse.Namespace) -> None:
    """Remove every row whose token has expired, from the blacklist and the list of sessions."""
    _purge(registry, IssuedToken)
    total = _purge(registry, BlacklistedToken)
    print(f"{total} expired token(s) removed from the blacklist")


def _purge(registry: Any, table: type[BlacklistedToken | IssuedToken]) -> int:
    """A thousand rows at a time, so that nobody waits long."""
    leeway = settings.of(registry, "jwt").leeway
    removed = batch = 1000
    total = 0
    while removed == batch:
        with session(registry) as dbsession:
            removed = sessions.purge_expired(dbsession, table, batch, leeway)
        total += removed
    return total


def _email(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", metavar="EMAIL")


def _new_user(parser: argparse.ArgumentParser) -> None:
    _email(parser)
    parser.add_argument("--admin", action="store_true", help="make it an administrator")


def includeme(config: Any) -> None:
    """Add the commands."""
    config.add_command("add-user", add_user, _new_user, help="add an account")
    for name, done, values in (
        ("promote", "is an administrator", {"admin": True}),
        ("demote", "is no administrator", {"admin": False}),
        ("disable", "is disabled", {"disabled": True}),
        ("enable", "is enabled", {"disabled": False}),
    ):
        config.add_command(name, changer(name, done, **values), _email, help=f"an account {done}")
    config.add_command(
        "delete-user", delete_user, _email, help="delete an account that owns nothing"
    )
    config.add_command("purge-blacklist", purge, help="remove expired tokens from the blacklist")
