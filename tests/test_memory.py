"""The memory of a process: what is done with is used again at once."""

import gc
import subprocess
import sys
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


SHARING = """
import ctypes, sys, threading
from widget_service.memory import be_sparing

libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
if "be_sparing" in sys.argv:
    be_sparing()
threads = [threading.Thread(target=libc.malloc, args=(10_000,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.parametrize(("sparing", "shared"), [((), False), (("be_sparing",), True)])
def test_threads_share_what_is_free(tmp_path, sparing, shared):
    file = tmp_path / "arenas.xml"
    subprocess.run([sys.executable, "-c", SHARING, str(file), *sparing], check=True)
    assert (file.read_text().count("<heap ") == 1) is shared
