"""Services with what the echo plugin leaves out, open to everybody."""

import colander
from pyramid.authorization import Allow, Everyone
from sqlalchemy import bindparam, cast, literal, select
from sqlalchemy.types import BigInteger, String

from widget_service.fields import Text
from widget_service.resources import Context
from widget_service.rest import Service, check_preconditions


class Open(Context):
    __acl__ = ((Allow, Everyone, "picky"),)


class Sought(Open):
    """Finds what is in the path with the database, which may not even hold it."""

    def load(self):
        number, text = self.request.matchdict["number"], self.request.matchdict["text"]
        self.found = self.request.rows(
            select(
                cast(bindparam("number"), BigInteger).label("number"),
                (literal("a", String) == bindparam("text", type_=String)).label("same"),
            ),
            {"number": int(number), "text": text},
        )


class _Range(colander.MappingSchema):
    low = colander.SchemaNode(Text())
    high = colander.SchemaNode(Text())

    def validator(self, node, cstruct):
        if cstruct["low"] > cstruct["high"]:
            raise colander.Invalid(node, "low must not be above high")


class Range(colander.MappingSchema):
    body = _Range()


xml = Service("picky.xml", "/picky/xml", factory=Open, accept=["application/xml"])
csv = Service("picky.csv", "/picky/csv", factory=Open)
between = Service("picky.between", "/picky/between", factory=Open)
versioned = Service("picky.versioned", "/picky/versioned/{etag}", factory=Open)
sought = Service("picky.sought", "/picky/sought/{number}/{text}", factory=Sought)


@xml.get(permission="picky")
def get_xml(_request):
    return {}


@csv.post(permission="picky", content_type="text/csv")
def post_csv(_request):
    return {}


@between.post(permission="picky", schema=Range())
def post_between(request):
    return request.validated["body"]


@versioned.put(permission="picky")
def put_versioned(request):
    etag = request.matchdict["etag"]
    check_preconditions(request, None if etag == "none" else f'"{etag}"')
    return {}


@sought.get(permission="picky")
def get_sought(request):
    return {"same": bool(request.context.found[0].same)}


def includeme(config):
    config.include("widget_service")
    config.declare_permissions({"picky": "talk to the test"})
    for service in (xml, csv, between, versioned, sought):
        config.add_rest_service(service)
