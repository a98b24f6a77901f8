"""Widgets over HTTP: what each operation answers, and in which order it refuses."""

import re
from datetime import UTC, datetime

import pytest
import time_machine
from sqlalchemy import text

from widget_service.testing import statements
from widget_service.widgets import catalogue

WIDGETS = "/api/v1/widgets"
FIELDS = {"info_url": "https://example.com/", "deadline": "12/31/2099"}
NEW = {"name": "first", **FIELDS}
MISSING = "Missing required parameter in the post body"
INVALID = "Input payload validation failed"
NOW = datetime(2026, 11, 24, 9, 5, 7, tzinfo=UTC)
KEYS = [
    "name",
    "info_url",
    "created_at",
    "created_at_iso8601",
    "created_at_rfc822",
    "deadline",
    "deadline_iso8601",
    "deadline_passed",
    "time_remaining",
    "owner",
    "link",
]


@pytest.fixture
def clock():
    """The time, which stands still; tokens of clients that are asked for later are of this time."""
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def put(client, name="first", **options):
    return client.put(f"{WIDGETS}/{name}", FIELDS, **options)


def as_form(client, method, path, fields):
    return getattr(client, method)(path, fields, expect_errors=True)


def as_multipart(client, method, path, fields):
    content_type, body = client.encode_multipart(fields.items(), [])
    headers = {"Content-Type": content_type}
    return getattr(client, method)(path, body, headers=headers, expect_errors=True)


def as_json(client, method, path, fields):
    return getattr(client, f"{method}_json")(path, fields, expect_errors=True)


class TestCreation:
    @pytest.mark.usefixtures("clock")
    @pytest.mark.parametrize("send", [as_form, as_multipart, as_json])
    def test_it_adds_a_widget(self, admin, rows, send):
        answer = send(admin, "post", WIDGETS, NEW | {"owner_id": "7", "id": "7"})
        assert answer.status_int == 201
        assert list(answer.json) == ["status", "message", "widget"]
        assert answer.json["status"] == "success"
        assert answer.json["message"] == "New widget added: first."
        assert answer.json["widget"] == admin.get(f"{WIDGETS}/first").json
        assert answer.headers["Location"] == "http://localhost/api/v1/widgets/first"
        ((number, version),) = rows(text("SELECT id, version FROM widget"))
        assert answer.headers["ETag"] == f'"{number}-1"'
        assert version == 1

    def test_it_names_a_location_below_the_mount_point(self, admin):
        environ = {"SCRIPT_NAME": "/a b", "HTTP_HOST": "example.org:8080"}
        answer = admin.post(WIDGETS, NEW, extra_environ=environ)
        assert answer.headers["Location"] == "http://example.org:8080/a%20b/api/v1/widgets/first"
        assert answer.json["widget"]["link"] == "/a%20b/api/v1/widgets/first"

    def test_it_refuses_a_name_that_is_taken(self, admin):
        admin.post(WIDGETS, NEW)
        answer = admin.post(WIDGETS, NEW | {"info_url": "http://example.org"}, status=409)
        assert answer.json == {
            "status": "fail",
            "message": "Widget name: first already exists, must be unique.",
        }
        assert "Location" not in answer.headers
        assert admin.get(f"{WIDGETS}/first").json["info_url"] == FIELDS["info_url"]

    @pytest.mark.parametrize("send", [as_form, as_multipart, as_json])
    def test_it_names_every_bad_field_at_once(self, admin, rows, send):
        fields = {"name": "First", "info_url": "ftp://a.com", "deadline": "1/1/1970"}
        answer = send(admin, "post", WIDGETS, fields)
        assert answer.status_int == 400
        assert answer.json == {
            "errors": {
                "name": "'First' contains one or more invalid characters. Widget name must "
                "contain only lowercase letters, numbers, hyphen and underscore characters.",
                "info_url": "ftp://a.com is not a valid URL.",
                "deadline": "Successfully parsed 1/1/1970 as Jan 01 1970. "
                "However, this value must be a date in the future",
            },
            "message": INVALID,
        }
        assert rows(text("SELECT id FROM widget")) == []

    @pytest.mark.parametrize("fields", [{}, dict.fromkeys(NEW)])
    def test_it_requires_every_field(self, admin, fields):
        answer = admin.post_json(WIDGETS, fields, status=400)
        assert answer.json == {"errors": dict.fromkeys(NEW, MISSING), "message": INVALID}

    @pytest.mark.parametrize(
        ("value", "quoted"),
        [
            (1, "1"),
            (20991231, "20991231"),
            (1.5, "1.5"),
            (True, "True"),
            ([], "The value"),
            ({}, "The value"),
            (["first"], "The value"),
            ({"a": "first"}, "The value"),
        ],
    )
    def test_it_takes_nothing_but_strings(self, admin, value, quoted):
        answer = admin.post_json(WIDGETS, dict.fromkeys(NEW, value), status=400)
        errors = answer.json["errors"]
        assert errors.keys() == NEW.keys()
        assert errors["name"].startswith(f"'{quoted}' contains one or more invalid characters.")
        assert errors["info_url"] == f"{quoted} is not a valid URL."
        assert errors["deadline"] == f"Failed to parse '{quoted}' as a valid date."

    def test_it_takes_no_files(self, admin):
        files = [(name, "a.txt", b"first") for name in NEW]
        answer = admin.post(WIDGETS, upload_files=files, status=400)
        assert answer.json["errors"].keys() == NEW.keys()

    @pytest.mark.parametrize("depth", [100, 900, 20_000])
    def test_it_refuses_nested_values_of_any_depth(self, admin, depth):
        body = f'{{"name": {"[" * depth}{"]" * depth}}}'
        answer = admin.post(WIDGETS, body, content_type="application/json", status=400)
        assert answer.json["message"] == INVALID

    def test_it_takes_the_first_of_a_field_sent_twice(self, admin):
        admin.post(WIDGETS, [*NEW.items(), ("name", "Second")], status=201)

    def test_it_reads_nothing_from_the_query_string(self, admin):
        answer = admin.post(f"{WIDGETS}?name=first", FIELDS, status=400)
        assert answer.json["errors"] == {"name": MISSING}


