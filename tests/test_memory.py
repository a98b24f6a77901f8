"""The memory of a process: what is done with is used again at once."""

import gc
import os
import subprocess
import sys
import weakref
from contextlib import contextmanager, suppress

import pytest
from core import serving
from pyramid.interfaces import INewRequest

from widget_service import memory
from widget_service.memory import collecting_later
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


STREAM = """
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from widget_service.rest import Service

stream = Service("stream", "/stream")

@stream.get(permission=NO_PERMISSION_REQUIRED)
def get(request):
    def parts():
        yield type(request.root).__name__.encode()
        yield type(request.virtual_root).__name__.encode()
    return Response(app_iter=parts())

def includeme(config):
    config.include("widget_service")
    config.add_rest_service(stream)
"""


def test_a_body_that_is_made_while_it_is_sent_may_ask_the_request(tmp_path, write_plugin):
    write_plugin("stream", STREAM)
    with serving(tmp_path, "stream") as client:
        assert client.get("/api/v1/stream").text == "RootRoot"


SHARING = """
import ctypes, runpy, sys, threading

libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
if sys.argv[2:]:
    runpy.run_path(sys.argv[2])["be_sparing"]()
threads = [threading.Thread(target=libc.malloc, args=(10_000,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.parametrize(
    ("sparing", "variables", "shared"),
    [
        ((), {}, False),
        ((memory.__file__,), {}, True),
        ((memory.__file__,), {"MALLOC_ARENA_MAX": "4"}, False),
        ((memory.__file__,), {"GLIBC_TUNABLES": "glibc.malloc.arena_max=4"}, False),
    ],
)
def test_threads_share_what_is_free(tmp_path, sparing, variables, shared):
    file = tmp_path / "arenas.xml"
    told = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
    environ = {key: value for key, value in os.environ.items() if key not in told} | variables
    subprocess.run([sys.executable, "-c", SHARING, str(file), *sparing], check=True, env=environ)
    assert (file.read_text().count("<heap ") == 1) is shared


OBSERVER = """
import gc

def includeme(config):
    config.include("widget_service")
    config.registry.collected_garbage = gc.isenabled()
"""


def test_it_looks_for_no_garbage_until_it_has_started(tmp_path, write_plugin):
    write_plugin("observer", OBSERVER)
    with serving(tmp_path, "observer") as client:
        assert not client.app.registry.collected_garbage
        assert gc.isenabled()


def test_it_looks_for_garbage_after_a_failure_but_not_where_nobody_wants_it():
    with suppress(ZeroDivisionError), collecting_later():
        _ = 1 / 0
    assert gc.isenabled()
    gc.disable()
    try:
        with collecting_later():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def made_while_collecting_later():
    with collecting_later():
        return [[]]


def test_what_was_made_meanwhile_counts_as_old():
    # Of this process, which has frozen what it had when its tests began.
    gc.unfreeze()
    try:
        made = made_while_collecting_later()
        assert not any(each is made for each in gc.get_objects(generation=0))
        assert any(each is made for each in gc.get_objects())
    finally:
        gc.freeze()


def test_what_somebody_has_frozen_stays_so():
    # Not counted: what is frozen may still go when nobody refers to it any more.
    frozen = [[]]
    gc.freeze()
    made_while_collecting_later()
    assert not any(each is frozen for each in gc.get_objects())
