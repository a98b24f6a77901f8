"""What an administrator of the machine does with accounts."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import colander
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from widget_service import rest, settings
from widget_service.auth import accounts, audit, sessions
from widget_service.auth.models import BlacklistedToken, IssuedToken, User
from widget_service.auth.schemas import Registration
from widget_service.cli import CommandError, session
from widget_service.errors import Conflict


def add_user(registry: Any, args: argparse.Namespace) -> None:
    """Make an account.

    :raises CommandError: the address or the password is refused, or there is such an account
    """
    password_hash = _new_hash(registry, args.email)
    try:
        with session(registry) as dbsession:
            user = accounts.register(dbsession, args.email, password_hash, admin=args.admin)
            name, public_id = _name(user), user.public_id
    except Conflict as error:
        raise CommandError(error.message) from None
    action = "add-user --admin" if args.admin else "add-user"
    audit.by_operator(registry, action, public_id, args.email)
    print(f"{name} added{' as an administrator' if args.admin else ''}")


def set_password(registry: Any, args: argparse.Namespace) -> None:
    """Replace the password of an account, and make all of its tokens worthless.

    :raises CommandError: there is no such account, or the password is refused
    """
    # Before the account is locked: somebody types it, and the hash is made to be slow.
    password_hash = _new_hash(registry, args.email)
    with _account(registry, args.email) as (dbsession, account):
        accounts.change_password(dbsession, account.id, account.password_version, password_hash)
        sessions.log_out_everywhere(dbsession, account.id)
    _report(registry, "set-password", account, "has a new password and is logged out everywhere")


def log_out(registry: Any, args: argparse.Namespace) -> None:
    """Make all tokens of an account worthless.

    :raises CommandError: there is no such account
    """
    with _account(registry, args.email) as (dbsession, account):
        sessions.log_out_everywhere(dbsession, account.id)
    _report(registry, "log-out", account, "is logged out everywhere")


def changer(name: str, done: str, **values: bool) -> Callable[[Any, argparse.Namespace], None]:
    """A command that sets flags of an account; ``done`` says what they make of it."""

    def run(registry: Any, args: argparse.Namespace) -> None:
        with _account(registry, args.email) as (dbsession, account):
            accounts.change(dbsession, account.id, **values)
            if values.get("disabled"):
                # A token that was stolen must not be good again once the account is enabled.
                sessions.log_out_everywhere(dbsession, account.id)
        _report(registry, name, account, done)

    return run


def delete_user(registry: Any, args: argparse.Namespace) -> None:
    """Delete an account.

    :raises CommandError: there is no such account, or something belongs to it
    """
    try:
        with _account(registry, args.email) as (dbsession, account):
            accounts.remove(dbsession, account.id)
    except IntegrityError:
        raise CommandError(
            f"{_name(account)} is not deleted: other things belong to it, such as widgets that it "
            "added. Delete these first, or keep the account out with 'disable'."
        ) from None
    _report(registry, "delete-user", account, "deleted")


@contextmanager
def _account(registry: Any, email: str) -> Iterator[tuple[Session, accounts.Locked]]:
    """A session, and the account with this address, which is locked until it ends.

    :raises CommandError: there is no such account
    """
    with session(registry) as dbsession:
        try:
            account = accounts.find_locked(dbsession, email)
        except ValueError as error:
            raise CommandError(f"{email}: {error}") from None
        if account is None:
            raise CommandError(f"{email} is not registered")
        yield dbsession, account


def _report(registry: Any, action: str, account: accounts.Locked, done: str) -> None:
    audit.by_operator(registry, action, account.public_id, account.email)
    print(f"{_name(account)} {done}")


def _name(account: accounts.Locked | User) -> str:
    """Which account it is: what was typed may be another spelling of its address."""
    return f"{account.email} ({account.public_id})"


def _new_hash(registry: Any, email: str) -> str:
    """The hash of a password that is asked for.

    :raises CommandError: the address or the password is refused
    """
    fields = {"email": email, "password": _password()}
    try:
        rest.bind(registry, Registration()).deserialize({"body": fields})
    except colander.Invalid as error:
        raise CommandError("\n".join(error.asdict().values())) from None
    made: str = registry.passwords.hash(fields["password"])
    return made


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
        ("disable", "is disabled and logged out everywhere", {"disabled": True}),
        ("enable", "is enabled", {"disabled": False}),
    ):
        config.add_command(name, changer(name, done, **values), _email, help=f"an account {done}")
    config.add_command("log-out", log_out, _email, help="make all tokens of an account worthless")
    config.add_command(
        "set-password", set_password, _email, help="replace a password, and log its account out"
    )
    config.add_command(
        "delete-user", delete_user, _email, help="delete an account that owns nothing"
    )
    config.add_command("purge-blacklist", purge, help="remove expired tokens from the blacklist")
