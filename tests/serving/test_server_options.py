"""What the server reads in its section of the .ini file, and what it refuses to start with."""

import resource
import socket
from types import SimpleNamespace

import pytest

from widget_service.serving import server as module
from widget_service.serving.server import server_factory

BELIEVED = {"trusted_proxy_headers": "x-forwarded-for"}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"drain_seconds": "soon"}, "drain_seconds = soon"),
        ({"drain_seconds": "nan"}, "drain_seconds = nan"),
        ({"notice_seconds": "-1"}, "notice_seconds = -1"),
        ({"request_seconds": "0"}, "request_seconds = 0"),
        ({"trheads": "4"}, "trheads"),
        ({"threads": "many"}, "threads = many: is no whole number"),
        ({"threads": "0"}, "threads = 0: there must be one at least"),
        ({"connection_limit": "many"}, "connection_limit = many: is no whole number"),
        (
            {"connection_limit": "2", "listen": "127.0.0.1:0"},
            "connection_limit = 2: it would let nobody in; must be 3 at least",
        ),
        (
            {"connection_limit": "4", "listen": "127.0.0.1:0 127.0.0.2:0"},
            "connection_limit = 4: it would let nobody in; must be 5 at least",
        ),
        (
            {"clear_untrusted_proxy_headers": "ture"},
            "clear_untrusted_proxy_headers = ture: must be true or false",
        ),
        ({"ipv6": "-"}, "ipv6 = -: must be true or false"),
        ({"listen": "localhost:abc"}, "listen = localhost:abc: Invalid"),
        ({"listen": "localhost:8000 localhost:99999"}, "localhost:99999: a port is 65535 at most"),
        ({"port": "65536"}, "65536: a port is"),
        ({"listen": "localhost:8000", "port": "8000"}, "port"),
        ({"listen": "192.0.2.1:0"}, "nobody can listen on 192.0.2.1:0: Cannot assign requested"),
        ({"trusted_proxy": "localhost", **BELIEVED}, "trusted_proxy = localhost: must be one"),
        ({"trusted_proxy": "127.0.0.0/8", **BELIEVED}, "trusted_proxy = 127.0.0.0/8: must be"),
        ({"trusted_proxy": "127.0.0.1 ::1", **BELIEVED}, "= 127.0.0.1 ::1: must be one address"),
        ({"trusted_proxy": "127.0.0.1"}, "name what is believed of it in trusted_proxy_headers"),
        (
            {"trusted_proxy": "a", "trusted_proxy_count": "1", "threads": "x"},
            "start: threads = x: is no whole number",
        ),
    ],
)
def test_it_says_which_option_is_wrong(options, named):
    with pytest.raises(SystemExit, match=named) as refusal:
        server_factory({"__file__": "service.ini"}, **options)
    assert "of service.ini" in str(refusal.value)


@pytest.mark.parametrize(
    "options",
    [
        {"trusted_proxy": "*", "listen": "127.0.0.1:0"},
        {"trusted_proxy": "::1", "listen": "127.0.0.1:0"},
        {"trusted_proxy": "localhost", "unix_socket": "/no/such/folder/socket"},
    ],
)
def test_it_takes_a_proxy_that_requests_come_from(options, monkeypatch):
    if "unix_socket" in options:
        # There is no port to look for.
        monkeypatch.setattr(socket, "socket", None)
    assert server_factory({}, **options, **BELIEVED)


def test_it_takes_an_empty_proxy_for_none():
    assert server_factory({}, trusted_proxy="", listen="127.0.0.1:0")


def test_it_looks_for_addresses_of_both_versions():
    asked = SimpleNamespace(
        unix_socket=None,
        listen=[(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, ("::1", 0, 0, 0))],
    )
    try:
        other = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:  # nobody has an address of that version here
        with pytest.raises(ValueError, match="nobody can listen on ::1:0: "):
            module._check_addresses(asked)  # noqa: SLF001  (whatever the machine has)
    else:
        with other:
            module._check_addresses(asked)  # noqa: SLF001  (likewise)
            asked.listen[0] = (*asked.listen[0][:3], other.getsockname())
            with pytest.raises(ValueError, match="Address already in use"):
                module._check_addresses(asked)  # noqa: SLF001  (likewise)


def test_it_says_so_if_somebody_was_quicker(caplog):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        other.close()
        serve = server_factory({}, listen=f"127.0.0.1:{port}")
        with socket.create_server(("127.0.0.1", port)), pytest.raises(SystemExit) as refusal:
            serve(lambda _environ, _start_response: [])
    assert f"listen = 127.0.0.1:{port}: Address already in use" in str(refusal.value)
    assert str(refusal.value) in caplog.text


def test_it_needs_some_open_files(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (200, 200))
    with pytest.raises(SystemExit, match="200 open files are too few"):
        server_factory({})


@pytest.mark.parametrize(
    ("limits", "allowed", "raised"),
    [
        ((1024, 20000), 4000, 4200),
        ((1024, resource.RLIM_INFINITY), 4000, 4200),
        ((1024, 2048), 1848, 2048),
        ((201, 201), 1, 201),
        ((5000, 5000), 4000, None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 4000, None),
    ],
)
def test_it_lets_in_as_many_as_the_process_may_have_files(monkeypatch, limits, allowed, raised):
    # The limit of this process must not change.
    changed = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _which, new: changed.append(new))
    assert module._allow_files(4000) == allowed  # noqa: SLF001  (nothing else shows it)
    assert [soft for soft, _hard in changed] == ([] if raised in (None, limits[0]) else [raised])
