"""Strict types: what they take, what they refuse, and in which words."""

from datetime import UTC, date
from decimal import Decimal
from zoneinfo import ZoneInfo

import colander
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widget_service.fields import (
    MISSING,
    Date,
    Flag,
    Listed,
    Opaque,
    Text,
    TimeZone,
    WholeNumber,
    field,
    shown,
)


def read(typ, value):
    return colander.SchemaNode(typ).deserialize(value)


def refusal(typ, value):
    with pytest.raises(colander.Invalid) as refused:
        read(typ, value)
    return refused.value.msg


TYPES = [Text(), WholeNumber(), Flag(), Date(), Listed(Text()), TimeZone()]


@pytest.mark.parametrize("typ", TYPES, ids=lambda typ: type(typ).__name__)
class TestEveryType:
    @pytest.mark.parametrize("value", [None, colander.null])
    def test_it_takes_null_for_an_absent_value(self, typ, value):
        node = colander.SchemaNode(typ, missing="the default")
        assert node.deserialize(value) == "the default"

    @pytest.mark.parametrize("value", [5, 1.5, b"5", ["5"], {"a": "5"}, ("5",)])
    def test_it_takes_nothing_but_strings(self, typ, value):
        assert refusal(typ, value) == "The value is not a string"

    def test_it_serializes_a_string_as_it_is(self, typ):
        assert typ.serialize(None, "as it is") == "as it is"


class TestText:
    @given(st.text())
    def test_it_takes_a_string_as_it_is(self, text):
        assert read(Text(), text) == text

    @pytest.mark.parametrize("value", [True, Opaque("5"), Opaque()])
    def test_it_takes_no_other_value_of_json_and_no_file(self, value):
        assert refusal(Text(), value) == "The value is not a string"

    def test_it_refuses_a_value_too_deep_to_quote(self):
        value = []
        for _ in range(100_000):
            value = [value]
        assert refusal(Text(), value) == "The value is not a string"


class TestWholeNumber:
    @pytest.mark.parametrize("text", ["5", "-5"])
    def test_it_takes_a_number_of_json(self, text):
        assert read(WholeNumber(), Opaque(text)) == int(text)

    @pytest.mark.parametrize(
        ("value", "refused"),
        [
            (Opaque("5.0"), "5.0 is not a valid integer"),
            (Opaque(), "a file is not a valid integer"),
            (True, "The value is not a string"),
        ],
    )
    def test_it_takes_nothing_else_of_json(self, value, refused):
        assert refusal(WholeNumber(), value) == refused

    @given(st.integers(-(2**63), 2**63 - 1))
    def test_it_takes_numbers_of_64_bits(self, number):
        assert read(WholeNumber(), str(number)) == number

    @given(st.one_of(st.integers(2**63), st.integers(max_value=-(2**63) - 1)))
    def test_it_refuses_larger_ones(self, number):
        assert refusal(WholeNumber(), str(number)) == f"{number} is not a valid integer"

    @pytest.mark.parametrize(("text", "number"), [("+5", 5), (" 5 ", 5), ("007", 7), ("-0", 0)])
    def test_it_takes_a_sign_and_the_spaces_around_it(self, text, number):
        assert read(WholeNumber(), text) == number

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "abc",
            "5.0",
            "1e3",
            "1_0",
            "0x10",
            "5\n",
            "5\0",
            "1 0",
            "+",
            "++5",
            "\u0665",
            "\u096b",
            "5" * 5000,
        ],
    )
    def test_it_refuses_what_only_int_takes(self, text):
        assert refusal(WholeNumber(), text) == f"{text} is not a valid integer"


class TestFlag:
    @pytest.mark.parametrize("value", [True, False])
    def test_it_takes_a_boolean_of_json(self, value):
        assert read(Flag(), value) is value

    @pytest.mark.parametrize(
        ("text", "value"), [("true", True), ("True", True), ("false", False), ("FALSE", False)]
    )
    def test_it_takes_two_words(self, text, value):
        assert read(Flag(), text) is value

    @pytest.mark.parametrize("text", ["", "1", "yes", "on", "banana", "true\n"])
    def test_it_refuses_every_other(self, text):
        assert refusal(Flag(), text) == "must be true or false"


class TestDate:
    def test_it_makes_a_date_of_a_day(self):
        assert read(Date(), "2028-02-29") == date(2028, 2, 29)

    @pytest.mark.parametrize(
        "text",
        ["", "2027-02-29", "20300101", "2030-W01-1", "2030-01-01\n", "0000-01-01", "٢٠٣٠-01-01"],
    )
    def test_it_refuses_what_is_no_day(self, text):
        assert refusal(Date(), text) == "must be a date such as 2030-12-31"


class TestListed:
    @pytest.mark.parametrize("text", ["5 10 25", "5,10,25", " 5,\n10\t, 25, "])
    def test_it_splits_at_commas_and_white_space(self, text):
        assert read(Listed(WholeNumber()), text) == (5, 10, 25)

    def test_it_may_be_empty(self):
        assert read(Listed(WholeNumber()), " ") == ()

    def test_it_refuses_a_part_that_its_type_refuses(self):
        assert refusal(Listed(WholeNumber()), "5 ten") == "ten is not a valid integer"


class TestTimeZone:
    @pytest.mark.parametrize(
        ("name", "zone"), [("UTC", UTC), ("Europe/Zurich", ZoneInfo("Europe/Zurich"))]
    )
    def test_it_finds_a_time_zone(self, name, zone):
        assert read(TimeZone(), name) is zone

    @pytest.mark.parametrize(
        "name", ["", "Mars/Olympus", "Europe", "../UTC", "/etc/passwd", "UTC\0", "\ud800"]
    )
    def test_it_refuses_what_names_none(self, name):
        assert refusal(TimeZone(), name) == "must be the name of a time zone, such as UTC"


class TestField:
    @pytest.mark.parametrize("fields", [{}, {"name": None}])
    def test_it_is_required(self, fields):
        schema = colander.SchemaNode(colander.Mapping(), field(Text(), name="name"))
        with pytest.raises(colander.Invalid) as refused:
            schema.deserialize(fields)
        assert refused.value.asdict() == {"name": MISSING}


class TestOpaque:
    def test_it_shows_what_it_stands_for(self):
        assert (str(Opaque("5")), str(Opaque())) == ("5", "a file")

    @pytest.mark.parametrize(
        ("type_", "text", "value"),
        [
            (colander.Float(), "1.5", 1.5),
            (colander.Integer(), "3", 3),
            (colander.Decimal(), "1.10", Decimal("1.10")),
        ],
    )
    def test_it_is_a_number_for_colanders_own_types(self, type_, text, value):
        assert colander.SchemaNode(type_).deserialize(Opaque(text)) == value

    def test_it_is_no_number_beyond_all_numbers(self):
        with pytest.raises(colander.Invalid):
            colander.SchemaNode(colander.Float()).deserialize(Opaque("1e999"))

    @pytest.mark.parametrize("type_", [colander.Float(), colander.Integer(), colander.Decimal()])
    @pytest.mark.parametrize("text", ["a file", "1" * 5000 + "x"])
    def test_it_may_be_none(self, type_, text):
        with pytest.raises(colander.Invalid):
            colander.SchemaNode(type_).deserialize(Opaque(text))


class TestShown:
    @pytest.mark.parametrize(("text", "quoted"), [("é\n", "é\n"), ("a\ud800\udfffb", "a??b")])
    def test_it_quotes_what_utf_8_can_hold(self, text, quoted):
        assert shown(text) == quoted
