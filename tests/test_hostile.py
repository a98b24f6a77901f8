"""Any request to any operation of the OpenAPI document, on both databases at once.

There is never a 5xx; an answer has a contracted shape and gives nothing away; it is the same on
SQLite and on PostgreSQL; what is accepted comes back as it was sent, what is refused leaves nothing
behind.
"""

import json
import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlencode

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from webob import Request

from widget_service.database import migrations
from widget_service.db import Base
from widget_service.testing import Client, application, ini_text, new_database

API = "/api/v1"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
# Keys of refusals, and of success without a resource.
SHAPES = ({"message"}, {"status", "message"}, {"errors", "message"})
GIVEN_AWAY = re.compile(
    rb"<html|<!doctype|Traceback|File \"|SELECT |INSERT |UPDATE |DELETE FROM|sqlalchemy|psycopg|"
    rb"sqlite|postgres|site-packages|/home/|/usr/|\.py\b|site_user",
    re.IGNORECASE,
)
# What differs from one moment, or one database, to the other: tokens, ids, times.
VARYING = re.compile(
    rb"eyJ[\w-]+\.[\w-]+\.[\w-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|"
    rb"\d\d:\d\d:\d\d|\d+ (day|hour|minute|second)s?|\"\d+(?=-\d+\")"
)
# What comes with every answer, whatever was asked.
HEADERS = ("Content-Type", "Access-Control-Allow-Origin", "X-Content-Type-Options")

EXAMPLES = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

characters = st.characters(codec="utf-8")
texts = st.one_of(
    st.text(characters, max_size=40),
    st.text("\0\n\r\t /\\%&=+;:'\"<>{}[]`|^~éß\u0130\u212a\u0665\u200b\U0001f600", max_size=12),
    st.from_regex(r"[a-zA-Z0-9_-]{1,101}", fullmatch=True),
    st.from_regex(r"[a-z]{1,70}@[a-z.-]{1,70}\.(com|example)", fullmatch=True),
    st.from_regex(r"https?://[a-z0-9.:@\[\]-]{1,30}(/.{0,9})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{2,5}", fullmatch=True),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["9" * 5000, "1e999", "NaN", "null", "true", "x" * 3000, "..", "%00", "%ff"]),
)
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
header_values = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
    st.sampled_from(["*", '"1-1"', 'W/"1-1"', ",", "*/*;q=x", "utf-8", "gzip", "bytes=0-1", "0"]),
)
HEADER_NAMES = (
    "If-Match", "If-None-Match", "If-Modified-Since", "Accept", "Accept-Language", "Range",
    "Accept-Encoding", "Origin", "Access-Control-Request-Method", "Cookie", "Content-Encoding",
    "X-HTTP-Method-Override", "X-Forwarded-Host", "X-Forwarded-For", "Referer", "Expect", "Upgrade",
)  # fmt: skip
CONTENT_TYPES = (
    "", "text/plain", "application/xml", "application/json; charset=utf-16", "multipart/form-data",
    "multipart/form-data; boundary=", "application/x-www-form-urlencoded; charset=bogus", "a/b/c",
)  # fmt: skip
ROLES = ("user", "admin")
BOUNDARY = "a-line-that-no-value-has"


class Sent(NamedTuple):
    """A request. ``fields`` is what the body means, None where it is none of ours."""

    method: str
    url: str
    who: str
    headers: dict[str, str]
    body: bytes
    fields: dict | None


class Operations(tuple):
    """Method, path, parameters and fields by content type of every operation."""

    __slots__ = ()

    def __repr__(self):
        """Not the whole document."""
        return "operations"


def operations(document):
    """Those of an OpenAPI document."""
    return Operations(
        (
            method.upper(),
            path,
            [*item.get("parameters", []), *found.get("parameters", [])],
            {
                kind: {
                    name: each["example"] for name, each in media["schema"]["properties"].items()
                }
                for kind, media in found.get("requestBody", {}).get("content", {}).items()
            },
        )
        for path, item in document["paths"].items()
        for method, found in item.items()
        if method != "parameters"
    )


