"""A request leaves nothing behind for the garbage collector, whatever it was answered."""

import gc
import weakref
from contextlib import contextmanager

import pytest
from pyramid.interfaces import INewRequest

from widget_service.testing import PASSWORD

WIDGETS = "/api/v1/widgets"
WIDGET = {"name": "new", "info_url": "https://example.com/", "deadline": "12/31/2099"}

REQUESTS = {
    "one widget": lambda admin: admin.get(f"{WIDGETS}/first"),
    "a list": lambda admin: admin.get(f"{WIDGETS}?page=1&per_page=5"),
    "the user": lambda admin: admin.get("/api/v1/auth/user"),
    "create": lambda admin: admin.post(WIDGETS, WIDGET),
    "update": lambda admin: admin.put(f"{WIDGETS}/first", WIDGET | {"name": "first"}),
    "delete": lambda admin: admin.delete(f"{WIDGETS}/first"),
    "log in": lambda admin: admin.log_in(admin.account.email, PASSWORD),
    "nothing there": lambda admin: admin.get(f"{WIDGETS}/nothing", status=404),
    "no such path": lambda admin: admin.get("/nothing", status=404),
    "not allowed": lambda admin: admin.with_token("x").get(WIDGETS, status=401),
}


@contextmanager
def seen(registry):
    """Weak references to the requests that there are meanwhile, without a garbage collector."""
    references = []

    def note(event):
        references.append(weakref.ref(event.request))

    registry.registerHandler(note, (INewRequest,))
    gc.disable()
    try:
        yield references
    finally:
        gc.enable()
        registry.unregisterHandler(note, (INewRequest,))


@pytest.mark.parametrize("make", REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_gone_when_it_is_answered(admin, make):
    admin.post(WIDGETS, WIDGET | {"name": "first"})
    with seen(admin.registry) as requests:
        make(admin)
        assert requests
        assert [each() for each in requests if each()] == []
