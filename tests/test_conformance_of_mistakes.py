"""What the conformance tests say of plugins that do not keep to what they ask."""

import re
from contextlib import contextmanager

import pytest

from widget_service import conformance
from widget_service.conformance.values import VALUES, likenesses, mistakes
from widget_service.testing import Client, application, ini_text

PLUGIN = """
import colander
from pyramid.authorization import Allow
from widget_service.answers import Bare, Empty, Success, response_key
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

class Sent(colander.MappingSchema):
    number = response_key(Text(), name="Pie-Number")

class Promised(Shown):
    header = Sent()

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
    """A function that makes a context: the plugin, with some of its lines replaced, as a subject.

    It is told each line, and after it what stands there instead.
    """

    @contextmanager
    def make(*changes):
        text = PLUGIN
        for line, other in zip(changes[::2], changes[1::2], strict=True):
            assert line in text
            text = text.replace(line, other)
        write_plugin("pies", text)
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


@pytest.mark.parametrize("taken", ["False", "filling in request.registry.pies.values()"])
def test_it_finds_a_statement_for_each_object_of_a_list(subject_of, taken):
    """Whether the example may be added again or not."""
    show = "def show(number, filling):"
    each = (
        "    [request.rows(text('SELECT 1'), {}) for _pie in request.registry.pies]\n    return {"
    )
    listing = LISTING.replace("    return {", each).replace('"pies", r', '"pies", statements=9, r')
    adding = "    number = len(request.registry.pies) + 1"
    refusing = f"""
    filling = request.validated["body"]["filling"]
    if {taken}:
        raise Invalid({{"filling": "There is one."}})
"""
    with (
        subject_of(
            show, "from sqlalchemy import text\n" + listing + show, adding, refusing + adding
        ) as subject,
        pytest.raises(AssertionError, match="GET /pies sends 2 SQL statements, and 5 with 3 obj"),
    ):
        conformance.test_its_lists_cost_the_same_however_long_they_are(subject)


@pytest.mark.parametrize(
    ("body", "others"),
    [
        ({"filling": "plum"}, [{"filling": each} for each in ("plum7", "7plum", "plu7")]),
        ({"slices": 5, "cream": None}, [{"slices": 12, "cream": None}]),
    ],
)
def test_it_finds_likenesses_of_an_example(body, others):
    assert list(likenesses(body, 7)) == [body, *others]


@pytest.mark.parametrize(
    ("example", "count"), [("a", 1), ([], 1), ([1, 2], 2), ({"a": 1, "b": [1]}, 4)]
)
def test_it_finds_every_place_of_an_example(example, count):
    assert len(list(mistakes(example))) == count * len(VALUES)


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
        ('"crust": None', '"crust": None, "price": 1', "'price' was unexpected"),
        ('"201": Shown(', '"201": Empty(', "POST .*/pies .*: 201 is documented without a body"),
        (
            '"201": Shown(',
            '"201": Promised(',
            "headers that no answer had: .*'/pies', 201",
        ),
        (
            '    return {"status": "success", "message": "Changed."}',
            "    from pyramid.response import Response; return Response('no', status=400)",
            r"PUT .*/pies/\d .*: 400 is text/html",
        ),
        (
            '    return {"status": "success", "message": "Changed."}',
            '    request.response.status_int = 400; return {"message": "Sour."}',
            r"PUT .*/pies/\d .*: 400 is not as documented: .*'errors' is a required property",
        ),
    ],
)
def test_it_compares_answers_with_the_documentation(subject_of, line, other, wrong):
    with subject_of(line, other) as subject, pytest.raises(AssertionError, match=wrong):
        check_answers(subject)


def test_it_leaves_out_what_is_not_to_be_documented(subject_of, capsys):
    line = 'pie = Service("pie", "/pies/{number:[0-9]{1,9}}", factory=Pie)'
    with subject_of(line, line.replace(")", ", documented=False)")) as subject:
        for check in [*EVERYTHING, check_answers]:
            check(subject)
        assert {path for _method, path, _document in subject.operations} == {"/pies"}
    assert "not tested, as documented=False: GET /api/v1/pies/{number}\n" in capsys.readouterr().out


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
    wrong = r"POST /pies never answered \{409\}; .* unprovoked, and test it\n"
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


NUMBER = "/pies/{number:[0-9]{1,9}}"
FINDING = 'if int(self.request.matchdict["number"]) not in self.request.registry.pies:'


def test_it_has_hostile_values_in_every_part_of_a_path(subject_of):
    with (
        subject_of(NUMBER, "/pies/{number}/{filling}") as subject,
        pytest.raises(AssertionError, match=r"GET /api/v1/pies/%20/apple .*: 500"),
    ):
        conformance.test_it_answers_hostile_values_as_documented(subject)


def test_it_looks_for_what_is_missing_in_every_part_of_a_path(subject_of):
    careless = 'if self.request.matchdict["filling"] != "apple":'
    with (
        subject_of(NUMBER, NUMBER + "/{filling}", FINDING, careless) as subject,
        pytest.raises(AssertionError, match="assert 200 == 404"),
    ):
        conformance.test_it_keeps_the_order_of_checks(subject)


@pytest.mark.parametrize(
    "field",
    [
        "filling = colander.SchemaNode(Tree(), example={'apple': {'colour': 'red'}})",
        "filling = colander.SchemaNode(Tree(), example=[{'colour': 'red'}, {}])",
    ],
)
def test_it_has_hostile_values_in_whatever_is_in_a_field(subject_of, field):
    line = 'filling = field(Text(), colander.Length(1, 80), example="apple")'
    tree = """
