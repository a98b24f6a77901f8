"""What the service makes of contexts before anybody asks."""

import pytest

from widget_service.contexts import sample_of
from widget_service.testing import application, ini_text

# Its ACL asks for what there is not yet.
EARLY = """
from sqlalchemy import text
from widget_service.resources import Context
from widget_service.rest import Service
class Pie(Context):
    def __acl__(self):
        if self.request.rows(text("SELECT entry FROM pie_acl")):
            raise AssertionError
        assert self.request.dbsession is None
        return ()
service = Service("pie", "/pie", factory=Pie)
@service.post()
def post_pie(request):
    return {}
def includeme(config):
    config.include("widget_service")
    config.add_rest_service(service)
"""


@pytest.mark.parametrize(
    ("path", "matchdict"),
    [
        ("/things", {}),
        ("/things/{id}", {"id": "x"}),
        ("/things/{code:[a-z]+}", {"code": "x"}),
        ("/things/{id:[0-9]{1,9}}", {"id": "1"}),
        ("/things/{id:[0-9a-f-]{36}}", {"id": "00000000-0000-4000-8000-000000000000"}),
        ("/things/{id:[0-9]{6}}/{code:[A-Z]{3}}", {"id": "111111", "code": "XXX"}),
        # No sample fits, and the context has to do with any.
        ("/things/{id:[A-Z]{2}-[0-9]+}/*rest", {"id": "x", "rest": ("x",)}),
    ],
)
def test_it_has_a_sample_of_each_part_of_a_path(path, matchdict):
    assert sample_of(path) == matchdict


def test_the_service_starts_before_there_is_what_an_acl_reads(tmp_path, write_plugin):
    write_plugin("early", EARLY)
    url = f"sqlite:///{tmp_path / 'test.sqlite'}"
    app = application(ini_text(url, ["widget_service.auth", "early"]), tmp_path)
    assert app.registry.introspector.get("services", "pie")
    app.registry.database.close()