@st.composite
def requests(draw, known):
    """A request to one of the operations, more or less as its documentation has it."""
    method, path, parameters, content = draw(st.sampled_from(known))
    method = draw(st.sampled_from([method] * 20 + [*METHODS]))
    for parameter in parameters:
        if parameter["in"] == "path":
            value = draw(st.sampled_from(["first", "First", "second"]) | texts.filter(bool))
            path = path.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
    names = [each["name"] for each in parameters if each["in"] == "query"]
    query = draw(st.lists(st.tuples(st.sampled_from([*names, "x"]) | texts, texts), max_size=3))
    raw = draw(st.sampled_from(["", "", "", "%ff", "%", "a=%zz", "=", "&"]))
    headers = draw(st.dictionaries(st.sampled_from(HEADER_NAMES), header_values, max_size=2))
    who = draw(st.sampled_from(["admin", "admin", "user", "nobody", "junk"]))
    if who == "junk":
        prefix = draw(st.sampled_from(["", "Bearer ", "bearer  ", "Basic "]))
        headers["Authorization"] = prefix + draw(header_values)
    kind, body, fields = draw(bodies(content))
    if kind is not None:
        headers["Content-Type"] = kind
    return Sent(
        method, f"{API}{path}?{urlencode(query) or raw}".rstrip("?"), who, headers, body, fields
    )


@st.composite
def bodies(draw, content):
    """A content type, a body, and the fields in it that may be accepted."""
    if not content or draw(st.integers(0, 9)) == 0:
        kind = draw(st.sampled_from([*CONTENT_TYPES, *content]))
        return kind, draw(st.binary(max_size=60)), None
    kind = draw(st.sampled_from(sorted(content)))
    fields = dict(content[kind])
    # Right but for one field or two: what is wrong in one thing only gets furthest.
    for name in draw(st.sets(st.sampled_from(sorted(fields)), max_size=2)):
        fields[name] = draw(values if kind.endswith("json") else texts)
    if kind.endswith("json"):
        return kind, json.dumps(fields).encode(), fields
    if kind.startswith("multipart"):
        lines = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{each}\r\n'
            for name, each in fields.items()
        ]
        whole = "".join([*lines, f"--{BOUNDARY}--\r\n"]).encode()
        return f"{kind}; boundary={BOUNDARY}", whole, fields
    return kind, urlencode(fields).encode(), fields


class Side:
    """The application on one of the databases."""

    def __init__(self, app):
        self.app = app
        self.registry = app.registry
        ours = migrations.tables(app.registry)
        self.tables = [table for table in Base.metadata.sorted_tables if table.name in ours]
        client = Client(app)
        for who in ROLES:
            client.sign_up(f"{who}@hostile.example", admin=who == "admin")
        fields = {"name": "first", "info_url": "https://first.example", "deadline": "12/31/2099"}
        client.log_in("admin@hostile.example").post(f"{API}/widgets", fields)
        with self.registry.database.write_engine.connect() as connection:
            found = connection.execute(select(Base.metadata.tables["widget"]))
            self.widget = dict(found.mappings().one())
        self.document = client.get(f"{API}/openapi.json").json
        self.operations = operations(self.document)

    def begin(self, who):
        """As it was at first, but for a widget, and a token of whoever is to ask."""
        user = Base.metadata.tables["site_user"]
        strangers = select(user.c.id).where(user.c.email.not_like("%@hostile.example"))
        with self.registry.database.write_engine.begin() as connection:
            for table in reversed(self.tables):
                if table is not user:
                    connection.execute(table.delete())
            connection.execute(user.delete().where(user.c.id.in_(strangers)))
            connection.execute(Base.metadata.tables["widget"].insert(), self.widget)
        client = Client(self.app)
        self.client = client.log_in(f"{who}@hostile.example") if who in ROLES else client

    def rows(self):
        """Everything that is stored."""
        with self.registry.database.write_engine.connect() as connection:
            return {
                table.name: sorted(map(repr, connection.execute(select(table))))
                for table in self.tables
            }

    def send(self, sent):
        """The answer."""
        request = Request.blank(sent.url, method=sent.method, body=sent.body)
        # Not what webob makes of a body by itself.
        request.environ.pop("CONTENT_TYPE", None)
        for name, value in sent.headers.items():
            request.headers[name] = value
        if sent.who in ROLES:
            request.headers["Authorization"] = f"Bearer {self.client.account.token}"
        return request.get_response(self.app)

    def documented(self, sent, answer):
        """The schema of the answer; {} where it is none that the document has."""
        path = sent.url.removeprefix(API).partition("?")[0]
        for template, item in self.document["paths"].items():
            if re.fullmatch(re.sub(r"{[^}]*}", "[^/]+", template), path):
                found = item.get(sent.method.lower(), {}).get("responses", {})
                content = found.get(str(answer.status_int), {}).get("content", {})
                return content.get("application/json", {}).get("schema", {})
        return {}