class TestOne:
    @pytest.mark.usefixtures("clock")
    def test_it_shows_a_widget(self, admin, user):
        admin.post(WIDGETS, NEW | {"deadline": "11/26/2026"})
        answer = user.get(f"{WIDGETS}/first")
        assert list(answer.json) == KEYS
        assert answer.json == {
            "name": "first",
            "info_url": "https://example.com/",
            "created_at": "11/24/26 09:05:07 AM UTC",
            "created_at_iso8601": "2026-11-24T09:05:07+00:00",
            "created_at_rfc822": "Tue, 24 Nov 2026 09:05:07 +0000",
            "deadline": "11/26/26 11:59:59 PM UTC",
            "deadline_iso8601": "2026-11-26T23:59:59+00:00",
            "deadline_passed": False,
            "time_remaining": "2 day(s) 14 hours 54 minutes 52 seconds",
            "owner": {"email": "admin@example.com", "public_id": admin.account.public_id},
            "link": "/api/v1/widgets/first",
        }
        assert re.fullmatch(r'"[0-9]+-1"', answer.headers["ETag"])

    @pytest.mark.parametrize(
        ("moment", "passed", "remaining"),
        [
            ("2026-11-24T23:59:58.9", False, "1 seconds"),
            ("2026-11-24T23:59:59.9", False, "0 seconds"),
            ("2026-11-25T00:00:00", True, "No time remaining"),
        ],
    )
    def test_it_passes_when_the_day_is_over(self, clock, admin, moment, passed, remaining):
        clock.move_to("2026-11-24T23:59:00+00:00")
        asker = admin.log_in(admin.account.email)
        asker.post(WIDGETS, NEW | {"deadline": "2026-11-24"})
        clock.move_to(f"{moment}+00:00")
        shown = asker.get(f"{WIDGETS}/first").json
        assert (shown["deadline_passed"], shown["time_remaining"]) == (passed, remaining)

    def test_it_answers_head_as_get_without_a_body(self, admin):
        admin.post(WIDGETS, NEW)
        got, headed = admin.get(f"{WIDGETS}/first"), admin.head(f"{WIDGETS}/first")
        assert headed.body == b""
        for header in ("ETag", "Content-Type"):
            assert headed.headers[header] == got.headers[header]