class Tree(colander.Mapping):
    def deserialize(self, node, found):
        if isinstance(found, (dict, list)):
            for each in found.values() if isinstance(found, dict) else found:
                if isinstance(each, dict) and each.get("colour") is True:
                    raise RuntimeError
        return "apple"

class _Pie("""
    with (
        subject_of(line, field, "\nclass _Pie(", tree) as subject,
        pytest.raises(AssertionError, match=r"POST /api/v1/pies .*\"colour\": true.*: 500"),
    ):
        conformance.test_it_answers_hostile_values_as_documented(subject)


def test_it_has_hostile_values_of_users(subject_of):
    line = "    number = len(request.registry.pies) + 1"
    failing = "    1 / request.identity.admin\n"
    with (
        subject_of(line, failing + line) as subject,
        pytest.raises(AssertionError, match=r"POST /api/v1/pies .*: 500"),
    ):
        conformance.test_it_answers_hostile_values_as_documented(subject)


@pytest.mark.parametrize(
    ("unprovoked", "wrong"),
    [
        ({("GET", "/pies/{number}"): {404}}, "GET /pies/{number} did answer {404}"),
        ({("GET", "/pies/{number}"): {418}}, "GET /pies/{number} has no {418} in the doc"),
        ({("GET", "/cakes"): {404}}, "GET /cakes has no {404} in the doc"),
    ],
)
def test_it_refuses_what_is_said_to_be_unprovoked_for_nothing(subject_of, unprovoked, wrong):
    with (
        subject_of() as subject,
        pytest.raises(AssertionError, match=re.escape(f"unprovoked: {wrong}")),
    ):
        conformance.test_it_answers_what_is_documented_and_documents_what_it_answers(
            subject, unprovoked
        )


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


CRUMBS = """
from alembic import op

revision = "crumbs0001"
down_revision = None
branch_labels = ("crumbs",)
depends_on = ("notes",)

def upgrade():
    op.execute(STATEMENT)

def downgrade():
    pass
"""


@pytest.fixture
def migrate_with(own_database, tmp_path, write_plugin):
    """A function that tests migrations which leave behind what a statement makes."""

    def check(statement):
        text = 'def includeme(config):\n    config.add_migrations("crumbs:migrations")\n'
        write_plugin("crumbs/__init__", text)
        write_plugin("crumbs/migrations/0001", CRUMBS.replace("STATEMENT", repr(statement)))
        plugins = ("plugins.notes", "widget_service.auth", "crumbs")
        conformance.test_its_migrations_go_up_and_down(own_database, plugins, {}, tmp_path)

    return check


def test_it_finds_a_table_that_migrations_leave_behind(migrate_with):
    with pytest.raises(AssertionError, match=r"have left something(?s:.*)'crumb'"):
        migrate_with("CREATE TABLE crumb (id INTEGER)")


@pytest.mark.parametrize("own_database", ["postgresql"], indirect=True)
def test_it_finds_a_type_that_migrations_leave_behind(migrate_with):
    with pytest.raises(AssertionError, match=r"have left something(?s:.*)'type crumb'"):
        migrate_with("CREATE TYPE crumb AS ENUM ('sweet')")
