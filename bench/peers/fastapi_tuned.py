"""FastAPI with every trick that the service which is measured uses.

One statement for user, revocation and widget, on a connection that is kept; the driver's cursor
instead of SQLAlchemy; signatures that were verified are remembered; orjson and plain Responses;
the total kept by triggers, pages by key. Reads run on the event loop: SQLite answers in
microseconds, so to hand them to a thread would only cost. Hashes and writes have threads.
"""

from __future__ import annotations

import importlib
import re
import sqlite3
import threading
import time
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

import jwt
import orjson
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import BaseModel, BeforeValidator, EmailStr, Field, HttpUrl

import data
from fast_formats import clock, countdown, rfc822
from rules import LIFETIME, PAGE_SIZES, PRAGMAS, PREFIX, database, key, parse_deadline

URL = database()
IS_SQLITE = URL.startswith("sqlite")
SHOWN = """w.id, w.name, w.info_url, w.created_at, w.deadline, o.email, o.public_id"""
IDENTITY = """u.id, u.admin, EXISTS (SELECT 1 FROM token_blacklist WHERE jti = :jti)"""

driver = importlib.import_module("sqlite3" if IS_SQLITE else "psycopg")


def prepared(text: str) -> str:
    """The statement as the driver takes it."""
    return text if IS_SQLITE else re.sub(r":(\w+)", r"%(\1)s", text)


FIND_USER = prepared(
    f"SELECT {IDENTITY} FROM site_user u WHERE u.public_id = :sub AND NOT u.disabled"
)
FIND_BOTH = prepared(
    f"SELECT {IDENTITY}, {SHOWN} FROM site_user u"
    " LEFT JOIN widget w ON w.name = :name LEFT JOIN site_user o ON o.id = w.owner_id"
    " WHERE u.public_id = :sub AND NOT u.disabled"
)
FIND_WIDGET = prepared(
    f"SELECT {SHOWN} FROM widget w JOIN site_user o ON o.id = w.owner_id WHERE w.name = :name"
)
FIND_LOGIN = prepared(
    "SELECT public_id, admin, password_hash FROM site_user WHERE email_key = :key"
)
BLACKLIST = prepared("INSERT INTO token_blacklist VALUES (:jti, :expires_at, :now)")
ADD = prepared(
    "INSERT INTO widget (name, info_url, created_at, deadline, version, owner_id)"
    " VALUES (:name, :info_url, :created_at, :deadline, 1, :owner_id)"
)
UPDATE = prepared(
    "UPDATE widget SET info_url = :info_url, deadline = :deadline, version = version + 1"
    " WHERE name = :name"
)
TOTAL = "SELECT n FROM widget_total"


def page_statement(keys: str) -> str:
    """The rows with those keys; in the order of the keys."""
    return prepared(
        f"SELECT {SHOWN} FROM (SELECT id FROM widget {keys}) k"
        " JOIN widget w ON w.id = k.id JOIN site_user o ON o.id = w.owner_id ORDER BY w.id"
    )


BY_NUMBER = page_statement("ORDER BY id LIMIT :size OFFSET :skip")
AFTER = page_statement("WHERE id > :key ORDER BY id LIMIT :size")
BEFORE = page_statement("WHERE id < :key ORDER BY id DESC LIMIT :size")
LAST = page_statement("ORDER BY id DESC LIMIT :size")


def connect() -> Any:
    """A connection that commits by itself."""
    if not IS_SQLITE:
        return driver.connect(URL.replace("+psycopg", ""), autocommit=True)
    connection = sqlite3.connect(
        URL.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    )
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


reading, writing = connect(), connect()
one_writer = threading.Lock()
passwords = PasswordHash([Argon2Hasher(**data.ARGON2)])
DUMMY_HASH = passwords.hash("nobody's")
app = FastAPI()


def rows(statement: str, **values: Any) -> list[tuple]:
    """What the database has now."""
    return reading.execute(statement, values).fetchall()


