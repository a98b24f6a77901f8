"""Any value in any kind of body: a contracted answer, and a row only where it says so."""

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from widget_service.widgets.schemas import NAME

WIDGETS = "/api/v1/widgets"
FIELDS = {"name": "first", "info_url": "https://example.com/", "deadline": "12/31/2099"}

characters = st.characters(codec="utf-8")
# Values near the border between what is taken and what is refused; and any.
names = st.one_of(
    st.from_regex(r"[a-z0-9_-]{1,101}", fullmatch=True),
    st.text("azAZ09-_. \n\0é", max_size=8),
    st.text(characters),
)
urls = st.one_of(
    st.builds(
        "{}://{}{}".format,
        st.sampled_from(["http", "https", "HTTP", "ftp", ""]),
        st.sampled_from(
            ["example.com", "exämple.com:80", "127.1", "localhost", "a@b.com", "[::1]"]
        ),
        st.text(characters, max_size=20).map(lambda tail: f"/{tail}"),
    ),
    st.text(characters),
)
deadlines = st.one_of(
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.strftime("%d %b %Y %H:%M")),
    st.text("0123456789:/.-+ TZhmsaepFbruy\0\u0665", max_size=70),
    st.text(characters),
)
bodies = st.fixed_dictionaries(
    {"name": names, "info_url": urls, "deadline": deadlines}
) | st.one_of(
    st.fixed_dictionaries({**{key: st.just(value) for key, value in FIELDS.items()}, **changed})
    for changed in ({"name": names}, {"info_url": urls}, {"deadline": deadlines})
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)

examples = settings(
    max_examples=25,
    # Each example leaves the table as it was.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def send(client, kind, method, path, fields):
    if kind == "json":
        return getattr(client, f"{method}_json")(path, fields, expect_errors=True)
    if kind == "form":
        return getattr(client, method)(path, fields, expect_errors=True)
    boundary = "a-line-that-no-value-has"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    body = "".join([*parts, f"--{boundary}--\r\n"]).encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return getattr(client, method)(path, body, headers=headers, expect_errors=True)


def check(admin, answer, fields):
    """The answer is one of those that the contract has, and the table agrees."""
    if answer.status_int in (200, 201):
        assert list(answer.json) == ["status", "message", "widget"]
        widget = answer.json["widget"]
        assert widget["info_url"] == fields["info_url"]
        assert widget["name"] == fields.get("name", "first")
        assert NAME.fullmatch(widget["name"])
        got = admin.get(f"{WIDGETS}/{widget['name']}").json
        assert {**got, "time_remaining": ""} == {**widget, "time_remaining": ""}
        admin.delete(f"{WIDGETS}/{widget['name']}")
    else:
        assert answer.status_int == 400
        assert answer.json["message"] == "Input payload validation failed"
        assert answer.json["errors"]
        assert set(answer.json["errors"]) <= set(fields)
    assert admin.get(WIDGETS).json["total_items"] == 0


@pytest.mark.parametrize("kind", ["form", "multipart", "json"])
class TestBodies:
    @examples
    @given(fields=bodies)
    def test_it_adds_or_refuses(self, admin, kind, fields):
        check(admin, send(admin, kind, "post", WIDGETS, fields), fields)

    @examples
    @given(fields=bodies)
    def test_it_puts_or_refuses(self, admin, kind, fields):
        del fields["name"]
        check(admin, send(admin, kind, "put", f"{WIDGETS}/First", fields), fields)


@examples
@given(fields=st.fixed_dictionaries(dict.fromkeys(FIELDS, anything)))
def test_it_refuses_any_other_json(admin, fields):
    check(admin, send(admin, "json", "post", WIDGETS, fields), fields)


@examples
@given(name=names.filter(lambda name: name and "/" not in name))
def test_it_answers_for_any_name_of_a_path(admin, name):
    path = f"{WIDGETS}/{quote(name, safe='')}"
    missing = {"message": f"{name} not found in database."}
    assert admin.get(path, status=404).json == missing
    put = admin.put(path, FIELDS, expect_errors=True)
    if put.status_int == 201:
        assert put.json["widget"]["name"] == name.lower()
        assert admin.get(path).json["name"] == name.lower()
        admin.delete(path, status=204)
    else:
        assert put.status_int == 400
        assert put.json["status"] == "fail"
        assert put.json["message"].startswith(f"'{name}' ")
    assert admin.delete(path, status=404).json == missing
