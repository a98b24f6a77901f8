"""The services of gadgets: validated values in, a dict out."""

from gadgets import schemas, workshop
from gadgets.resources import Gadgets, OneGadget
from widget_service.answers import Empty, Fail, Success
from widget_service.paging import PageQuery, page_body, page_of
from widget_service.rest import Service

gadgets = Service("gadgets", "/gadgets", tags=["gadgets"], factory=Gadgets)
gadget = Service("gadget", "/gadgets/{code}", tags=["gadgets"], factory=OneGadget)


def show(row):
    return {"code": row.code, "title": row.title, "price": row.price, "maker": row.maker}


@gadgets.get(
    permission="gadgets:read",
    schema=PageQuery(),
    response_schemas={"200": page_of(schemas.Shown(), "A page of gadgets.")},
)
def list_gadgets(request):
    """List gadgets."""
    page = workshop.GADGETS.page(request.rows, **request.validated["querystring"])
    return page_body(request, page, gadgets.path, show)


@gadgets.post(
    permission="gadgets:write",
    schema=schemas.Creation(),
    response_schemas={
        "201": Success(description="Added."),
        "409": Fail(description="There is a gadget with that code."),
    },
)
def post_gadget(request):
    """Add a gadget."""
    workshop.add(request.dbsession, request.identity.id, **request.validated["body"])
    request.response.status_int = 201
    return {"status": "success", "message": "The gadget was added."}


@gadget.get(
    permission="gadgets:read", response_schemas={"200": schemas.Shown(description="The gadget.")}
)
def get_gadget(request):
    """Show a gadget."""
    return show(request.context.found)


@gadget.put(
    permission="gadgets:write",
    schema=schemas.Change(),
    response_schemas={"200": Success(description="Changed.")},
)
def put_gadget(request):
    """Change a gadget."""
    workshop.update(request.context.found, **request.validated["body"])
    return {"status": "success", "message": "The gadget was changed."}


@gadget.delete(permission="gadgets:write", response_schemas={"204": Empty(description="Deleted.")})
def delete_gadget(request):
    """Delete a gadget."""
    workshop.delete(request.dbsession, request.context.found)
    request.response.status_int = 204