def write(statement: str, **values: Any) -> None:
    """One transaction; for a thread."""
    with one_writer:
        writing.execute(statement, values)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response as cheap as they come."""
    return Response(orjson.dumps(body), status, headers, "application/json")


class Refused(Exception):
    """There is an answer already."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message


@app.exception_handler(Refused)
async def refuse(_request: Request, refused: Refused) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else None
    return answer({"message": refused.message}, refused.status, headers)


@lru_cache(2000)
def signed(token: str) -> dict[str, Any]:
    """What is signed in a token; the signature of a text does not change."""
    unchecked = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    return jwt.decode(token, key(), algorithms=["HS256"], options=unchecked)


def claims_of(request: Request) -> dict[str, Any]:
    """The claims of the request's token.

    :raises Refused: 401
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(401, "Unauthorized")
    try:
        claims = signed(token)
    except jwt.InvalidTokenError:
        raise Refused(401, "Invalid token. Please log in again.") from None
    if claims["exp"] <= time.time():
        raise Refused(401, "Access token expired. Please log in again.")
    return claims


def checked(found: list[tuple]) -> tuple:
    """The row that begins with IDENTITY.

    :raises Refused: 401
    """
    if not found:
        raise Refused(401, "Invalid token. Please log in again.")
    if found[0][2]:
        raise Refused(401, "Token blacklisted. Please log in again.")
    return found[0]


def identity(request: Request, *, admin: bool = False) -> tuple:
    """The user of the request.

    :raises Refused: 401 or 403
    """
    claims = claims_of(request)
    row = checked(rows(FIND_USER, sub=claims["sub"], jti=claims["jti"]))
    if admin and not row[1]:
        raise Refused(403, "You are not an administrator")
    return row


def moment(value: Any) -> datetime:
    """SQLite has text without a zone."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if IS_SQLITE else value.astimezone(UTC)


def stored(value: datetime) -> Any:
    """What :func:`moment` reads, as the other users of the table write it."""
    return value.strftime("%Y-%m-%d %H:%M:%S.000000") if IS_SQLITE else value


def now() -> datetime:
    """The time to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def shown(row: tuple, at: datetime) -> dict[str, Any]:
    """What clients see of a row of SHOWN."""
    _id, name, info_url, created_at, deadline, email, public_id = row
    created_at, deadline = moment(created_at), moment(deadline)
    return {
        "name": name,
        "info_url": info_url,
        "created_at": clock(created_at),
        "created_at_iso8601": created_at.isoformat(),
        "created_at_rfc822": rfc822(created_at),
        "deadline": clock(deadline),
        "deadline_iso8601": deadline.isoformat(),
        "deadline_passed": deadline < at,
        "time_remaining": countdown(deadline - at),
        "owner": {"email": email, "public_id": public_id},
        "link": f"{PREFIX}/widgets/{name}",
    }


class Login(BaseModel):
    email: EmailStr
    password: str = Field(min_length=1, max_length=1024)


class WidgetUpdate(BaseModel):
    info_url: HttpUrl
    deadline: Annotated[datetime, BeforeValidator(parse_deadline)]


class WidgetCreate(WidgetUpdate):
    name: str = Field(pattern=r"^[a-z0-9_-]+\z", max_length=100)


@app.post(f"{PREFIX}/auth/login")
async def login(body: Login) -> Response:
    found = rows(FIND_LOGIN, key=body.email.lower())
    password_hash = found[0][2] if found else DUMMY_HASH
    if not await run_in_threadpool(passwords.verify, body.password, password_hash) or not found:
        raise Refused(401, "email or password does not match")
    issued = int(time.time())
    claims = {
        "iat": issued,
        "exp": issued + LIFETIME,
        "sub": found[0][0],
        "admin": bool(found[0][1]),
        "jti": str(uuid.uuid4()),
    }
    token = jwt.encode(claims, key(), algorithm="HS256")
    return answer(
        {
            "status": "success",
            "message": "successfully logged in",
            "access_token": token,
            "token_type": "bearer",
            "expires_in": LIFETIME,
        }
    )


@app.post(f"{PREFIX}/auth/logout")
async def logout(request: Request) -> Response:
    identity(request)
    claims = claims_of(request)
    expires_at = stored(datetime.fromtimestamp(claims["exp"], UTC))
    await run_in_threadpool(
        write, BLACKLIST, jti=claims["jti"], expires_at=expires_at, now=stored(now())
    )
    return answer({"status": "success", "message": "successfully logged out"})


@app.get(f"{PREFIX}/widgets/{{name}}")
async def get_widget(request: Request, name: str) -> Response:
    claims = claims_of(request)
    row = checked(rows(FIND_BOTH, sub=claims["sub"], jti=claims["jti"], name=name.lower()))
    if row[3] is None:
        raise Refused(404, f"{name} not found in database.")
    return answer(shown(row[3:], now()))


def number(request: Request, name: str, default: int) -> int:
    """A number of the query.

    :raises Refused: 400
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not int(text):
        raise Refused(400, f"{name} must be a positive integer")
    return int(text)


