"""What a server must answer before it is timed: the whole job, the same as everybody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import data
from http_json import PREFIX, ask, log_in

CLOCK = "%m/%d/%y %I:%M:%S %p UTC"
REMAINING = re.compile(r"(\d+) day\(s\) (\d+) hours (\d+) minutes (\d+) seconds")
# How long a check may take, in seconds.
PATIENCE = 30


def expected(number: int) -> dict:
    """A widget as it must be shown, less ``time_remaining``."""
    row, owner = data.widget(number), data.user(data.owner(number))
    return shown(row["name"], row["info_url"], row["created_at"], row["deadline"], owner)


def shown(name: str, info_url: str, created_at: datetime, deadline: datetime, owner: dict) -> dict:
    """What clients must see of a row."""
    return {
        "name": name,
        "info_url": info_url,
        "created_at": created_at.strftime(CLOCK),
        "created_at_iso8601": created_at.isoformat(),
        "created_at_rfc822": format_datetime(created_at),
        "deadline": deadline.strftime(CLOCK),
        "deadline_iso8601": deadline.isoformat(),
        "deadline_passed": False,
        "owner": {"email": owner["email"], "public_id": owner["public_id"]},
        "link": f"{PREFIX}/widgets/{name}",
    }


def same(got: dict, wanted: dict) -> None:
    """Is it the widget that it must be?"""
    remaining = got.pop("time_remaining")
    assert got == wanted, f"{got} is not {wanted}"
    days, hours, minutes, seconds = map(int, REMAINING.fullmatch(remaining).groups())
    span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    late = datetime.fromisoformat(wanted["deadline_iso8601"]) - datetime.now(UTC) - span
    assert abs(late) < timedelta(seconds=PATIENCE), remaining


def check(port: int, rows: int) -> None:
    """The whole job, on data that nobody has changed.

    :raises AssertionError: the server does not do it
    """
    admin, user = log_in(port, 0), log_in(port, 1)
    check_tokens(port, user)
    check_reading(port, user, rows)
    check_writing(port, admin, user, rows)


def resigned(token: str, **changes: object) -> str:
    """The token with other claims, signed as it must be."""
    head, claims, _ = token.split(".")
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    text = json.dumps(decoded | changes).encode()
    signed = f"{head}.{base64.urlsafe_b64encode(text).decode().rstrip('=')}"
    signature = hmac.digest(data.KEY.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def check_tokens(port: int, token: str) -> None:
    """Only a token counts that was issued, is whole, has not expired and was not revoked."""
    path = f"/widgets/{data.name(0)}"
    wrong = {"email": data.user(1)["email"], "password": "wrong"}
    assert ask(port, "POST", "/auth/login", body=wrong)[0] == 401, "a wrong password"
    assert ask(port, "GET", path)[0] == 401, "no token"
    assert ask(port, "GET", path, "nonsense")[0] == 401, "no token at all"
    forged = resigned(token)[:-6] + "AAAAAA"
    assert ask(port, "GET", path, forged)[0] == 401, "a forged token"
    expired = resigned(token, iat=int(time.time()) - 200, exp=int(time.time()) - 100)
    assert ask(port, "GET", path, expired)[0] == 401, "an expired token"
    ours = log_in(port, 1)
    # Whoever remembers tokens remembers this one now.
    assert ask(port, "GET", path, ours)[0] == 200, "a good token"
    assert ask(port, "POST", "/auth/logout", ours, {})[0] == 200, "logging out"
    assert ask(port, "GET", path, ours)[0] == 401, "a revoked token"
    assert ask(port, "GET", "/widgets", ours)[0] == 401, "a revoked token for a list"
    assert ask(port, "GET", path, token)[0] == 200, "another token of that user"


def check_reading(port: int, token: str, rows: int) -> None:
    """One widget; pages by number and by links."""
    for number in (0, rows // 2, rows - 1):
        status, widget = ask(port, "GET", f"/widgets/{data.name(number)}", token)
        assert status == 200, status
        same(widget, expected(number))
    assert ask(port, "GET", "/widgets/nothing", token)[0] == 404, "no such widget"
    pages = rows // 10
    for page in (1, 2, pages // 2, pages):
        check_page(port, token, f"/widgets?page={page}&per_page=10", page, 10, rows)
    check_page(port, token, "/widgets?page=1&per_page=100", 1, 100, rows)
    link, page = f"/widgets?page={pages}&per_page=10", pages
    for _ in range(3):
        link, page = check_page(port, token, link, page, 10, rows)["prev"], page - 1
    check_page(port, token, link, page, 10, rows)


def check_page(port: int, token: str, path: str, page: int, size: int, rows: int) -> dict:
    """A page, whose links are answered."""
    status, body = ask(port, "GET", path, token)
    assert status == 200, (path, status, body)
    links, items = body.pop("links"), body.pop("items")
    pages = rows // size
    assert body == {
        "has_prev": page > 1,
        "has_next": page < pages,
        "page": page,
        "total_pages": pages,
        "items_per_page": size,
        "total_items": rows,
    }, body
    numbers = {"self": page, "first": 1, "prev": page - 1, "next": page + 1, "last": pages}
    for relation, number in numbers.items():
        link = links.get(relation)
        if 1 <= number <= pages:
            start = f"{PREFIX}/widgets?page={number}&per_page={size}"
            assert link is not None, relation
            assert link == start or link.startswith(f"{start}&"), link
        else:
            assert link is None, relation
    assert len(items) == size
    for number, item in enumerate(items, (page - 1) * size):
        same(item, expected(number))
    return links


def check_writing(port: int, admin: str, user: str, rows: int) -> None:
    """Administrators add and change widgets, others do not; fields are checked."""
    name = "added-by-the-check"
    body = {"name": name, "info_url": "https://example.com/added", "deadline": "12/31/2098"}
    assert ask(port, "POST", "/widgets", body=body)[0] == 401, "no token"
    assert ask(port, "POST", "/widgets", user, body)[0] == 403, "not an administrator"
    claimed = resigned(user, admin=True)
    assert ask(port, "POST", "/widgets", claimed, body)[0] == 403, "the database counts"
    for wrong in ({"name": "No!"}, {"info_url": "ftp:/x"}, {"deadline": "1/1/2001"}):
        status, answer = ask(port, "POST", "/widgets", admin, body | wrong)
        assert status in (400, 422), (wrong, status, answer)
    status, answer = ask(port, "POST", "/widgets", admin, body)
    assert status == 201, (status, answer)
    assert answer["status"] == "success", answer
    created = datetime.fromisoformat(answer["widget"]["created_at_iso8601"])
    assert abs(datetime.now(UTC) - created) < timedelta(seconds=PATIENCE), created
    deadline = datetime(2098, 12, 31, 23, 59, 59, tzinfo=UTC)
    wanted = shown(name, body["info_url"], created, deadline, data.user(0))
    same(answer["widget"], wanted)
    same(ask(port, "GET", f"/widgets/{name}", user)[1], wanted)
    assert ask(port, "GET", "/widgets", user)[1]["total_items"] == rows + 1, "the total"
    status, answer = ask(port, "POST", "/widgets", admin, body)
    assert status == 409, (status, answer)
    changes = {"info_url": "https://example.com/changed", "deadline": "12/31/2097"}
    assert ask(port, "PUT", f"/widgets/{name}", user, changes)[0] == 403, "not an administrator"
    status, answer = ask(port, "PUT", f"/widgets/{name}", admin, changes)
    assert status == 200, (status, answer)
    deadline = deadline.replace(year=2097)
    wanted = shown(name, changes["info_url"], created, deadline, data.user(0))
    same(answer["widget"], wanted)
    same(ask(port, "GET", f"/widgets/{name}", user)[1], wanted)
