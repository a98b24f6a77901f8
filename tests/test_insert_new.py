"""Inserting a row unless another one is in its place, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from widget_service.auth.models import BlacklistedToken, IssuedToken, User
from widget_service.db import insert_new, new_session

NOW = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)


@pytest.fixture
def session(client):
    with new_session(client.registry) as session:
        yield session


def revoked(jti, expires_at=NOW):
    return {"jti": jti, "expires_at": expires_at, "blacklisted_on": NOW}


def issued(jti, user_id):
    moments = {"issued_at": NOW, "expires_at": NOW}
    return {"jti": jti, "user_id": user_id, **moments, "address": "", "user_agent": ""}


def account(public_id, email):
    fields = {"email": email, "email_key": email, "password_hash": "x", "registered_on": NOW}
    return {"public_id": public_id, **fields}


def test_it_inserts_what_is_new_and_goes_on_after_what_is_not(session):
    assert insert_new(session, BlacklistedToken, revoked("a"))
    assert not insert_new(session, BlacklistedToken, revoked("a", NOW + timedelta(days=1)))
    assert insert_new(session, BlacklistedToken, revoked("b"))
    session.commit()
    found = session.execute(select(BlacklistedToken.jti, BlacklistedToken.expires_at)).all()
    assert sorted(found) == [("a", NOW), ("b", NOW)]


def test_whatever_is_unique_can_be_taken(session):
    assert insert_new(session, User, account("1", "one@example.com"))
    assert not insert_new(session, User, account("1", "two@example.com"))
    assert not insert_new(session, User, account("2", "one@example.com"))
    # The columns have their defaults.
    assert session.execute(select(User.public_id, User.admin, User.password_version)).all() == [
        ("1", False, 0)
    ]


def test_it_knows_the_attributes_of_the_model(session):
    with pytest.raises(AttributeError, match="remark"):
        insert_new(session, BlacklistedToken, {**revoked("a"), "remark": "lost"})
    assert session.scalars(select(BlacklistedToken.jti)).all() == []


def test_a_column_may_have_another_name_than_its_attribute():
    class Local(DeclarativeBase):
        pass

    class Named(Local):
        __tablename__ = "named"
        code: Mapped[str] = mapped_column("key", primary_key=True)
        note: Mapped[str] = mapped_column("remark")

    engine = create_engine("sqlite://")
    Local.metadata.create_all(engine)
    with Session(engine) as session:
        assert insert_new(session, Named, {"code": "a", "note": "kept"})
        assert not insert_new(session, Named, {"code": "a", "note": "lost"})
        assert session.scalars(select(Named.note)).all() == ["kept"]
    engine.dispose()


def test_it_raises_what_breaks_another_rule(session):
    with pytest.raises(IntegrityError):
        insert_new(session, IssuedToken, issued("a", 1))
    session.rollback()
    assert session.scalars(select(IssuedToken)).all() == []


def test_the_row_may_need_what_the_session_has_not_sent_yet(session):
    session.add(User(id=1000, **account("1", "one@example.com")))
    assert insert_new(session, IssuedToken, issued("a", 1000))
    session.commit()
    assert session.scalars(select(IssuedToken.user_id)).all() == [1000]
