"""What the conformance tests say of plugins that do not keep to what they ask."""

from contextlib import contextmanager

import pytest

from widget_service import conformance
from widget_service.testing import Client, application, ini_text

PLUGIN = """
import colander
from pyramid.authorization import Allow
from widget_service.answers import Bare, Success, response_key
from widget_service.errors import Conflict, Forbidden, Invalid, NotFound
from widget_service.fields import Text, WholeNumber, field
from widget_service.principals import Authenticated
from widget_service.resources import Context
from widget_service.rest import Service

class Pies(Context):
    __acl__ = ((Allow, Authenticated, "pies"),)

class Pie(Pies):
    def load(self):
        if int(self.request.matchdict["number"]) not in self.request.registry.pies:
            raise NotFound("There is no such pie.")

class _Pie(colander.MappingSchema):
    filling = field(Text(), colander.Length(1, 80), example="apple")

class NewPie(colander.MappingSchema):
    body = _Pie()

class _Shown(colander.MappingSchema):
    number = response_key(WholeNumber())
    filling = response_key(Text())
    baker = response_key(Text(), nullable=True)
    crust = response_key(Text(), validator=colander.OneOf(["thin", "thick"]), nullable=True)

class Shown(colander.MappingSchema):
    body = _Shown()

pies = Service("pies", "/pies", factory=Pies)
pie = Service("pie", "/pies/{number:[0-9]{1,9}}", factory=Pie)

@pies.post(
    permission="pies", schema=NewPie(), response_schemas={"201": Shown(description="Baked.")}
)
def post_pie(request):
    number = len(request.registry.pies) + 1
    request.registry.pies[number] = request.validated["body"]["filling"]
    request.response.status_int = 201
    request.response.headers["Location"] = f"{request.host_url}{request.path}/{number}"
    return show(number, "apple")

@pie.get(permission="pies", response_schemas={"200": Shown(description="The pie.")})
def get_pie(request):
    return show(int(request.matchdict["number"]), "apple")

@pie.put(
    permission="pies",
    schema=NewPie(),
    response_schemas={"200": Success(description="Changed."), "403": Bare(description="Not ours.")},
)
def put_pie(request):
    if not request.identity.admin:
        raise Forbidden("Only who bakes a pie may change it.")
    return {"status": "success", "message": "Changed."}

def show(number, filling):
    return {"number": number, "filling": filling, "baker": None, "crust": None}

def includeme(config):
    config.include("widget_service.auth")
    config.declare_permissions({"pies": "bake and look at pies"})
    config.registry.pies = {}
    config.add_rest_service(pies)
    config.add_rest_service(pie)
"""
EVERYTHING = (
    conformance.test_it_documents_every_route,
    conformance.test_it_keeps_the_order_of_checks,
    conformance.test_it_answers_hostile_values_as_documented,
)


@pytest.fixture
def subject_of(tmp_path, write_plugin):
    """A function that makes a context: the plugin, with one of its lines replaced, as a subject."""

    @contextmanager
    def make(line="", other=""):
        assert line in PLUGIN
        write_plugin("pies", PLUGIN.replace(line, other) if line else PLUGIN)
        plugins = ("pies", "widget_service.docs")
        app = application(ini_text(f"sqlite:///{tmp_path / 'test.sqlite'}", plugins), tmp_path)
        try:
            yield conformance.Subject(Client(app), plugins)
        finally:
            app.registry.database.close()

    return make


LISTING = """
@pies.get(permission="pies", response_schemas={"200": Success(description="How many.")})
def count_pies(request):
    return {"status": "success", "message": str(len(request.registry.pies))}

"""


def test_a_list_has_something_in_it_when_it_is_asked_for(subject_of):
    show = "def show(number, filling):"
    with subject_of(show, LISTING + show) as subject:
        (listing,) = [each for each in subject.operations if each[:2] == ("get", "/pies")]
        subject.prepare(listing)
        assert subject.call(subject.user, listing) == 200
        assert subject.answer.json["message"] == "1"


def check_answers(subject):
    conformance.test_it_answers_what_is_documented_and_documents_what_it_answers(subject, {})


@pytest.mark.parametrize("check", [*EVERYTHING, check_answers])
def test_a_view_may_refuse_by_its_object_which_a_pattern_finds(subject_of, check):
    with subject_of() as subject:
        check(subject)


@pytest.mark.parametrize(
    ("line", "other", "wrong"),
    [
        ('{"number": number, ', '{"no": number, ', "'number' is a required property"),
        ('"number": number', '"number": str(number)', "'1' is not of type 'integer'"),
        ('"baker": None', '"baker": 1', "1 is not of type 'string', 'null'"),
        ('"crust": None', '"crust": "none"', "'none' is not one of"),
        (
            '    return show(int(request.matchdict["number"]), "apple")',
            "    pass",
            "None is not of",
        ),
        (
            '    return show(int(request.matchdict["number"]), "apple")',
            '    from pyramid.response import Response; return Response("pie")',
            "text/html",
        ),
    ],
)
def test_it_compares_answers_with_the_documentation(subject_of, line, other, wrong):
    with subject_of(line, other) as subject, pytest.raises(AssertionError, match=wrong):
        check_answers(subject)


def test_it_says_how_the_preparation_went(subject_of):
    answer = r"POST /pies, .* was answered 400 .*sour"
    refusing = '    raise Invalid({"filling": "sour"})'
    wrong = rf"no field of POST /pies is named .*{answer}"
    with (
        subject_of("    number = len(request.registry.pies) + 1", refusing) as subject,
        pytest.raises(AssertionError, match=wrong),
    ):
        check_answers(subject)


def test_it_says_which_documented_status_is_not_real(subject_of):
    unreal = '"201": Shown(description="Baked."), "409": Bare(description="Burnt.")'
    wrong = r"post /pies never answered \{409\}; .* unprovoked, and test it\n"
    with (
        subject_of('"201": Shown(description="Baked.")', unreal) as subject,
        pytest.raises(AssertionError, match=wrong),
    ):
        check_answers(subject)


def test_it_looks_for_the_object_before_the_fields(subject_of):
    late = 'pie = Service("pie", "/pies/{number:[0-9]{1,9}}", factory=Pies)'
    early = 'pie = Service("pie", "/pies/{number:[0-9]{1,9}}", factory=Pie)'
    with subject_of(early, late) as subject:
        (put,) = (each for each in subject.operations if each.method == "put")
        put.document["responses"]["404"] = {}
        with pytest.raises(AssertionError, match="assert 400 == 404"):
            conformance.test_it_keeps_the_order_of_checks(subject)


def test_it_says_so_where_a_pattern_takes_no_name_that_it_knows(subject_of):
    wrong = "its pattern takes none of"
    with subject_of("[0-9]{1,9}", "[1-3]") as subject, pytest.raises(AssertionError, match=wrong):
        conformance.test_it_keeps_the_order_of_checks(subject)


@pytest.mark.parametrize(
    ("tables", "branches", "wrong"),
    [
        ({"cake"}, [], r"pies has \['cake'\], and no branch .* branch_labels"),
        (set(), ["pies"], r"pies has migrations, \['pies'\], and no model"),
    ],
)
def test_it_says_what_tables_and_migrations_lack(tables, branches, wrong):
    with pytest.raises(AssertionError, match=wrong):
        conformance.check_branches("pies", tables, branches)
