"""The Swagger document: schemas of every kind, forms, tags, and one document per application."""

import ast
import datetime as dt
import enum
from decimal import Decimal
from pathlib import Path

import colander
import pytest
from openapi_spec_validator import validate
from pyramid.security import NO_PERMISSION_REQUIRED

import widget_service
from widget_service import fields
from widget_service.answers import response_key
from widget_service.bodies import FORM, JSON, MULTIPART
from widget_service.rest import Service


class Colour(enum.Enum):
    RED = 1


class Own(colander.String):
    """A plugin's type, two classes away from one that is known."""


class OwnNumber(fields.WholeNumber):
    swagger = {"maximum": 7}  # noqa: RUF012  (a type says it like this)


class Alien:
    """Not even one of Colander's."""

    def serialize(self, _node, value):
        return value

    deserialize = serialize

    def cstruct_children(self, _node, _cstruct):
        return []


def node(typ, *children, **options):
    return colander.SchemaNode(typ, *children, name="it", **options)


def documented(registry, *nodes, location="body", method="post", **options):
    """The operation of a service that takes these fields."""
    made = Service("things", "/things", tags=["things"])
    schema = colander.MappingSchema()
    schema.add(colander.SchemaNode(colander.Mapping(), *nodes, name=location))

    @made.decorator(method, schema=schema, permission=NO_PERMISSION_REQUIRED, **options)
    def view(_request):
        """Make things."""

    document = registry(made).documents.swagger
    validate(document)
    return document["paths"]["/things"][method], document


@pytest.mark.parametrize(
    ("typ", "expected"),
    [
        (fields.Text(), {"type": "string"}),
        (fields.WholeNumber(), {"type": "integer"}),
        (fields.Flag(), {"type": "boolean"}),
        (fields.TimeZone(), {"type": "string"}),
        (colander.String(), {"type": "string"}),
        (colander.Integer(), {"type": "integer"}),
        (colander.Float(), {"type": "number"}),
        (colander.Decimal(), {"type": "number"}),
        (colander.Money(), {"type": "number"}),
        (colander.Boolean(), {"type": "boolean"}),
        (colander.Date(), {"type": "string", "format": "date"}),
        (colander.DateTime(), {"type": "string", "format": "date-time"}),
        (colander.Enum(Colour), {"type": "string"}),
        (colander.Set(), {"type": "array", "items": {"type": "string"}}),
        (colander.List(), {"type": "array", "items": {"type": "string"}}),
        (Own(), {"type": "string"}),
        (OwnNumber(), {"type": "integer", "maximum": 7}),
        (Alien(), {"type": "string"}),
    ],
)
def test_it_has_a_converter_for_every_type(registry, typ, expected):
    operation, _ = documented(registry, node(typ), location="querystring", method="get")
    assert operation["parameters"] == [{"name": "it", "in": "query", "required": True, **expected}]


def tens():
    def validator(_node, _value):
        """Ten or twenty."""

    validator.choices = (10, 20)
    return validator


@colander.deferred
def later(_node, kw):
    return kw["registry"].documents.__class__.__name__


@pytest.mark.parametrize(
    ("typ", "options", "expected"),
    [
        (fields.Text(), {"missing": colander.drop}, {"required": False}),
        (fields.Text(), {"missing": None}, {"required": False}),
        (fields.Text(), {"missing": "a"}, {"required": False, "default": "a"}),
        (fields.Text(), {"missing": later}, {"required": False, "default": "Documents"}),
        (
            colander.Date(),
            {"missing": dt.date(2099, 12, 31)},
            {"required": False, "default": "2099-12-31", "format": "date"},
        ),
        (fields.Text(), {"description": "Why."}, {"description": "Why."}),
        (fields.Text(), {"title": "It"}, {}),
        (fields.Text(), {"format": "email"}, {"format": "email"}),
        (fields.Text(), {"example": "like this"}, {"x-example": "like this"}),
        (
            fields.Text(),
            {"validator": colander.Length(1, 9)},
            {"minLength": 1, "maxLength": 9},
        ),
        (fields.Text(), {"validator": colander.Regex(r"[a-z]+\Z")}, {"pattern": "[a-z]+$"}),
        (fields.Text(), {"validator": colander.Email()}, {"format": "email"}),
        (fields.Text(), {"validator": colander.OneOf(("a", "b"))}, {"enum": ["a", "b"]}),
        (fields.Text(), {"validator": lambda _node, _value: None}, {}),
        (
            fields.WholeNumber(),
            {"validator": colander.All(colander.Range(1, 30), tens())},
            {"minimum": 1, "maximum": 30, "enum": [10, 20]},
        ),
        (
            colander.Decimal(),
            {"validator": colander.Range(min=Decimal("0.5"))},
            {"minimum": 0.5},
        ),
    ],
)
def test_it_says_what_a_node_says(registry, typ, options, expected):
    operation, _ = documented(registry, node(typ, **options))
    (parameter,) = operation["parameters"]
    basic = {"name": "it", "in": "formData", "required": True}
    del parameter["type"]
    assert parameter == {**basic, **expected}


def test_it_shows_a_body_as_a_form(registry):
    operation, _ = documented(registry, node(fields.Text()))
    assert operation["consumes"] == [FORM, MULTIPART, JSON]
    assert [parameter["in"] for parameter in operation["parameters"]] == ["formData"]


