"""The rules of fields, by themselves."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import colander
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from widget_service.widgets import schemas

INVALID_NAME = (
    "'{}' contains one or more invalid characters. Widget name must contain only lowercase "
    "letters, numbers, hyphen and underscore characters."
)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
# Clocks were changed there at midnight, forwards and back, in some year since 1970.
ZONES = [
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Sao_Paulo",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Pacific/Kiritimati",
    "UTC",
]


def read(node, value):
    """The value that a field takes, or the text with which it refuses."""
    try:
        return node.deserialize(value)
    except colander.Invalid as error:
        return SimpleNamespace(text=error.msg)


def name(value):
    return read(colander.SchemaNode(schemas.Name()), value)


def url(value):
    return read(colander.SchemaNode(schemas.PublicURL()), value)


def deadline(value, zone=UTC):
    with time_machine.travel(NOW, tick=False):
        return read(colander.SchemaNode(schemas.Deadline(zone)), value)


class TestName:
    @pytest.mark.parametrize("value", ["a", "7", "-", "_", "first-widget_2", "a" * 100])
    def test_it_takes(self, value):
        assert name(value) == value

    @pytest.mark.parametrize(
        "value",
        [
            "A",
            "a b",
            "a\n",
            "\na",
            "a\0",
            "a.b",
            "a/b",
            "é",
            "\u0661",
            "\u212a",
            "a" * 200 + "!",
            "🎉",
        ],
    )
    def test_it_refuses_other_characters(self, value):
        assert name(value).text == INVALID_NAME.format(value)

    def test_it_refuses_a_name_that_is_too_long(self):
        assert name("a" * 101).text == INVALID_NAME.format("a" * 101)

    def test_it_quotes_a_lone_surrogate_as_a_question_mark(self):
        assert name("a\ud800").text == INVALID_NAME.format("a?")


class TestURL:
    @pytest.mark.parametrize(
        "value",
        [
            "http://example.com",
            "https://example.com/",
            "HTTP://EXAMPLE.COM/A",
            "https://www.example.co.uk:8443/a/b;c?d=e&f=%20#g",
            "http://example.com:",
            "http://example.com.",
            "http://a.io?x",
            "http://a.io#x",
            "http://a-b.c--d.example/~user/(x)!*'",
            "http://1.example",
            "http://127.0.0.1.example",
            "http://xn--exmple-cua.com/",
            "http://exämple.com/ä?ö=ü",
            "http://例え.jp/パス",
            "http://faß.de/@user:password",
            "http://example.com/" + "a" * 236,
            "http://example.com/" + "ä" * 236,
            "http://" + "a" * 63 + ".com",
        ],
    )
    def test_it_takes(self, value):
        assert url(value) == value

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "://",
            "http://",
            "http:///path",
            "http:example.com",
            "http:/example.com",
            "//example.com",
            # Other schemes.
            "ftp://example.com",
            "javascript://example.com/%0aalert(1)",
            "file://example.com/etc/passwd",
            "httpx://example.com",
            " http://example.com",
            # This machine, and names that only its own network knows.
            "http://localhost",
            "http://LOCALHOST.",
            "http://api.localhost",
            "http://localhost.localdomain",
            "http://intranet",
            "http://intranet.",
            # IP addresses, in all spellings.
            "http://127.0.0.1",
            "http://127.0.0.1.",
            "http://127.1",
            "http://0x7f.1",
            "http://0x7f.0x1",
            "http://0177.0.0.01",
            "http://2130706433",
            "http://1.2.3.4:80/",
            "http://[::1]",
            "http://[::ffff:127.0.0.1]:80",
            "http://[fe80::1%25eth0]",
            "http://[v1.example.com]",
            "http://x[example.com]",
            "http://example.com]",
            "http://\uff11\uff12\uff17.1",  # full-width digits
            "http://127\u30020\u30020\u30021",  # ideographic full stops
            "http://\u2460.\u2461",  # circled digits
            # Users and passwords.
            "http://user@example.com",
            "http://user:password@example.com",
            "http://example.com:80@example.org",
            "http://@example.com",
            # Names that no host has.
            "http://.com",
            "http://example..com",
            "http://.example.com",
            "http://example.com..",
            "http://-a.com",
            "http://a-.com",
            "http://a_b.com",
            "http://a%2eb.com",
            "http://a!b.com",
            "http://example.c",
            "http://" + "a" * 64 + ".com",
            "http://" + "ä" * 64 + ".com",
            "http://\u0301a.com",
            "http://a\u2100b.com",
            # Ports.
            "http://example.com:0",
            "http://example.com:65536",
            "http://example.com:-1",
            "http://example.com:http",
            "http://example.com:\uff18\uff10",
            "http://example.com:80:80",
            # Characters that no URL has.
            "http://example.com/a b",
            "http://example.com/ ",
            "http://example.com\n",
            "http://example.com/\r\nX: y",
            "http://exa\tmple.com",
            "http://example.com/\0",
            "http://example.com/\x7f",
            "http://example.com/\x85",
            "http://example.com/\xa0",
            "http://example.com/\u2028",
            "http://example.com/\u202e",
            "http://example.com/\ud800",
            "http://example.com\\@example.org",
            "http://example.com/<script>",
            'http://example.com/"',
            # One character too long.
            "http://example.com/" + "a" * 237,
        ],
    )
    def test_it_refuses(self, value):
        quoted = value.replace("\ud800", "?")
        assert url(value).text == f"{quoted} is not a valid URL."

    @pytest.mark.parametrize("value", ["example.com", "www.example.com/a?b", "example.com:80"])
    def test_it_guesses_a_forgotten_scheme(self, value):
        assert url(value).text == f"{value} is not a valid URL. Did you mean: http://{value}"

    @given(st.text(max_size=300))
    def test_it_takes_or_refuses_any_text(self, value):
        for text in (value, f"http://{value}", f"http://{value}.com", f"http://example.com{value}"):
            read = url(text)
            assert read == text or "is not a valid URL." in read.text


class TestDeadline:
    @pytest.mark.parametrize(
        ("value", "day"),
        [
            ("11/24/2026", "2026-11-24"),
            ("2026-11-24", "2026-11-24"),
            ("2026-11-24T00:00:00+14:00", "2026-11-24"),
            ("2026-11-25T00:00:00-12:00", "2026-11-25"),
            ("20261231", "2026-12-31"),
            ("Dec 24 2027 12:30 PM", "2027-12-24"),
            ("24th of December, 2027", "2027-12-24"),
            ("Sat, 24 Apr 2027 10:00:00 GMT", "2027-04-24"),
            ("  12/31/2026  ", "2026-12-31"),
            ("12/31/70", "2070-12-31"),
            ("12/31/9990", "9990-12-31"),
            # What is left out is today's.
            ("30", "2026-11-30"),
            ("Sat", "2026-11-28"),
            ("12:00", "2026-11-24"),
        ],
    )
    def test_it_takes_what_dateutil_parses(self, value, day):
        expected = datetime.fromisoformat(f"{day}T23:59:59+00:00")
        assert deadline(value) == expected

    @pytest.mark.parametrize(
        "value",
        [
            "",
            " ",
            "soon",
            "13/32/2099",
            "Feb 30 2099",
            "2099-12-31\0",
            "2099-12-31\n",
            "\u0662\u0660\u0669\u0669-12-31",
            "12/31/9991",
            "99999-12-31",
            "0000-01-01",
            "99999999999999999999",
            "9" * 40 + "h",
            "+99:99",
            "NaN",
            "1e400",
            "2099-12-31" + " " * 55,
            "2099-12-31é",
        ],
    )
    def test_it_refuses_what_is_no_date(self, value):
        assert deadline(value).text == f"Failed to parse '{value}' as a valid date."

    def test_it_quotes_a_lone_surrogate_as_a_question_mark(self):
        assert deadline("\udfff").text == "Failed to parse '?' as a valid date."

    @pytest.mark.parametrize(
        ("value", "day"),
        [
            ("11/23/2026", "Nov 23 2026"),
            ("2026-11-23T23:59:59-12:00", "Nov 23 2026"),
            ("1", "Nov 01 2026"),
            ("0999-02-03", "Feb 03 0999"),
        ],
    )
    def test_it_refuses_what_has_passed(self, value, day):
        assert deadline(value).text == (
            f"Successfully parsed {value} as {day}. "
            "However, this value must be a date in the future"
        )

    @pytest.mark.parametrize(
        ("zone", "moment", "today"),
        [
            ("America/New_York", "2026-11-25T04:59:59+00:00", "2026-11-24"),
            ("America/New_York", "2026-11-25T05:00:00+00:00", "2026-11-25"),
            ("Pacific/Kiritimati", "2026-11-24T09:59:59+00:00", "2026-11-24"),
            ("Pacific/Kiritimati", "2026-11-24T10:00:00+00:00", "2026-11-25"),
        ],
    )
    def test_it_knows_what_is_today_in_its_zone(self, zone, moment, today):
        zone = zoneinfo.ZoneInfo(zone)
        node = colander.SchemaNode(schemas.Deadline(zone))
        yesterday = date.fromisoformat(today) - timedelta(days=1)
        with time_machine.travel(datetime.fromisoformat(moment), tick=False):
            assert read(node, today) == datetime.fromisoformat(f"{today}T23:59:59").replace(
                tzinfo=zone
            )
            assert "must be a date in the future" in read(node, str(yesterday)).text

    @given(st.dates(date(2026, 11, 25), date(9990, 12, 31)), st.sampled_from(ZONES))
    def test_it_is_the_last_second_of_a_day_in_its_zone(self, day, zone):
        self.is_last_second(day, zoneinfo.ZoneInfo(zone))

    # The first two are a gap before midnight, the third is an hour that comes twice.
    @pytest.mark.parametrize("day", ["2027-03-27", "2028-03-25", "2027-10-30"])
    def test_it_is_the_last_second_where_clocks_change_at_midnight(self, day):
        self.is_last_second(date.fromisoformat(day), zoneinfo.ZoneInfo("America/Nuuk"))

    def is_last_second(self, day, zone):
        read = deadline(str(day), zone)
        assert read.tzinfo is UTC
        assert read.astimezone(zone).date() == day
        assert (read + timedelta(seconds=1)).astimezone(zone).date() == day + timedelta(days=1)