def page_of(request: Request, page: int, size: int, total: int) -> list[tuple]:
    """The rows of a page: by a key where the link has one, or else by its number."""
    if "after" in request.query_params:
        return rows(AFTER, key=number(request, "after", 0), size=size)
    if "before" in request.query_params:
        return rows(BEFORE, key=number(request, "before", 0), size=size)
    skip = (page - 1) * size
    if 0 < total - skip <= size:
        return rows(LAST, size=total - skip)
    return rows(BY_NUMBER, size=size, skip=skip)


@app.get(f"{PREFIX}/widgets")
async def list_widgets(request: Request) -> Response:
    identity(request)
    page, size = number(request, "page", 1), number(request, "per_page", 10)
    if size not in PAGE_SIZES:
        raise Refused(400, f"The value '{size}' is not a valid choice for 'per_page'.")
    total = rows(TOTAL)[0][0]
    items = page_of(request, page, size, total)
    pages = -(-total // size)
    base = f"{PREFIX}/widgets?page="
    links = {"self": f"{base}{page}&per_page={size}", "first": f"{base}1&per_page={size}"}
    if page > 1:
        before = f"&before={items[0][0]}" if items else ""
        links["prev"] = f"{base}{min(page - 1, max(1, pages))}&per_page={size}{before}"
    if page < pages and items:
        links["next"] = f"{base}{page + 1}&per_page={size}&after={items[-1][0]}"
    links["last"] = f"{base}{max(1, pages)}&per_page={size}"
    at = now()
    return answer(
        {
            "links": links,
            "has_prev": "prev" in links,
            "has_next": "next" in links,
            "page": page,
            "total_pages": pages,
            "items_per_page": size,
            "total_items": total,
            "items": [shown(row, at) for row in items],
        }
    )


def written(name: str, message: str, status: int) -> Response:
    """The answer to a write."""
    widget = shown(rows(FIND_WIDGET, name=name)[0], now())
    headers = {"Location": widget["link"]} if status == 201 else None
    return answer({"status": "success", "message": message, "widget": widget}, status, headers)


@app.post(f"{PREFIX}/widgets")
async def post_widget(request: Request, body: WidgetCreate) -> Response:
    user = identity(request, admin=True)
    values = {
        "name": body.name,
        "info_url": str(body.info_url),
        "deadline": stored(body.deadline),
        "created_at": stored(now()),
        "owner_id": user[0],
    }
    try:
        await run_in_threadpool(write, ADD, **values)
    except driver.IntegrityError:
        message = f"Widget name: {body.name} already exists, must be unique."
        raise Refused(409, message) from None
    return written(body.name, f"New widget added: {body.name}.", 201)


@app.put(f"{PREFIX}/widgets/{{name}}")
async def put_widget(request: Request, name: str, body: WidgetUpdate) -> Response:
    identity(request, admin=True)
    if not rows(FIND_WIDGET, name=name.lower()):
        raise Refused(404, f"{name} not found in database.")
    values = {"info_url": str(body.info_url), "deadline": stored(body.deadline)}
    await run_in_threadpool(write, UPDATE, name=name.lower(), **values)
    return written(name.lower(), f"'{name}' was successfully updated", 200)
