"""The contexts of gadgets: who may do what, and the gadget itself."""

from pyramid.authorization import Allow

from gadgets import workshop
from widget_service.errors import NotFound
from widget_service.principals import Authenticated
from widget_service.resources import Context


class Gadgets(Context):
    # Administrators have gadgets:write, as they have every permission.
    __acl__ = ((Allow, Authenticated, "gadgets:read"),)


class OneGadget(Gadgets):
    def load(self):
        """Called after the permission check: a stranger must not learn what exists."""
        request, code = self.request, self.request.matchdict["code"]
        if request.method in ("GET", "HEAD"):
            self.found = workshop.find(request.rows, code)
        else:
            self.found = workshop.lock(request.dbsession, code)
        if self.found is None:
            raise NotFound("There is no such gadget.")
