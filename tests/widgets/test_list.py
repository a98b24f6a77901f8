"""The list of widgets: pages, links, counts."""

import re
from base64 import urlsafe_b64encode
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, text

from widget_service.db import utc_now
from widget_service.testing import statements
from widget_service.widgets.models import Widget

WIDGETS = "/api/v1/widgets"
KEYS = [
    "links",
    "has_prev",
    "has_next",
    "page",
    "total_pages",
    "items_per_page",
    "total_items",
    "items",
]
RELATIONS = ["self", "first", "prev", "next", "last"]


@pytest.fixture
def fill(user, rows):
    """A function that makes the table have so many widgets of the user: w1, w2, ...

    Their deadline has passed, so that they look alike whenever they are read.
    """

    def run(count):
        ((owner_id,),) = rows(text("SELECT max(id) FROM site_user"))
        rows(text("DELETE FROM widget"))
        common = {"info_url": "http://example.com", "version": 1, "owner_id": owner_id}
        common |= {"created_at": utc_now(), "deadline": utc_now() - timedelta(days=1)}
        for number in range(1, count + 1):
            rows(insert(Widget), common | {"name": f"w{number}"})

    assert user.account
    return run


def names(answer):
    return [item["name"] for item in answer.json["items"]]


def link(page, size=5):
    return f"{WIDGETS}?page={page}&per_page={size}"


def but_self(answer):
    return {name: target for name, target in answer.json["links"].items() if name != "self"}


def plain(target):
    """A link without the cursor that it may carry in the end."""
    return re.sub("&cursor=[A-Za-z0-9_-]+$", "", target)


