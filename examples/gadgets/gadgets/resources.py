"""The contexts of gadgets: who may do what, and the gadget itself."""

from pyramid.authorization import Allow

from gadgets import workshop
from widget_service.principals import Authenticated
from widget_service.resources import Context, ObjectContext


class Gadgets(Context):
    # Administrators have gadgets:write, as they have every permission.
    __acl__ = ((Allow, Authenticated, "gadgets:read"),)


class OneGadget(ObjectContext):
    parent = Gadgets
    missing = "There is no such gadget."

    def find(self, rows):
        return workshop.find(rows, self.request.matchdict["code"])

    def lock(self, session):
        return workshop.lock(session, self.request.matchdict["code"])
