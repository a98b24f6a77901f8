"""The query of the list: what is taken, and what is refused in which words."""

import pytest

WIDGETS = "/api/v1/widgets"


@pytest.mark.parametrize(
    ("query", "page", "size"),
    [
        ("", 1, 10),
        ("page=2", 2, 10),
        ("per_page=100", 1, 100),
        ("per_page=25&page=3", 3, 25),
        # int() takes these, and so clients may send them.
        ("page=%2B5", 5, 10),
        ("page=+5&per_page=%20005", 5, 5),
        ("page=2&page=abc&per_page=5&per_page=7", 2, 5),
        ("PAGE=0&offset=x&page_=&%00=%00", 1, 10),
        (f"page={2**63 - 1}", 2**63 - 1, 10),
    ],
)
def test_it_takes(user, query, page, size):
    answer = user.get(f"{WIDGETS}?{query}")
    assert (answer.json["page"], answer.json["items_per_page"]) == (page, size)


@pytest.mark.parametrize("field", ["page", "per_page"])
@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("abc", "abc"),
        ("", ""),
        ("5.0", "5.0"),
        ("1_0", "1_0"),
        ("5%0A", "5\n"),
        ("5%00", "5\0"),
        ("%D9%A5", "\u0665"),
        ("1e1", "1e1"),
        ("0x5", "0x5"),
        ("5,10", "5,10"),
        ("5;x=y", "5;x=y"),
        ("NaN", "NaN"),
        ("9" * 5000, "9" * 5000),
        (str(2**63), str(2**63)),
        (str(-(2**63) - 1), str(-(2**63) - 1)),
    ],
)
def test_it_refuses_what_is_no_number(user, field, text, quoted):
    answer = user.get(f"{WIDGETS}?{field}={text}", status=400)
    assert answer.json == {
        "errors": {field: f"{quoted} is not a valid integer"},
        "message": "Input payload validation failed",
    }


@pytest.mark.parametrize("field", ["page", "per_page"])
@pytest.mark.parametrize("number", [0, -1, -(2**63)])
def test_it_refuses_what_is_not_positive(user, field, number):
    answer = user.get(f"{WIDGETS}?{field}={number}", status=400)
    text = f"Invalid {field}: {number}. {field} must be a positive integer"
    assert answer.json["errors"] == {field: text}


@pytest.mark.parametrize("size", [1, 7, 101, 2**63 - 1])
def test_it_refuses_other_page_sizes(user, size):
    answer = user.get(f"{WIDGETS}?per_page={size}", status=400)
    text = f"The value '{size}' is not a valid choice for 'per_page'."
    assert answer.json["errors"] == {"per_page": text}


def test_it_names_both_at_once(user):
    answer = user.get(f"{WIDGETS}?page=0&per_page=7", status=400)
    assert list(answer.json["errors"]) == ["page", "per_page"]


@pytest.mark.parametrize("query", ["page=%ff", "other=%ff", "%ff"])
def test_it_refuses_what_is_not_utf_8(user, query):
    answer = user.get(f"{WIDGETS}?{query}", status=400)
    assert answer.json["message"] == "Input payload validation failed"


def test_it_tells_strangers_nothing_of_the_rules(client):
    answer = client.get(f"{WIDGETS}?page=0", status=401)
    assert answer.json == {"message": "Unauthorized"}
    assert not {"Link", "Total-Count"} & set(answer.headers)