def check(answer):
    """What is true of every page, whatever it is asked for."""
    page = answer.json
    links = page["links"]
    assert list(page) == KEYS
    assert list(links) == [relation for relation in RELATIONS if relation in links]
    header = ", ".join(f'<{target}>; rel="{relation}"' for relation, target in links.items())
    assert answer.headers["Link"] == header
    assert answer.headers["Total-Count"] == str(page["total_items"])
    assert page["has_prev"] == ("prev" in links)
    assert page["has_next"] == ("next" in links)
    assert page["total_pages"] == -(-page["total_items"] // page["items_per_page"])
    assert plain(links["self"]) == link(page["page"], page["items_per_page"])
    assert links["first"] == link(1, page["items_per_page"])
    assert links["last"] == link(max(1, page["total_pages"]), page["items_per_page"])
    return answer


class TestPages:
    def test_it_shows_ten_as_they_were_created(self, user, fill):
        fill(12)
        answer = check(user.get(WIDGETS))
        assert names(answer) == [f"w{number}" for number in range(1, 11)]
        assert answer.json["items"][3] == user.get(f"{WIDGETS}/w4").json
        assert answer.json == answer.json | {
            "has_prev": False,
            "has_next": True,
            "page": 1,
            "total_pages": 2,
            "items_per_page": 10,
            "total_items": 12,
        }

    @pytest.mark.parametrize(
        ("page", "prev", "following"),
        [(1, None, 2), (2, 1, 3), (3, 2, None), (4, 3, None), (9, 3, None), (2**63 - 1, 3, None)],
    )
    def test_it_links_to_the_other_pages(self, user, fill, page, prev, following):
        fill(11)
        answer = check(user.get(link(page)))
        expected = {"self": page, "first": 1, "prev": prev, "next": following, "last": 3}
        links = answer.json["links"]
        assert {relation: plain(target) for relation, target in links.items()} == {
            relation: link(number) for relation, number in expected.items() if number
        }
        # Next to rows there is a place; past the end is only the number of the last page.
        neighbours = {"prev", "next"} & set(links) if answer.json["items"] else set()
        assert {relation for relation in links if "cursor" in links[relation]} == neighbours
        assert len(answer.json["items"]) == {1: 5, 2: 5, 3: 1}.get(page, 0)

    @pytest.mark.parametrize(("page", "has_prev"), [(1, False), (2, True)])
    def test_it_has_a_last_page_where_there_is_nothing(self, user, page, has_prev):
        answer = check(user.get(link(page)))
        assert answer.json == {
            "links": {
                "self": link(page),
                "first": link(1),
                **({"prev": link(1)} if has_prev else {}),
                "last": link(1),
            },
            "has_prev": has_prev,
            "has_next": False,
            "page": page,
            "total_pages": 0,
            "items_per_page": 5,
            "total_items": 0,
            "items": [],
        }

    @settings(
        max_examples=15,
        # The table is filled anew for each example.
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(total=st.integers(0, 60), size=st.sampled_from([5, 10, 25, 50, 100]))
    def test_it_leads_through_every_widget_once_and_back(self, user, fill, total, size):
        fill(total)
        answer = check(user.get(link(3, size)))
        answer = check(user.get(answer.json["links"]["first"]))
        pages = [answer]
        while answer.json["has_next"]:
            answer = check(user.get(answer.json["links"]["next"]))
            pages.append(answer)
            assert len(pages) <= total
        seen = [name for page in pages for name in names(page)]
        assert seen == [f"w{number}" for number in range(1, total + 1)]
        assert plain(answer.json["links"]["self"]) == answer.json["links"]["last"]
        assert names(user.get(answer.json["links"]["last"])) == names(answer)
        for page in reversed(pages[:-1]):
            answer = check(user.get(answer.json["links"]["prev"]))
            by_number = check(user.get(plain(answer.json["links"]["self"])))
            for same in (page, by_number):
                assert names(answer) == names(same)
                # They are the same place, however it was reached.
                assert but_self(answer) == but_self(same)
        assert not answer.json["has_prev"]

    def test_it_answers_head_as_get_without_a_body(self, user, fill):
        fill(7)
        got, headed = user.get(link(1)), user.head(link(1))
        assert headed.body == b""
        for header in ("Link", "Total-Count", "Content-Type"):
            assert headed.headers[header] == got.headers[header]

    def test_it_links_below_the_mount_point(self, user):
        answer = user.get(WIDGETS, extra_environ={"SCRIPT_NAME": "/a b"})
        assert answer.json["links"]["self"] == "/a%20b/api/v1/widgets?page=1&per_page=10"

    def test_it_keeps_the_order_of_creation_after_updates(self, admin, fill):
        fill(3)
        fields = {"info_url": "http://example.org", "deadline": "12/31/2099"}
        admin.put(f"{WIDGETS}/w2", fields)
        assert names(admin.get(WIDGETS)) == ["w1", "w2", "w3"]


def cursor_text(text):
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def assert_in_order(names):
    """As they were created, each once."""
    numbers = [int(name[1:]) for name in names]
    assert numbers == sorted(set(numbers))


class Table:
    """The widgets, as they come and go: what a client that follows links must have seen."""

    def __init__(self, rows, owner_id):
        self.rows = rows
        self.owner_id = owner_id
        self.added = 0
        self.present = []

    def add(self, count):
        common = {"info_url": "http://example.com", "version": 1, "owner_id": self.owner_id}
        common |= {"created_at": utc_now(), "deadline": utc_now()}
        for _ in range(count):
            self.added += 1
            self.rows(insert(Widget), common | {"name": f"w{self.added}"})
            self.present.append(f"w{self.added}")

    def delete(self, index):
        if self.present:
            name = self.present.pop(index % len(self.present))
            self.rows(delete(Widget).where(Widget.name == name))


# More than any of the tables here has: links that lead round in circles fail.
MOST_PAGES = 200


def follow(user, answer, relation, table, changes):
    """The names on the pages that a relation leads to; something happens before each request."""
    seen = []
    while relation in answer.json["links"]:
        for change, number in next(changes, ()):
            getattr(table, change)(number)
        answer = check(user.get(answer.json["links"][relation]))
        number = answer.json["page"]
        assert 1 <= number <= max(2, answer.json["total_pages"] + 1)
        seen.append(names(answer))
        assert len(seen) <= MOST_PAGES
    return seen, answer


CHANGES = st.lists(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(1, 4)),
            st.tuples(st.just("delete"), st.integers(0, 60)),
        ),
        max_size=8,
    ),
    max_size=12,
)


