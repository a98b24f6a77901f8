"""What the services of gadgets read and answer."""

import re

import colander

from widget_service import settings
from widget_service.answers import response_key
from widget_service.fields import Text, WholeNumber, field


def valid_code(node, value):
    if not re.fullmatch(r"[A-Z]{2}-[0-9]{1,6}", value):
        raise colander.Invalid(node, "must be two capital letters, a hyphen and a number: AB-12")


@colander.deferred
def affordable(_node, kw):
    return colander.Range(0, settings.of(kw["registry"], "gadgets").max_price)


class _Change(colander.MappingSchema):
    title = field(Text(), colander.Length(1, 80), example="Left-handed lever")
    price = field(WholeNumber(), affordable, description="In cents.", example=1250)


class _Gadget(_Change):
    code = field(Text(), valid_code, example="AB-12")


class Change(colander.MappingSchema):
    body = _Change()


class Creation(colander.MappingSchema):
    body = _Gadget()


# The documentation calls it by the name of the class, of which each plugin needs its own.
class _ShownGadget(colander.MappingSchema):
    code = response_key(Text())
    title = response_key(Text())
    price = response_key(WholeNumber(), "In cents.")
    maker = response_key(Text(), "The public_id of a user.")


class Shown(colander.MappingSchema):
    body = _ShownGadget()
