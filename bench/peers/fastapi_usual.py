"""FastAPI with SQLAlchemy's ORM as its users write it: the shape of its full-stack template.

Synchronous endpoints, dependencies for session and user, Pydantic models in and out.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Response, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    HttpUrl,
    computed_field,
    field_validator,
)
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

import data
from formats import aware, clock, countdown, now, rfc822
from rules import LIFETIME, PREFIX, key, page_links, parse_deadline
from tables import BlacklistedToken, User, Widget, get_session

app = FastAPI()
passwords = PasswordHash([Argon2Hasher(**data.ARGON2)])
# Takes as long for an address that nobody has.
DUMMY_HASH = passwords.hash("nobody's")

SessionDep = Annotated[Session, Depends(get_session)]
Credentials = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
Deadline = Annotated[datetime, BeforeValidator(parse_deadline)]


class Login(BaseModel):
    email: EmailStr
    password: str = Field(min_length=1, max_length=1024)


class Token(BaseModel):
    status: str = "success"
    message: str = "successfully logged in"
    access_token: str
    token_type: str = "bearer"
    expires_in: int = LIFETIME


class Message(BaseModel):
    status: str = "success"
    message: str


class WidgetUpdate(BaseModel):
    info_url: HttpUrl
    deadline: Deadline


class WidgetCreate(WidgetUpdate):
    name: str = Field(pattern=r"^[a-z0-9_-]+\z", max_length=100)


class Owner(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    email: str
    public_id: str


class WidgetPublic(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    info_url: str
    created: datetime = Field(validation_alias="created_at", exclude=True)
    due: datetime = Field(validation_alias="deadline", exclude=True)
    owner: Owner

    @field_validator("created", "due")
    @classmethod
    def in_utc(cls, value: datetime) -> datetime:
        return aware(value)

    @computed_field
    def created_at(self) -> str:
        return clock(self.created)

    @computed_field
    def created_at_iso8601(self) -> str:
        return self.created.isoformat()

    @computed_field
    def created_at_rfc822(self) -> str:
        return rfc822(self.created)

    @computed_field
    def deadline(self) -> str:
        return clock(self.due)

    @computed_field
    def deadline_iso8601(self) -> str:
        return self.due.isoformat()

    @computed_field
    def deadline_passed(self) -> bool:
        return self.due < now()

    @computed_field
    def time_remaining(self) -> str:
        return countdown(self.due)

    @computed_field
    def link(self) -> str:
        return f"{PREFIX}/widgets/{self.name}"


class WidgetWritten(Message):
    widget: WidgetPublic


class WidgetPage(BaseModel):
    links: dict[str, str]
    has_prev: bool
    has_next: bool
    page: int
    total_pages: int
    items_per_page: int
    total_items: int
    items: list[WidgetPublic]


def unauthorized(message: str) -> HTTPException:
    return HTTPException(status.HTTP_401_UNAUTHORIZED, message, {"WWW-Authenticate": "Bearer"})


def get_claims(session: SessionDep, credentials: Credentials) -> dict[str, Any]:
    try:
        claims = jwt.decode(
            credentials.credentials,
            key(),
            algorithms=["HS256"],
            options={"require": ["exp", "iat", "sub", "jti"]},
        )
    except jwt.InvalidTokenError:
        raise unauthorized("Invalid token. Please log in again.") from None
    if session.get(BlacklistedToken, claims["jti"]):
        raise unauthorized("Token blacklisted. Please log in again.")
    return claims


Claims = Annotated[dict[str, Any], Depends(get_claims)]


def get_current_user(session: SessionDep, claims: Claims) -> User:
    user = session.scalar(select(User).where(User.public_id == claims["sub"]))
    if user is None or user.disabled:
        raise unauthorized("Invalid token. Please log in again.")
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


def get_admin(user: CurrentUser) -> User:
    if not user.admin:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You are not an administrator")
    return user


Admin = Annotated[User, Depends(get_admin)]


@app.post(f"{PREFIX}/auth/login")
def login(session: SessionDep, body: Login) -> Token:
    user = session.scalar(select(User).where(User.email_key == body.email.lower()))
    matches = passwords.verify(body.password, user.password_hash if user else DUMMY_HASH)
    if user is None or not matches:
        raise unauthorized("email or password does not match")
    issued = datetime.now(UTC)
    claims = {
        "iat": issued,
        "exp": issued + timedelta(seconds=LIFETIME),
        "sub": user.public_id,
        "admin": user.admin,
        "jti": str(uuid.uuid4()),
    }
    return Token(access_token=jwt.encode(claims, key(), algorithm="HS256"))


@app.post(f"{PREFIX}/auth/logout")
def logout(session: SessionDep, claims: Claims, _user: CurrentUser) -> Message:
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    session.add(BlacklistedToken(jti=claims["jti"], expires_at=expires_at, blacklisted_on=now()))
    session.commit()
    return Message(message="successfully logged out")


@app.get(f"{PREFIX}/widgets", response_model=WidgetPage)
def list_widgets(
    session: SessionDep,
    _user: CurrentUser,
    page: Annotated[int, Query(ge=1)] = 1,
    per_page: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Any:
    total = session.scalar(select(func.count()).select_from(Widget)) or 0
    statement = (
        select(Widget)
        .options(joinedload(Widget.owner))
        .order_by(Widget.id)
        .offset((page - 1) * per_page)
        .limit(per_page)
    )
    items = session.scalars(statement).all()
    pages = -(-total // per_page)
    links = page_links(page, per_page, pages)
    return {
        "links": links,
        "has_prev": "prev" in links,
        "has_next": "next" in links,
        "page": page,
        "total_pages": pages,
        "items_per_page": per_page,
        "total_items": total,
        "items": items,
    }


def find(session: Session, name: str) -> Widget | None:
    statement = select(Widget).options(joinedload(Widget.owner)).where(Widget.name == name.lower())
    return session.scalar(statement)


@app.get(f"{PREFIX}/widgets/{{name}}", response_model=WidgetPublic)
def get_widget(session: SessionDep, _user: CurrentUser, name: str) -> Any:
    widget = find(session, name)
    if widget is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"{name} not found in database.")
    return widget


@app.post(f"{PREFIX}/widgets", response_model=WidgetWritten, status_code=status.HTTP_201_CREATED)
def post_widget(session: SessionDep, user: Admin, body: WidgetCreate, response: Response) -> Any:
    widget = Widget(
        name=body.name,
        info_url=str(body.info_url),
        deadline=body.deadline,
        created_at=now(),
        owner=user,
    )
    session.add(widget)
    try:
        session.commit()
    except IntegrityError:
        message = f"Widget name: {body.name} already exists, must be unique."
        raise HTTPException(status.HTTP_409_CONFLICT, message) from None
    session.refresh(widget)
    response.headers["Location"] = f"{PREFIX}/widgets/{body.name}"
    return {"message": f"New widget added: {body.name}.", "widget": widget}


@app.put(f"{PREFIX}/widgets/{{name}}", response_model=WidgetWritten)
def put_widget(session: SessionDep, _user: Admin, name: str, body: WidgetUpdate) -> Any:
    widget = find(session, name)
    if widget is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"{name} not found in database.")
    widget.info_url = str(body.info_url)
    widget.deadline = body.deadline
    widget.version += 1
    session.commit()
    session.refresh(widget)
    return {"message": f"'{name}' was successfully updated", "widget": widget}