@pytest.fixture(scope="module")
def sides(request, tmp_path_factory):
    """The same application on both databases."""
    made = []
    with new_database("postgresql", request, None) as postgresql:
        for kind in ("sqlite", "postgresql"):
            directory = tmp_path_factory.mktemp(kind)
            url = f"sqlite:///{directory / 'test.sqlite'}" if kind == "sqlite" else postgresql
            made.append(Side(application(ini_text(url), directory)))
        yield made
        for side in made:
            side.registry.database.close()


def check(sides, sent):
    """Send a request to both, and hold the answers to the contract."""
    answers = []
    for side in sides:
        side.begin(sent.who)
        before = side.rows()
        answer = side.send(sent)
        check_shape(side, sent, answer)
        if answer.status_int >= 400:
            assert side.rows() == before
        elif answer.status_int in (200, 201) and answer.body and sent.fields:
            check_kept(side, sent, answer)
        answers.append(
            (
                answer.status_int,
                VARYING.sub(b"?", answer.body),
                {name: answer.headers.get(name) for name in HEADERS},
                VARYING.sub(b"?", answer.headers.get("ETag", "").encode()),
            )
        )
    assert answers[0] == answers[1]


def check_shape(side, sent, answer):
    assert answer.status_int < 500, answer
    if not answer.body:
        assert sent.method in ("HEAD", "OPTIONS") or answer.status_int in (204, 304)
        return
    assert answer.content_type == "application/json"
    # A refusal may quote what the client has sent: a widget called .py is no file of ours.
    own = unquote_to_bytes(sent.url) + sent.body + unquote_to_bytes(sent.body)
    given_away = [each[0] for each in GIVEN_AWAY.finditer(answer.body) if each[0] not in own]
    assert not given_away, answer.body
    if answer.status_int >= 400:
        assert set(answer.json) in SHAPES
    schema = side.documented(sent, answer)
    jsonschema.validate(answer.json, {**schema, "components": side.document["components"]})


def check_kept(side, sent, answer):
    """What was accepted is what was sent."""
    if "widget" in answer.json:
        name = answer.json["widget"]["name"]
        found = side.client.get(f"{API}/widgets/{name}").json
        for each in (found, answer.json["widget"]):
            assert each["info_url"] == sent.fields["info_url"]
            assert each["name"] == sent.fields.get("name", name)
    elif "access_token" in answer.json:
        token = answer.json["access_token"]
        user = Client(side.app).with_token(token).get(f"{API}/auth/user").json
        assert user["email"] == sent.fields["email"]
        again = Client(side.app).post_json(f"{API}/auth/login", sent.fields, expect_errors=True)
        assert again.status_int == 200


@EXAMPLES
@given(data=st.data())
def test_it_answers_any_request(sides, data):
    check(sides, data.draw(requests(sides[0].operations)))


@pytest.mark.faults
@settings(EXAMPLES, max_examples=1000)
@given(data=st.data())
def test_it_answers_any_of_many_requests(sides, data):
    check(sides, data.draw(requests(sides[0].operations)))
