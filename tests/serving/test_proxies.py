"""What a proxy in front says is believed, if it is the one that is trusted and can be read."""

import json

import pytest

from widget_service.logs import MOST_SHOWN
from widget_service.tweens.headers import ALWAYS, JSON_POLICY

HEADERS = "x-forwarded-for x-forwarded-host x-forwarded-proto"


@pytest.fixture
def ask(serve):
    """A function that sends a request with header fields to a server with options: the status, the
    headers and the body, which says who asks, and for what, as the application knows it.
    """

    def application(environ, start_response):
        known = ("REMOTE_ADDR", "HTTP_HOST", "wsgi.url_scheme", "HTTP_X_FORWARDED_HOST")
        body = json.dumps([environ.get(name) for name in known]).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def send(fields, **options):
        proxy = {"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": HEADERS, **options}
        with serve(application, **proxy).connect() as connection:
            connection.request("GET", "/", headers={"Host": "here", **fields})
            response = connection.getresponse()
            return response.status, response.headers, json.loads(response.read())

    return send


@pytest.mark.parametrize(
    ("forwarded", "who"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:77", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:77", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:77", "2001:db8::1"),
        ("2001:0DB8:0::1", "2001:db8::1"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("192.0.2.9, ::ffff:192.0.2.1", "192.0.2.1"),
        ("x," * 20_000 + "::ffff:192.0.2.1", "192.0.2.1"),
        ("unknown", "unknown"),
    ],
)
def test_it_knows_whom_a_proxy_means(ask, forwarded, who):
    assert ask({"X-Forwarded-For": forwarded})[2][0] == who


@pytest.mark.parametrize("trusted", ["127.0.0.1", "*"])
def test_it_believes_as_many_proxies_as_there_are(ask, trusted):
    said = {"X-Forwarded-For": "::ffff:192.0.2.9, ::ffff:192.0.2.1, ::ffff:192.0.2.2"}
    options = {"trusted_proxy": trusted, "trusted_proxy_count": "2"}
    assert ask(said, **options)[2][0] == "192.0.2.1"


def test_it_knows_what_a_proxy_was_asked_for(ask):
    said = {"X-Forwarded-Host": "there:8443", "X-Forwarded-Proto": "https"}
    assert ask(said)[2] == ["127.0.0.1", "there:8443", "https", "there:8443"]


def test_nobody_else_is_believed(ask):
    said = {"X-Forwarded-For": '"', "X-Forwarded-Host": '"', "X-Forwarded-Proto": "gopher"}
    assert ask(said, trusted_proxy="192.0.2.1")[2] == ["127.0.0.1", "here", "http", None]


def test_what_nobody_believes_the_application_may_have(ask):
    said = {"X-Forwarded-Host": "there"}
    options = {"trusted_proxy": "192.0.2.1", "clear_untrusted_proxy_headers": "false"}
    assert ask(said, **options)[2] == ["127.0.0.1", "here", "http", "there"]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Forwarded-Host", '"'),
        ("X-Forwarded-Host", '"' + "x" * 60_000),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-For", '"x'),
        ("X-Forwarded-For", ":1."),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_as_everything_is(ask, caplog, header, value):
    status, headers, body = ask({header: value})
    assert (status, body) == (400, {"message": "Bad Request"})
    wanted = {*ALWAYS, JSON_POLICY, ("Access-Control-Allow-Origin", "*"), ("Connection", "close")}
    assert wanted <= set(headers.items())
    assert headers["Content-Type"] == "application/json"
    (record,) = caplog.records
    assert record.message.startswith("a proxy passes on what cannot be read: ")
    assert len(record.message) < 2 * MOST_SHOWN
