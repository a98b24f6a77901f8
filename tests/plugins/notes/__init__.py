"""A plugin with tables, open to everybody: what it writes may be refused late."""

from contextlib import suppress
from datetime import datetime

from pyramid.authorization import Allow, Everyone
from pyramid.httpexceptions import HTTPConflict
from pyramid.response import Response
from sqlalchemy import (
    Column,
    ForeignKey,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, relationship

from widget_service.db import Base, UtcDateTime
from widget_service.resources import Context
from widget_service.rest import Service


class Note(Base):
    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(100))
    # Checked when the transaction is committed, not before.
    about: Mapped[int | None] = mapped_column(
        ForeignKey("note.id", deferrable=True, initially="DEFERRED")
    )
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    similar: Mapped[list["Note"]] = relationship(
        secondary=lambda: similar,
        primaryjoin=lambda: Note.id == similar.c.one_id,
        secondaryjoin=lambda: Note.id == similar.c.other_id,
    )


# Of two models, but no model itself.
similar = Table(
    "note_similar",
    Base.metadata,
    Column("one_id", ForeignKey("note.id"), primary_key=True),
    Column("other_id", ForeignKey("note.id"), primary_key=True),
)


class Tag(Base):
    __tablename__ = "note_tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("note.id", ondelete="CASCADE"))


class Open(Context):
    __acl__ = ((Allow, Everyone, "notes"),)


notes = Service("notes", "/notes", factory=Open)
deed = Service("deed", "/notes/{deed}", factory=Open)

COUNT = select(func.count()).select_from(Note)


def core(session):
    session.execute(insert(Note).values(text="core"))


def textual(session):
    session.execute(text("INSERT INTO note (text) VALUES ('textual')"))


def orm(session):
    session.add(Note(text="orm"))


def dangling(session):
    session.add(Note(text="dangling", about=-1))


def nested(session):
    orm(session)
    with session.begin_nested() as savepoint:
        textual(session)
        savepoint.rollback()


def bug(session):
    core(session)
    raise ZeroDivisionError


def conflict(session):
    core(session)
    raise HTTPConflict


def returned(session):
    core(session)
    return HTTPConflict()


def answered(session):
    core(session)
    return Response(status=400, json_body={"message": "No."})


def early(session):
    """Commit, which is not the view's."""
    core(session)
    session.commit()


def undo(session):
    """Roll back, which is not the view's either."""
    session.rollback()
    core(session)


def die(session):
    core(session)
    session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def increase(session):
    # SQLite locks the whole file; PostgreSQL only what it is told to.
    note = session.get(Note, 1, with_for_update=True)
    note.text = str(int(note.text) + 1)


def clear(session):
    session.execute(delete(Note))
    session.execute(insert(Note).values(id=1, text="0"))
    session.execute(update(Note).values(text="0"))


def orphan(session):
    """Refer to what is not there."""
    core(session)
    session.execute(insert(Tag).values(note_id=-1))


def swallowed(session):
    """Hide that a statement has failed."""
    core(session)
    with suppress(IntegrityError):
        session.execute(text("INSERT INTO note (id, text) SELECT id, text FROM note"))


def late(session):
    """Use the session once more when the transaction is over."""
    core(session)


DEEDS = {
    deed.__name__: deed
    for deed in (
        core, textual, orm, dangling, nested, bug, conflict, returned, answered, die, increase,
        clear, late, early, undo, orphan, swallowed,
    )
}  # fmt: skip


@notes.get(permission="notes")
def count(request):
    return {"notes": request.read(COUNT)[0][0]}


@notes.post(permission="notes")
def rows(request):
    """A read in the transaction sees what the transaction wrote."""
    core(request.dbsession)
    inside = request.rows(select(func.count()).where(Note.text == bindparam("t")), {"t": "core"})
    return {"inside": inside[0][0], "outside": request.read(COUNT)[0][0]}


@deed.post(permission="notes")
def do(request):
    name = request.matchdict["deed"]
    if name == "late":
        request.add_response_callback(lambda request, _response: use_again(request))
    return DEEDS[name](request.dbsession) or {}


def use_again(request):
    try:
        request.dbsession.execute(COUNT)
    except Exception as error:  # noqa: BLE001  (the test wants to know)
        request.registry.late = error


@deed.get(permission="notes")
def do_safely(request):
    """A GET has no session; whoever writes while reading is refused by the database."""
    if request.matchdict["deed"] == "session":
        return {"session": str(request.dbsession)}
    return {"rows": len(request.rows(text("DELETE FROM note")))}


def includeme(config):
    config.include("widget_service")
    config.declare_permissions({"notes": "read and write notes"})
    config.add_migrations("plugins.notes:migrations")
    config.add_rest_service(notes)
    config.add_rest_service(deed)
