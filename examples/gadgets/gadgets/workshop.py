"""The workshop: what can be done with gadgets, over a session and plain values."""

from sqlalchemy import bindparam, select

from gadgets.models import Gadget
from widget_service import settings
from widget_service.auth.models import User
from widget_service.db import first, insert_new
from widget_service.errors import Conflict
from widget_service.paging import Listing

_SHOWN = select(
    Gadget.id, Gadget.code, Gadget.title, Gadget.price, User.public_id.label("maker")
).join(User, User.id == Gadget.maker_id)
GADGETS = Listing(Gadget.id, _SHOWN)
_ONE = _SHOWN.where(Gadget.code == bindparam("code"))


def find(rows, code):
    return first(rows(_ONE, {"code": code}))


def lock(session, code):
    return session.scalar(select(Gadget).where(Gadget.code == code).with_for_update())


def add(session, maker_id, **fields):
    if not insert_new(session, Gadget, {"maker_id": maker_id, **fields}):
        raise Conflict(f"There is a gadget {fields['code']} already.")


def update(gadget, title, price):
    gadget.title, gadget.price = title, price


def delete(session, gadget):
    session.delete(gadget)


def welcome(event):
    """Give a new user a gadget, in the transaction of the registration."""
    if settings.of(event.registry, "gadgets").welcome:
        code = f"HI-{event.user_id}"
        values = {"code": code, "title": "Welcome", "price": 0, "maker_id": event.user_id}
        # Where somebody has taken the code: no gadget, rather than no registration.
        insert_new(event.session, Gadget, values)