class TestCursor:
    @settings(
        max_examples=25,
        # The table is filled anew for each example.
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(total=st.integers(0, 40), there=CHANGES, back=CHANGES)
    def test_it_skips_and_repeats_nothing_while_widgets_come_and_go(
        self, user, rows, total, there, back
    ):
        ((owner_id,),) = rows(text("SELECT max(id) FROM site_user"))
        rows(text("DELETE FROM widget"))
        table = Table(rows, owner_id)
        table.add(total)
        throughout = set(table.present)
        answer = check(user.get(link(1)))
        first = names(answer)
        pages, answer = follow(user, answer, "next", table, iter(there))
        seen = [name for page in [first, *pages] for name in page]
        assert_in_order(seen)
        assert throughout & set(table.present) <= set(seen)

        if not answer.json["items"]:
            return  # past the end there is no row to go back from
        throughout = set(table.present)
        last = names(answer)
        pages, answer = follow(user, answer, "prev", table, iter(back))
        seen = [name for page in [*reversed(pages), last] for name in page]
        assert_in_order(seen)
        kept = throughout & set(table.present)
        assert {each for each in kept if int(each[1:]) <= int(last[-1][1:])} <= set(seen)
        assert answer.json["page"] == 1

    @pytest.mark.parametrize(
        ("deleted", "page", "following"),
        [
            # There is nothing after the page any more, or before it.
            (range(6, 12), {"page": 2, "has_prev": True, "has_next": False}, {"prev": link(1)}),
            (range(1, 6), {"page": 1, "has_prev": False, "has_next": True}, {}),
            (range(1, 12), {"page": 1, "has_prev": False, "has_next": False}, {}),
            (range(1, 4), {"page": 2, "has_prev": True, "has_next": True}, {}),
        ],
    )
    def test_it_counts_pages_anew_at_the_ends(self, user, rows, fill, deleted, page, following):
        fill(11)
        target = user.get(link(1)).json["links"]["next"]
        names = [f"w{number}" for number in deleted]
        rows(delete(Widget).where(Widget.name.in_(names)))
        answer = check(user.get(target))
        assert answer.json == answer.json | page
        assert answer.json["links"] == answer.json["links"] | following

    def test_it_leads_from_before_all_rows_to_the_first_page(self, user, rows, fill):
        fill(11)
        target = user.get(link(2)).json["links"]["prev"]
        rows(text("DELETE FROM widget WHERE name IN ('w1', 'w2', 'w3', 'w4', 'w5')"))
        answer = check(user.get(target))
        assert (answer.json["page"], answer.json["items"]) == (1, [])
        assert answer.json["links"]["next"] == link(1)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "5",
            "A" * 5000,
            *map(cursor_text, ["{}", "[]", '"abcd"', "1", '["after",5]', '["after",5,2,5,6]']),
            *(cursor_text(f'["after",{key},2,5]') for key in ("null", "5.0", "true", "[5]", "1e9")),
            *(cursor_text(f'["after",5,{page},5]') for page in ("null", '"2"', "2.0", "true")),
            *(cursor_text(f'["after",5,2,{size}]') for size in ("null", '"5"', "5.0", "true")),
            *(cursor_text(f"[{where},5,2,5]") for where in ('"since"', '["after"]', "5", "null")),
            cursor_text('["after", 5,2,5]'),
            cursor_text(f'["after",{2**63},2,5]'),
            cursor_text(f'["before",{-(2**63) - 1},2,5]'),
            cursor_text('["after",' + "[" * 20000),
            # Of a list in the order of texts; of none.
            *(cursor_text(f'["after","{key}",2,5]') for key in ("w5", r"\u0000", r"\ud800")),
            cursor_text('["after",5,2,5]') + "=",
            cursor_text('["after",5,2,5]') + "%0A",
            "%D9%A5",
        ],
    )
    def test_it_refuses_what_no_link_carries(self, user, text):
        answer = user.get(f"{link(2)}&cursor={text}", status=400)
        assert answer.json["errors"] == {
            "cursor": "This is not a cursor of this list. Take it from a link, or leave it out"
        }

    @pytest.mark.parametrize(("page", "size"), [(1, 5), (3, 5), (99, 5), (2, 10)])
    @pytest.mark.parametrize("relation", ["self", "prev", "next"])
    def test_a_link_that_somebody_edits_leads_where_its_numbers_say(
        self, user, fill, relation, page, size
    ):
        fill(21)
        following = user.get(link(2)).json["links"]["next"]
        links = user.get(following).json["links"]
        edited = re.sub("page=[0-9]+&per_page=5", f"page={page}&per_page={size}", links[relation])
        if edited != links[relation]:
            assert user.get(edited).json == user.get(link(page, size)).json

    @pytest.mark.parametrize("key", [-(2**63), 2**63 - 1])
    @pytest.mark.parametrize("direction", ["after", "before"])
    def test_it_shows_what_there_is_wherever_a_cursor_points(self, user, fill, direction, key):
        fill(7)
        text = cursor_text(f'["{direction}",{key},999,5]')
        answer = check(user.get(f"{link(999)}&cursor={text}"))
        inside = (direction == "after") == (key < 0)
        assert len(answer.json["items"]) == (5 if inside else 0)
        assert answer.json["page"] == (1 if key < 0 else 3 if not inside else 2)


def test_it_costs_two_statements_whatever_its_length(user, fill):
    for count in (0, 1, 100):
        fill(count)
        with statements(user.registry) as sent:
            assert len(names(user.get(link(1, 100)))) == count
        assert len(sent) == 2
        assert re.match("WITH list_total", sent[1])