class TestUpdate:
    @pytest.mark.usefixtures("clock")
    @pytest.mark.parametrize("send", [as_form, as_multipart, as_json])
    def test_it_updates_a_widget(self, admin, send):
        before = admin.post(WIDGETS, NEW)
        fields = {"name": "!!", "info_url": "http://example.org", "deadline": "1/2/2098"}
        answer = send(admin, "put", f"{WIDGETS}/First", fields)
        assert answer.status_int == 200
        assert list(answer.json) == ["status", "message", "widget"]
        assert answer.json["status"] == "success"
        assert answer.json["message"] == "'First' was successfully updated"
        assert "Location" not in answer.headers
        now = admin.get(f"{WIDGETS}/first")
        assert answer.json["widget"] == now.json
        assert now.json["info_url"] == "http://example.org"
        assert now.json["deadline"] == "01/02/98 11:59:59 PM UTC"
        assert answer.headers["ETag"] == now.headers["ETag"]
        assert now.headers["ETag"] == before.headers["ETag"].replace('-1"', '-2"')

    def test_it_keeps_the_owner_and_the_time_of_creation(self, clock, admin, client):
        before = admin.post(WIDGETS, NEW).json["widget"]
        clock.shift(60)
        other = client.sign_up("other@example.com", admin=True)
        after = put(other).json["widget"]
        kept = ("owner", "created_at", "created_at_iso8601", "created_at_rfc822", "name")
        assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
        assert before["owner"]["email"] == "admin@example.com"

    def test_it_adds_what_is_not_there_under_the_lowercased_name(self, admin):
        answer = put(admin, "First", status=201)
        assert answer.json["message"] == "New widget added: first."
        assert answer.json["widget"]["name"] == "first"
        assert answer.headers["Location"] == "http://localhost/api/v1/widgets/first"
        assert re.fullmatch(r'"[0-9]+-1"', answer.headers["ETag"])
        assert admin.get(WIDGETS).json["total_items"] == 1

    @pytest.mark.parametrize("exists", [True, False])
    @pytest.mark.parametrize("send", [as_form, as_multipart, as_json])
    def test_it_names_every_bad_field_at_once(self, admin, send, exists):
        if exists:
            admin.post(WIDGETS, NEW)
        fields = {"info_url": "http://127.1", "deadline": "soon", "name": "First"}
        answer = send(admin, "put", f"{WIDGETS}/first", fields)
        assert answer.status_int == 400
        assert answer.json == {
            "errors": {
                "info_url": "http://127.1 is not a valid URL.",
                "deadline": "Failed to parse 'soon' as a valid date.",
            },
            "message": INVALID,
        }
        assert admin.get(WIDGETS).json["total_items"] == exists

    @pytest.mark.parametrize("fields", [{}, dict.fromkeys(FIELDS)])
    def test_it_requires_both_fields(self, admin, fields):
        answer = admin.put_json(f"{WIDGETS}/first", fields, status=400)
        assert answer.json == {"errors": dict.fromkeys(FIELDS, MISSING), "message": INVALID}


class TestDeletion:
    def test_it_deletes_a_widget(self, admin):
        admin.post(WIDGETS, NEW)
        answer = admin.delete(f"{WIDGETS}/FIRST")
        assert answer.status_int == 204
        assert answer.body == b""
        assert "Content-Type" not in answer.headers
        admin.get(f"{WIDGETS}/first", status=404)
        answer = admin.delete(f"{WIDGETS}/First", status=404)
        assert answer.json == {"message": "First not found in database."}

    def test_it_gives_a_new_widget_of_an_old_name_another_tag(self, admin):
        tags = set()
        for _ in range(3):
            tags.add(admin.post(WIDGETS, NEW).headers["ETag"])
            admin.delete(f"{WIDGETS}/first")
        assert len(tags) == 3


