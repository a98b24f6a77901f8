"""Routes by their index: the same ones that Pyramid finds by trying them all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyramid.config import Configurator
from pyramid.exceptions import URLDecodeError
from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request
from pyramid.urldispatch import RoutesMapper

from widget_service.routing import IndexedRoutes

SEGMENTS = st.sampled_from(["a", "b", "a.b", "", "ä"])
PLACEHOLDERS = st.sampled_from(["{x}", "{x:a.*}", "a{x}", "{x}b", ":old", "*rest"])
PATTERNS = st.tuples(
    st.sampled_from(["/", ""]),
    st.lists(SEGMENTS, max_size=3),
    st.lists(PLACEHOLDERS, max_size=1),
    st.lists(SEGMENTS, max_size=1),
).map(lambda parts: parts[0] + "/".join([*parts[1], *parts[2], *parts[3]]))
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda parts: "/" + "/".join(parts))


def request(path):
    return Request.blank("/", environ={"PATH_INFO": path.encode().decode("latin-1")})


def odd(_info, request):
    """A predicate."""
    return len(request.path_info) % 2 == 1


@given(st.lists(st.tuples(PATTERNS, st.booleans()), max_size=8), PATHS)
def test_it_finds_the_route_that_is_first(patterns, path):
    theirs, ours = RoutesMapper(), IndexedRoutes()
    for mapper in (theirs, ours):
        for number, (pattern, picky) in enumerate(patterns):
            mapper.connect(f"{number}", pattern, predicates=(odd,) if picky else ())
    expected, found = theirs(request(path)), ours(request(path))
    assert found["match"] == expected["match"]
    assert getattr(found["route"], "name", None) == getattr(expected["route"], "name", None)


@pytest.mark.parametrize("names", [("named", "any"), ("any", "named")])
def test_it_finds_the_first_of_those_with_a_variable_and_those_without(names):
    mapper = IndexedRoutes()
    patterns = {"named": "/a/b", "any": "/a/{x}"}
    for name in names:
        mapper.connect(name, patterns[name])
    assert mapper(request("/a/b"))["route"].name == names[0]


def test_it_goes_on_where_a_route_begins_alike_and_does_not_match():
    mapper = IndexedRoutes()
    mapper.connect("number", "/a/{x:[0-9]+}")
    mapper.connect("picky", "/a/{x}", predicates=(odd,))
    mapper.connect("any", "/a/{x}")
    found = [mapper(request(path))["route"].name for path in ("/a/1", "/a/b", "/a/bc")]
    assert found == ["number", "any", "picky"]


def test_it_finds_routes_that_are_added_later():
    mapper = IndexedRoutes()
    assert mapper(request("/a"))["route"] is None
    mapper.connect("late", "/a")
    assert mapper(request("/a"))["route"].name == "late"


def test_it_does_not_search_what_is_nothing_but_slashes():
    mapper = IndexedRoutes()
    mapper.connect("deep", "/a/b/{x}")
    assert mapper(request("/" * 10_000_000))["route"] is None


def test_no_path_is_the_root():
    mapper = IndexedRoutes()
    mapper.connect("root", "/")
    nowhere = Request.blank("/")
    del nowhere.environ["PATH_INFO"]
    assert mapper(nowhere)["route"].name == "root"


def test_it_refuses_what_is_not_utf_8():
    broken = Request.blank("/", environ={"PATH_INFO": "/\xff"})
    with pytest.raises(URLDecodeError):
        IndexedRoutes()(broken)


def test_it_tries_no_route_of_another_plugin(app):
    mapper = app.registry.getUtility(IRoutesMapper)
    tried = [route.name for route in mapper._candidates("/api/v1/widgets/a")]  # noqa: SLF001
    assert tried == ["widget"]


def test_it_leaves_the_routes_alone_that_somebody_has_added_before():
    config = Configurator()
    config.add_route("theirs", "/theirs")
    config.commit()
    config.include("widget_service.routing")
    assert not isinstance(config.registry.getUtility(IRoutesMapper), IndexedRoutes)


def test_a_pattern_may_be_bytes():
    mapper = IndexedRoutes()
    mapper.connect("old", b"/old/{x}")
    mapper.connect("whole", b"/whole")
    assert mapper(request("/old/1"))["match"] == {"x": "1"}
    assert mapper(request("/whole"))["route"].name == "whole"


def test_a_line_break_is_no_end_of_a_path():
    # Pyramid's expressions end in $, which takes one.
    mapper = IndexedRoutes()
    mapper.connect("whole", "/whole")
    assert mapper(request("/whole\n"))["route"] is None
