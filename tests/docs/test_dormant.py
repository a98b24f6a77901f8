"""cornice_swagger sleeps upstream: it is behind one module, and can be replaced there."""

from openapi_spec_validator import validate

from widget_service.docs import documents
from widget_service.docs.documents import Documents
from widget_service.docs.operations import SECURITY, described, documented


class Plain:
    """Swagger 2.0 with nothing of cornice_swagger in it: operations, and what comes of them."""

    @staticmethod
    def build(registry, values):
        paths = {}
        for service in documented(registry):
            found = described(registry, service)
            parameters = [
                {"name": name, "in": "path", "required": True, "type": "string"}
                for name in ("name", "jti")
                if f"{{{name}}}" in found.path
            ]
            paths[found.path] = {"parameters": parameters} | {
                method.lower(): {
                    "operationId": args["operation_id"],
                    "produces": ["application/json"],
                    "responses": {
                        status: {"description": schema.description}
                        for status, schema in args["response_schemas"].items()
                    },
                }
                for method, _view, args in found.definitions
            }
        return {
            "swagger": "2.0",
            "info": {"title": values.title, "version": values.version},
            "tags": [],
            "paths": paths,
            "definitions": {},
            "securityDefinitions": {SECURITY: {}},
        }


def test_it_works_with_another_generator(client, monkeypatch):
    before = client.get("/api/v1/openapi.json").json
    monkeypatch.setattr(documents, "swagger", Plain)
    monkeypatch.setattr(client.registry, "documents", Documents(client.registry))
    assert client.get("/api/v1/swagger.json").json["swagger"] == "2.0"
    after = client.get("/api/v1/openapi.json").json
    validate(after)
    assert statuses(after) == statuses(before)
    assert client.get("/api/v1/ui").status_int == 200


def statuses(document):
    """The statuses of each operation."""
    return {
        (path, method): set(operation["responses"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }
