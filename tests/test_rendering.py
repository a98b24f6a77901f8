"""JSON and dates, held against the standard library."""

import email.utils
import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyramid.config import Configurator
from pyramid.response import Response
from webtest import TestApp

from widget_service import rendering

ZONES = [UTC, *map(ZoneInfo, ("America/New_York", "Asia/Kathmandu", "Pacific/Apia"))]

# Offsets of whole minutes: RFC 5322 knows no others, and time zones have had none since 1972.
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    datetime.fromisoformat("1975-01-01"),
    datetime.fromisoformat("9990-12-31"),
    timezones=st.one_of(st.sampled_from(ZONES), offsets),
)
zones = st.sampled_from(ZONES)
spans = st.timedeltas(timedelta(0), timedelta(days=10_000_000))


class TestDates:
    @given(moments, zones)
    def test_it_shows_a_clock_as_strftime_does(self, moment, zone):
        there = moment.astimezone(zone)
        assert rendering.clock(moment, zone) == there.strftime("%m/%d/%y %I:%M:%S %p %Z")

    @given(moments, zones)
    def test_it_writes_mail_dates_as_the_mail_package_does(self, moment, zone):
        there = moment.astimezone(zone)
        assert rendering.rfc822(moment, zone) == email.utils.format_datetime(there)

    @given(moments, zones)
    def test_it_writes_iso_dates_that_are_read_back(self, moment, zone):
        text = json.loads(rendering.dump_json(rendering.iso8601(moment, zone)))
        assert text == moment.astimezone(zone).isoformat()
        assert datetime.fromisoformat(text) == moment.astimezone(UTC)

    @given(st.dates())
    def test_it_shows_a_short_date_as_strftime_does(self, day):
        # strftime leaves out the noughts before a year on some systems.
        expected = f"{day:%b %d} {day.year:04}"
        assert rendering.short_date(day) == expected

    def test_it_shows_utc_unless_told_otherwise(self):
        moment = datetime(2026, 7, 1, 0, 30, tzinfo=ZoneInfo("Europe/Zurich"))
        assert rendering.clock(moment) == "06/30/26 10:30:00 PM UTC"
        assert rendering.rfc822(moment) == "Tue, 30 Jun 2026 22:30:00 +0000"

    @pytest.mark.parametrize(
        ("hour", "shown"),
        [(0, "12:05:00 AM"), (11, "11:05:00 AM"), (12, "12:05:00 PM"), (23, "11:05:00 PM")],
    )
    def test_it_counts_hours_to_twelve(self, hour, shown):
        assert shown in rendering.clock(datetime(2026, 1, 1, hour, 5, tzinfo=UTC))

    def test_it_pads_days_and_years(self):
        assert rendering.short_date(date(476, 9, 4)) == "Sep 04 0476"


class TestSpans:
    @pytest.mark.parametrize(
        ("span", "words"),
        [
            ({"days": 1}, "1 day(s) 0 hours 0 minutes 0 seconds"),
            (
                {"days": 2, "hours": 3, "minutes": 4, "seconds": 5},
                "2 day(s) 3 hours 4 minutes 5 seconds",
            ),
            ({"hours": 23, "minutes": 59, "seconds": 59}, "23 hours 59 minutes 59 seconds"),
            ({"hours": 1}, "1 hours 0 minutes 0 seconds"),
            ({"minutes": 1, "seconds": 1}, "1 minutes 1 seconds"),
            ({"seconds": 59}, "59 seconds"),
            ({"milliseconds": 999}, "0 seconds"),
            ({}, "0 seconds"),
            ({"microseconds": -1}, "No time remaining"),
            ({"days": -1}, "No time remaining"),
        ],
    )
    def test_it_counts_down_in_words(self, span, words):
        assert rendering.countdown(timedelta(**span)) == words

    @given(spans)
    def test_it_counts_every_second_in_words(self, span):
        words = rendering.countdown(span).split()
        units = {"day(s)": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
        counts = dict(zip(words[1::2], map(int, words[::2]), strict=True))
        assert list(counts) == list(units)[-len(counts) :]
        assert sum(units[unit] * count for unit, count in counts.items()) == span // timedelta(
            seconds=1
        )
        assert next(iter(counts.values())) > 0 or list(counts) == ["seconds"]

    @pytest.mark.parametrize(
        ("span", "shown"),
        [
            ({}, "00:00:00"),
            ({"minutes": 15}, "00:15:00"),
            ({"hours": 23, "minutes": 59, "seconds": 59}, "23:59:59"),
            ({"days": 1}, "1 day, 00:00:00"),
            ({"days": 365, "seconds": 1}, "365 days, 00:00:01"),
        ],
    )
    def test_it_shows_a_digital_clock(self, span, shown):
        assert rendering.digital(timedelta(**span)) == shown

    @given(spans)
    def test_it_shows_a_digital_clock_as_str_does(self, span):
        whole = span - timedelta(microseconds=span.microseconds)
        days, _, clock = str(whole).rpartition(", ")
        expected = f"{days}, {clock:0>8}" if days else f"{clock:0>8}"
        assert rendering.digital(span) == expected


class TestJSON:
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        )
    )
    def test_it_writes_what_json_reads_back(self, value):
        assert json.loads(rendering.dump_json(value)) == value

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ({"a": "é"}, '{"a":"é"}'),
            ({"a": "\ud800b"}, '{"a": "?b"}'),
            ([2**64], "[18446744073709551616]"),
            ([datetime(2026, 7, 1, tzinfo=UTC)], '["2026-07-01T00:00:00+00:00"]'),
            ([2**64, date(2026, 7, 1)], '[18446744073709551616, "2026-07-01"]'),
            ([2**64, time(9, 30)], '[18446744073709551616, "09:30:00"]'),
            ([2**64, UUID(int=1)], f'[18446744073709551616, "{UUID(int=1)}"]'),
        ],
    )
    def test_it_writes_utf_8(self, value, text):
        assert rendering.dump_json(value) == text.encode()

    def test_it_refuses_what_json_lacks(self):
        with pytest.raises(TypeError, match="complex"):
            rendering.dump_json(1j)

    @pytest.mark.parametrize(
        ("status", "content_type", "body"),
        [(200, "application/json", b'{"a":1}'), (204, None, b"")],
    )
    def test_it_renders_a_body_unless_there_is_none(self, status, content_type, body):
        request = SimpleNamespace(response=Response(status=status))
        render = rendering.JSONRenderer(None)
        assert render({"a": 1}, {"request": request}) == body
        assert request.response.content_type == content_type

    def test_it_leaves_the_answers_of_other_renderers_alone(self):
        with Configurator() as config:
            config.include("widget_service.rendering")
            for renderer in ("json", "string"):
                config.add_route(renderer, f"/{renderer}")
                config.add_view(lambda _request: "é", route_name=renderer, renderer=renderer)
            client = TestApp(config.make_wsgi_app())
        assert client.get("/json").headers["Content-Type"] == "application/json"
        assert client.get("/string").headers["Content-Type"] == "text/plain; charset=UTF-8"
