"""Cornice's own services, of plugins that were written for it."""

import json

import cornice
import cornice.resource
import pytest
from core import serving
from pyramid.security import NO_PERMISSION_REQUIRED

PUBLIC = {"permission": NO_PERMISSION_REQUIRED}


def mark(response):
    response.headers["Marked"] = "yes"
    return response


plain = cornice.Service("plain", "/plain")
marked = cornice.Service("marked", "/marked", filters=[mark])
shared = cornice.Service("shared", "/shared", cors_origins=("https://a.example",))


@plain.get(**PUBLIC)
@marked.get(**PUBLIC)
@shared.get(**PUBLIC)
def get(request):
    """Show what Cornice gives to a request."""
    request.errors.status  # noqa: B018  (it is there)
    return {"service": request.current_service.name, "validated": request.validated}


@cornice.resource.resource(path="/things/{name}", **PUBLIC)
class Thing:
    """A resource in Cornice's sense."""

    def __init__(self, request, context=None):  # noqa: ARG002  (Cornice calls it so)
        self.request = request

    def get(self):
        """Show it."""
        return {"thing": self.request.matchdict["name"]}


@pytest.mark.parametrize(
    "services", [["plain"], ["marked"], ["shared"], ["plain", "marked", "shared"]]
)
def test_what_was_written_for_cornice_works(tmp_path, write_plugin, services):
    adds = "".join(f"    config.add_cornice_service(test_cornice.{name})\n" for name in services)
    write_plugin(
        "written_for_cornice",
        "import test_cornice\n\ndef includeme(config):\n    config.include('cornice')\n"
        f"{adds}    config.add_cornice_resource(test_cornice.Thing)\n",
    )
    with serving(tmp_path, "written_for_cornice", cors__origins="https://none.example") as testapp:
        for name in services:
            answer = testapp.get(f"/{name}", headers={"Origin": "https://a.example"})
            assert answer.json == {"service": name, "validated": {}}
            assert ("Marked" in answer.headers) == (name == "marked")
            origin = answer.headers.get("Access-Control-Allow-Origin")
            assert origin == ("https://a.example" if name == "shared" else None)
        assert json.loads(testapp.get("/things/a").body) == {"thing": "a"}
