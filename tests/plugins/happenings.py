"""A plugin that writes a row and publishes that, and two that react: POST /happenings/{how}."""

from dataclasses import dataclass

from pyramid.authorization import Allow, Everyone
from sqlalchemy import insert

from widget_service import cli, events
from widget_service.auth.models import BlacklistedToken
from widget_service.db import utc_now
from widget_service.errors import Conflict
from widget_service.resources import Context
from widget_service.rest import Service


@dataclass(frozen=True)
class Happened(events.DomainEvent):
    jti: str


@dataclass(frozen=True)
class Announced(events.DomainEvent):
    """Nobody writes anything in its transaction."""

    jti: str


class Open(Context):
    __acl__ = ((Allow, Everyone, "happenings"),)


happenings = Service("happenings", "/happenings/{how}", factory=Open)


def write(session, jti):
    values = {"jti": jti, "expires_at": utc_now(), "blacklisted_on": utc_now()}
    session.execute(insert(BlacklistedToken), values)


def happen(session, jti):
    write(session, jti)
    events.publish(Happened(session, jti))


def kept_savepoint(session):
    with session.begin_nested():
        happen(session, "inner")
    happen(session, "outer")


def undone_savepoint(session):
    happen(session, "before")
    with session.begin_nested() as savepoint:
        happen(session, "undone")
        with session.begin_nested():
            happen(session, "within")
        savepoint.rollback()
    happen(session, "after")


HOW = {
    "plain": lambda session: happen(session, "plain"),
    "twice": lambda session: [happen(session, "first"), happen(session, "second")],
    "vetoed": lambda session: happen(session, "vetoed"),
    "failing": lambda session: happen(session, "failing"),
    "refused": lambda session: happen(session, "refused"),
    "reused": lambda session: happen(session, "reused"),
    "announced": lambda session: events.publish(Announced(session, "announced")),
    "kept-savepoint": kept_savepoint,
    "undone-savepoint": undone_savepoint,
}


@happenings.post(permission="happenings")
def post_happening(request):
    how = request.matchdict["how"]
    HOW[how](request.dbsession)
    if how == "refused":
        # Returned, not raised: the status alone must undo what was written.
        request.response.status = 409
    return {}


def react(event):
    """In the transaction: a row of its own, or a veto."""
    if event.jti == "vetoed":
        raise Conflict("not today")
    write(event.session, f"reaction to {event.jti}")


def hear(event):
    """After the commit; what it writes is a transaction of its own."""
    event.registry.heard.append(event.jti)
    if event.jti == "failing":
        raise ZeroDivisionError(event.jti)
    session = event.session
    if event.jti != "reused":
        with cli.session(event.registry) as session:
            write(session, f"heard of {event.jti}")
    else:
        write(session, "nobody would commit this")


def hear_too(event):
    """Another one, which is not to suffer from what the first one did."""
    if event.jti == "reused":
        with cli.session(event.registry) as session:
            write(session, f"heard of {event.jti}")


def run(registry, args):
    with cli.session(registry) as session:
        HOW[args.how](session)


def includeme(config):
    config.include("widget_service")
    config.include("widget_service.auth")
    config.registry.heard = []
    config.declare_permissions({"happenings": "let something happen"})
    config.add_rest_service(happenings)
    config.add_subscriber(react, Happened)
    config.add_commit_subscriber("plugins.happenings.hear", Happened)
    config.add_commit_subscriber(hear_too, Happened)
    config.add_commit_subscriber(hear, Announced)
    config.add_command("happen", run, help="let something happen")
