"""The OpenAPI document says what the Swagger document says."""

import colander
from openapi_spec_validator import validate
from pyramid.security import NO_PERMISSION_REQUIRED

from widget_service import fields
from widget_service.answers import response_key
from widget_service.bodies import FORM, JSON, MULTIPART
from widget_service.rest import Service


def fetch(client):
    return client.get("/api/v1/swagger.json").json, client.get("/api/v1/openapi.json").json


def operations(document):
    return {
        (path, method): item[method]
        for path, item in document["paths"].items()
        for method in item.keys() - {"parameters"}
    }


def test_it_is_valid_as_the_swagger_document_is(client):
    swagger, openapi = fetch(client)
    assert (swagger["swagger"], openapi["openapi"]) == ("2.0", "3.1.0")
    validate(swagger)
    validate(openapi)


def test_it_is_valid_where_nothing_is_documented(registry):
    documents = registry().documents
    assert documents.swagger["paths"] == documents.openapi["paths"] == {}
    validate(documents.swagger)
    validate(documents.openapi)


def test_it_has_the_same_operations_statuses_and_headers(client):
    swagger, openapi = map(operations, fetch(client))
    assert swagger.keys() == openapi.keys()
    for key, operation in swagger.items():
        converted = openapi[key]
        for kept in ("summary", "tags", "operationId", "security"):
            assert converted.get(kept) == operation.get(kept)
        assert [*converted["responses"]] == [*operation["responses"]]
        for status, response in operation["responses"].items():
            headers = converted["responses"][status].get("headers", {})
            assert headers.keys() == response.get("headers", {}).keys()


def test_it_takes_a_bare_token(client):
    swagger, openapi = fetch(client)
    assert swagger["securityDefinitions"]["bearer"]["type"] == "apiKey"
    scheme = openapi["components"]["securitySchemes"]["bearer"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_it_shows_a_form_first_and_the_other_content_types_after_it(client):
    _, openapi = fetch(client)
    body = openapi["paths"]["/auth/login"]["post"]["requestBody"]
    assert body["required"] is True
    assert [*body["content"]] == [FORM, MULTIPART, JSON]
    for content in body["content"].values():
        assert content["schema"] == {
            "type": "object",
            "properties": {
                "email": {"type": "string", "format": "email", "example": "user@example.com"},
                "password": {"type": "string", "format": "password", "example": "123456"},
            },
            "required": ["email", "password"],
        }


def test_it_shows_page_sizes_and_defaults(client):
    _, openapi = fetch(client)
    page, size, cursor = openapi["paths"]["/widgets"]["get"]["parameters"]
    assert cursor["schema"] == {"type": "string"}
    assert page["schema"] == {"type": "integer", "minimum": 1, "default": 1}
    assert size["schema"] == {
        "type": "integer",
        "minimum": 1,
        "default": 10,
        "enum": [5, 10, 25, 50, 100],
    }


def test_it_keeps_descriptions_and_examples_of_optional_fields(registry):
    class Body(colander.MappingSchema):
        note = colander.SchemaNode(
            fields.Text(), missing="", description="For people.", example="like this"
        )

    class Schema(colander.MappingSchema):
        body = Body()

    made = Service("notes", "/notes")

    @made.post(schema=Schema(), permission=NO_PERMISSION_REQUIRED)
    def view(_request):
        """Make a note.

        It is kept.
        """

    openapi = registry(made).documents.openapi
    operation = openapi["paths"]["/notes"]["post"]
    assert operation["description"] == "It is kept."
    assert operation["requestBody"]["content"][FORM]["schema"] == {
        "type": "object",
        "properties": {
            "note": {
                "type": "string",
                "default": "",
                "description": "For people.",
                "example": "like this",
            }
        },
    }


def test_it_refers_to_schemas_where_openapi_keeps_them(client):
    swagger, openapi = fetch(client)
    assert openapi["components"]["schemas"].keys() == swagger["definitions"].keys()
    assert "#/definitions/" not in str(openapi)


def test_it_says_what_may_be_null(registry):
    class Fields(colander.MappingSchema):
        maker = colander.SchemaNode(fields.Text(), missing=None, nullable=True)

    class Change(colander.MappingSchema):
        body = Fields()

    made = Service("things", "/things")
    body = colander.SchemaNode(
        colander.Mapping(),
        response_key(fields.Text(), name="maker", nullable=True),
        response_key(
            fields.Text(), name="state", validator=colander.OneOf(["open"]), nullable=True
        ),
        name="body",
        title="Thing",
    )
    answer = colander.SchemaNode(colander.Mapping(), body, description="A thing.")

    @made.get(permission=NO_PERMISSION_REQUIRED, response_schemas={"200": answer})
    def view(_request):
        """Show a thing."""

    @made.post(permission=NO_PERMISSION_REQUIRED, schema=Change())
    def change(_request):
        """Change a thing."""

    documents = registry(made).documents
    validate(documents.swagger)
    validate(documents.openapi)
    (thing,) = (
        each
        for each in documents.openapi["components"]["schemas"].values()
        if "maker" in each["properties"]
    )
    assert thing["required"] == ["maker", "state"]
    assert thing["properties"]["maker"]["type"] == ["string", "null"]
    assert thing["properties"]["state"]["enum"] == ["open", None]
    content = documents.openapi["paths"]["/things"]["post"]["requestBody"]["content"]
    assert content[FORM]["schema"]["properties"]["maker"]["type"] == ["string", "null"]
    assert "x-nullable" not in str(documents.openapi)
