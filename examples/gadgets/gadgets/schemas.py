"""What the services of gadgets read and answer."""

import re

import colander

from widget_service import settings
from widget_service.answers import answer
from widget_service.fields import Text, WholeNumber, field


def code(node, value):
    if not re.fullmatch(r"[A-Z]{2}-[0-9]{1,6}", value):
        raise colander.Invalid(node, "must be two capital letters, a hyphen and a number: AB-12")


@colander.deferred
def price(_node, kw):
    return colander.Range(0, settings.of(kw["registry"], "gadgets").max_price)


class _Change(colander.MappingSchema):
    title = field(Text(), colander.Length(1, 80), example="Left-handed lever")
    price = field(WholeNumber(), price, description="In cents.", example=1250)


class _Gadget(_Change):
    code = field(Text(), code, example="AB-12")


class Change(colander.MappingSchema):
    body = _Change()


class Creation(colander.MappingSchema):
    body = _Gadget()


class _Shown(colander.MappingSchema):
    code = answer(Text())
    title = answer(Text())
    price = answer(WholeNumber(), "In cents.")
    maker = answer(Text(), "The public_id of a user.")


class Shown(colander.MappingSchema):
    body = _Shown()