@pytest.mark.parametrize(
    ("typ", "children"),
    [
        (colander.Mapping(), [colander.SchemaNode(fields.Text(), name="part")]),
        (colander.Sequence(), [colander.SchemaNode(fields.Text(), name="part")]),
        (colander.Tuple(), [colander.SchemaNode(fields.Text(), name=name) for name in "ab"]),
    ],
)
def test_it_shows_a_body_that_no_form_can_have_as_json(registry, typ, children):
    operation, document = documented(registry, node(typ, *children))
    assert operation["consumes"] == [JSON]
    (parameter,) = operation["parameters"]
    assert (parameter["name"], parameter["in"]) == ("body", "body")
    assert parameter["schema"]["required"] == ["it"]
    assert "title" not in parameter["schema"]
    converted = widget_service.docs.openapi.convert(document)
    validate(converted)
    body = converted["paths"]["/things"]["post"]["requestBody"]["content"]
    assert body == {JSON: {"schema": parameter["schema"]}}


def test_it_takes_the_word_of_a_service_for_its_content_type(registry):
    operation, _ = documented(registry, node(fields.Text()), content_type=[JSON])
    assert operation["consumes"] == [JSON]


def test_it_describes_a_tag_by_the_first_paragraph_of_the_package(client):
    described = {
        tag["name"]: tag["description"] for tag in client.get("/api/v1/swagger.json").json["tags"]
    }
    assert described.keys() == {"auth", "widgets"}
    first, _, _ = widget_service.auth.__doc__.partition("\n\n")
    assert described["auth"] == first


def test_it_describes_a_tag_by_a_module_whose_package_says_nothing(registry):
    _, document = documented(registry)
    assert document["tags"] == [
        {
            "name": "things",
            "description": "The Swagger document: schemas of every kind, forms, tags, "
            "and one document per application.",
        }
    ]


def test_it_documents_a_view_without_a_docstring(registry):
    made = Service("things", "/things")

    @made.get(permission=NO_PERMISSION_REQUIRED)
    def view(_request):
        pass

    document = registry(made).documents.swagger
    validate(document)
    assert document["paths"]["/things"]["get"]["summary"] == ""


def test_it_splits_a_docstring_into_summary_and_description(registry):
    made = Service("things", "/things")

    @made.get()
    def view(_request):
        """Show things,
        all of them.

        In detail.
        """

    operation = registry(made).documents.swagger["paths"]["/things"]["get"]
    assert operation["summary"] == "Show things, all of them."
    assert operation["description"] == "In detail."


def test_it_shares_equal_schemas_and_numbers_unequal_ones_of_one_name(registry):
    class Thing(colander.MappingSchema):
        name = response_key(fields.Text())

    first = Thing

    class Thing(colander.MappingSchema):  # as in another plugin
        number = response_key(fields.WholeNumber())

    made = Service("things", "/things")

    @made.get(
        response_schemas={
            status: wrapped(shape)
            for status, shape in (("200", first), ("202", Thing), ("203", first), ("206", Thing))
        }
    )
    def view(_request):
        """Show things."""

    document = registry(made).documents.swagger
    answers = document["paths"]["/things"]["get"]["responses"]
    assert [answers[status]["schema"]["$ref"] for status in ("200", "202", "203", "206")] == [
        "#/definitions/Thing",
        "#/definitions/Thing2",
        "#/definitions/Thing",
        "#/definitions/Thing2",
    ]
    assert document["definitions"]["Thing2"]["required"] == ["number"]


def wrapped(shape):
    schema = colander.MappingSchema(description="Things.")
    schema.add(shape(name="body"))
    return schema


def test_it_names_every_parameter_of_a_path(registry):
    made = Service("things", "/things/{id:[0-9]+}.{format}/*rest")

    @made.get()
    def view(_request):
        """Show a thing."""

    document = registry(made).documents.swagger
    validate(document)
    parameters = document["paths"]["/things/{id}.{format}/{rest}"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["id", "format", "rest"]


def test_it_has_an_identifier_for_each_operation(client):
    paths = client.get("/api/v1/swagger.json").json["paths"]
    found = [
        path[method]["operationId"]
        for path in paths.values()
        for method in path.keys() - {"parameters"}
    ]
    assert len(set(found)) == len(found) == 12


def test_it_is_the_document_of_one_application(registry):
    one, other = Service("one", "/one"), Service("other", "/other")
    for made in (one, other):

        @made.get()
        def view(_request):
            """Show something."""

    first = registry(one, docs__title="First").documents
    second = registry(other, docs__title="Second").documents
    assert (first.swagger["info"]["title"], [*first.swagger["paths"]]) == ("First", ["/one"])
    assert (second.swagger["info"]["title"], [*second.swagger["paths"]]) == ("Second", ["/other"])
    assert first.swagger is first.swagger


def test_it_alone_imports_the_library_that_nobody_develops_any_more():
    importing = {
        str(file.relative_to(Path(widget_service.__file__).parent))
        for file in Path(widget_service.__file__).parent.rglob("*.py")
        for statement in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(statement, ast.Import | ast.ImportFrom)
        and "cornice_swagger" in ast.unparse(statement)
    }
    assert importing == {"docs/swagger.py"}