class TestPreconditions:
    """RFC 9110, 13.1: whoever says what they saw does not overwrite what they did not see."""

    @pytest.mark.parametrize("method", ["put", "delete"])
    @pytest.mark.parametrize(
        ("header", "value", "passes"),
        [
            ("If-Match", "{tag}", True),
            ("If-Match", '"0-0", {tag}', True),
            ("If-Match", "*", True),
            ("If-Match", '"0-0"', False),
            ("If-Match", "W/{tag}", False),
            ("If-Match", "", False),
            ("If-Match", " ", False),
            ("If-None-Match", '"0-0"', True),
            ("If-None-Match", "{tag}", False),
            ("If-None-Match", "*", False),
        ],
    )
    def test_it_writes_only_what_is_as_expected(self, admin, method, header, value, passes):
        tag = admin.post(WIDGETS, NEW).headers["ETag"]
        headers = {header: value.format(tag=tag)}
        path, body = f"{WIDGETS}/first", FIELDS if method == "put" else ""
        answer = getattr(admin, method)(path, body, headers=headers, expect_errors=True)
        if passes:
            assert answer.status_int == {"put": 200, "delete": 204}[method]
        else:
            assert answer.status_int == 412
            assert list(answer.json) == ["message"]
            assert admin.get(path).headers["ETag"] == tag

    @pytest.mark.parametrize(
        ("header", "value", "status"),
        [
            ("If-Match", "*", 412),
            ("If-Match", '"1-1"', 412),
            ("If-None-Match", "*", 201),
            ("If-None-Match", '"1-1"', 201),
        ],
    )
    def test_it_adds_only_what_is_expected_not_to_be_there(self, admin, header, value, status):
        put(admin, headers={header: value}, status=status)
        assert admin.get(WIDGETS).json["total_items"] == (status == 201)

    def test_it_always_shows_a_widget_as_the_time_that_remains_changes_by_itself(self, admin):
        tag = admin.post(WIDGETS, NEW).headers["ETag"]
        admin.get(f"{WIDGETS}/first", headers={"If-None-Match": tag}, status=200)


class TestStatements:
    """SQL that is sent: for the identity, for the widget, and for the answer."""

    def count(self, client, call):
        with statements(client.registry) as sent:
            call()
        return len(sent)

    def test_it_reads_a_widget_with_its_owner_in_one(self, admin):
        admin.post(WIDGETS, NEW)
        assert self.count(admin, lambda: admin.get(f"{WIDGETS}/first")) == 2

    def test_it_reads_nothing_twice_to_write(self, admin):
        assert self.count(admin, lambda: admin.post(WIDGETS, NEW)) == 3
        assert self.count(admin, lambda: put(admin)) == 4
        assert self.count(admin, lambda: admin.delete(f"{WIDGETS}/first")) == 3


@pytest.fixture
def overtaken(monkeypatch):
    """A function: others do that when a request has found that there is no such widget."""
    add = catalogue.add

    def arrange(deed):
        def overtaking(session, owner_id, name, info_url, deadline):
            monkeypatch.setattr(catalogue, "add", add)
            deed(session, owner_id, name)
            add(session, owner_id, name, info_url, deadline)

        monkeypatch.setattr(catalogue, "add", overtaking)

    return arrange


def add_another(session, owner_id, name):
    catalogue.add(session, owner_id, name, "https://example.com/theirs", datetime.now(UTC))


def test_a_put_updates_what_was_added_meanwhile(admin, overtaken):
    overtaken(add_another)
    answer = admin.put(f"{WIDGETS}/first", FIELDS, status=200)
    assert answer.json["message"] == "'first' was successfully updated"
    assert answer.json["widget"]["info_url"] == FIELDS["info_url"]


def test_a_put_that_is_to_add_updates_nothing_that_was_added_meanwhile(admin, overtaken):
    overtaken(add_another)
    admin.put(f"{WIDGETS}/first", FIELDS, headers={"If-None-Match": "*"}, status=412)


def test_a_put_gives_up_where_others_add_and_delete_meanwhile(admin, overtaken):
    def add_and_delete(_session, _owner_id, name):
        raise catalogue.NameTaken(name)

    overtaken(add_and_delete)
    answer = admin.put(f"{WIDGETS}/first", FIELDS, status=409)
    assert answer.json == {
        "status": "fail",
        "message": "Widget name: first already exists, must be unique.",
    }
