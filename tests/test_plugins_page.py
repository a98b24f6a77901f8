"""What docs/plugins.md shows of fields and files works as it stands there."""

import re
from pathlib import Path

import pytest
from core import refused, serving

PAGE = (Path(__file__).parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LIMIT = 2048

BEFORE = """
import re
from decimal import Decimal
from types import SimpleNamespace

import colander
from pyramid.authorization import Allow, Everyone
from pyramid.response import Response
from widget_service.answers import Bare, Empty
from widget_service.bodies import read_bytes
from widget_service.fields import Text
from widget_service.resources import ObjectContext
from widget_service.rest import Service

kept = {}

class Pictures(ObjectContext):
    __acl__ = ((Allow, Everyone, "pictures:read"), (Allow, Everyone, "pictures:write"))
    creating = ("PUT",)

    def find(self, _rows):
        return kept.get(self.request.matchdict["name"])

    lock = find

def keep(_session, name, content):
    kept[name] = SimpleNamespace(content=content)

workshop = SimpleNamespace(keep=keep)
picture = Service("picture", "/pictures/{name}", factory=Pictures)
price = Service("price", "/pictures/{name}/price", factory=Pictures)
"""

AFTER = """
class Fields(colander.MappingSchema):
    amount = colander.SchemaNode(Amount())

class Price(colander.MappingSchema):
    body = Fields()

@price.put(permission="pictures:write", schema=Price())
def put_price(request):
    return {"amount": repr(request.validated["body"]["amount"])}

def includeme(config):
    config.include("widget_service")
    config.declare_permissions({"pictures:read": "see", "pictures:write": "keep"})
    config.add_rest_service(picture)
    config.add_rest_service(price)
"""


@pytest.fixture
def pictures(tmp_path, write_plugin):
    """A plugin that is made of what the page shows."""
    shown = [block for block in BLOCKS if "class Amount" in block or "@picture.put" in block]
    write_plugin("pictures", "\n".join([BEFORE, *shown, AFTER]))
    with serving(tmp_path, "pictures", rest__max_body_size=str(LIMIT)) as testapp:
        yield testapp


def test_a_field_of_its_own_takes_what_it_says(pictures):
    answer = pictures.put_json("/api/v1/pictures/a/price", {"amount": "12.50"})
    assert answer.json == {"amount": "Decimal('12.50')"}


@pytest.mark.parametrize("amount", ["NaN", "1e5", "12.5", "٣.٠٠", "12.50\n", "-1.00", 12.50, None])
def test_a_field_of_its_own_takes_nothing_else(pictures, amount):
    answer = pictures.put_json("/api/v1/pictures/a/price", {"amount": amount}, expect_errors=True)
    assert refused(answer).keys() == {"amount"}


def test_a_picture_comes_and_goes_as_it_is(pictures):
    content = bytes(range(256))
    put = pictures.put("/api/v1/pictures/a", content, content_type="image/png")
    assert (put.status_int, put.body) == (204, b"")
    answer = pictures.get("/api/v1/pictures/a")
    assert (answer.content_type, answer.body) == ("image/png", content)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"x", "image/jpeg", 415),
        (b"x", "multipart/form-data; boundary=x", 415),
        (b"x" * LIMIT, "image/png", 204),
        (b"x" * (LIMIT + 1), "image/png", 413),
    ],
)
def test_a_picture_is_of_its_type_and_small_enough(pictures, content, kind, status):
    answer = pictures.put("/api/v1/pictures/a", content, content_type=kind, expect_errors=True)
    assert answer.status_int == status
    assert status == 204 or answer.json.keys() == {"message"}
