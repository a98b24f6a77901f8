"""What registration and login take for an address and a password."""

import json
import unicodedata
from urllib.parse import urlencode

import colander
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from widget_service.auth.models import User
from widget_service.auth.schemas import Email
from widget_service.emails import email_key
from widget_service.testing import Client, application, ini_text

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
MISSING = "Missing required parameter in the post body"
FAILED = "Input payload validation failed"
INVALID_CHARACTERS = "The password contains invalid characters"

# As long as the rules of SMTP let an address be: labels of 63, 254 in all.
LONG_DOMAIN = f"{'b' * 63}.{'c' * 63}.{'d' * 61}.com"
LONGEST = f"{'a' * (254 - len(LONG_DOMAIN) - 1)}@{LONG_DOMAIN}"


def errors(client, path, fields):
    answer = client.post_json(path, fields, status=400)
    assert answer.json["message"] == FAILED
    return answer.json["errors"]


@pytest.mark.parametrize(
    "email",
    [
        "user@example.com",
        "User.Name+tag@Sub.Example.COM",
        "o'brien@example.ie",
        "x@example.co",
        "user@xn--bcher-kva.de",
        "\xfcser@b\xfccher.de",
        "\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a",
        "e\u0301@example.com",
        "!#$%&'*+-/=?^_`{|}~@example.com",
        "a" * 64 + "@example.com",
        LONGEST,
    ],
)
def test_it_keeps_an_address_byte_for_byte(client, email):
    token = client.post_json(REGISTER, {"email": email, "password": "x"}).json["access_token"]
    assert client.with_token(token).get("/api/v1/auth/user").json["email"] == email


@pytest.mark.parametrize("path", [REGISTER, LOGIN])
@pytest.mark.parametrize(
    "email",
    [
        "",
        " ",
        "user",
        "@",
        "user@",
        "@example.com",
        "a@b",
        "user@localhost",
        "user@example",
        "user@example..com",
        "user@.example.com",
        "user@example.com.",
        "user@-example.com",
        "user@example.com ",
        " user@example.com",
        "us er@example.com",
        "user@exam ple.com",
        "user@example.com\n",
        "user@example.com\r\nBcc: other@example.com",
        "\tuser@example.com",
        "us\0er@example.com",
        "user@example.com\0",
        "us\x7fer@example.com",
        "us\u200ber@example.com",
        "us\u202eer@example.com",
        "\ud800@example.com",
        "user@\udfff.com",
        "user@@example.com",
        "user@example.com@example.com",
        "a@example.com,b@example.com",
        "User <user@example.com>",
        "<user@example.com>",
        '"us er"@example.com',
        "user@[127.0.0.1]",
        "user@127.0.0.1",
        ".user@example.com",
        "user.@example.com",
        "us..er@example.com",
        "user@" + "b" * 64 + ".com",
        f"a{LONGEST}",
        "a" * 60_000 + "@example.com",
        "\ufb03" * 240 + "@example.com",
    ],
    ids=ascii,
)
def test_it_refuses_what_is_no_address(lone, path, email):
    shown = "".join("?" if unicodedata.category(c) == "Cs" else c for c in email)
    assert errors(lone, path, {"email": email, "password": "x"}) == {
        "email": f"{shown} is not a valid email"
    }


@pytest.mark.parametrize("path", [REGISTER, LOGIN])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (123, "123 is not a valid email"),
        (-1.5, "-1.5 is not a valid email"),
        (10**400, f"{10**400} is not a valid email"),
        (True, "True is not a valid email"),
        (False, "False is not a valid email"),
        ([], "The value is not a valid email"),
        (["user@example.com"], "The value is not a valid email"),
        ({}, "The value is not a valid email"),
        ({"email": "user@example.com"}, "The value is not a valid email"),
        (None, MISSING),
    ],
    ids=repr,
)
def test_it_refuses_an_address_that_is_no_text(lone, path, value, text):
    assert errors(lone, path, {"email": value, "password": "x"}) == {"email": text}


@pytest.mark.parametrize("path", [REGISTER, LOGIN])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, MISSING),
        ("", "The password must not be empty"),
        ("x\0", INVALID_CHARACTERS),
        ("\0", INVALID_CHARACTERS),
        ("\ud800", INVALID_CHARACTERS),
        ("x" * 1025, "The password is longer than 1024 bytes"),
        ("\u20ac" * 342, "The password is longer than 1024 bytes"),
        *((value, "The value is not a string") for value in (123, 1.5, True, False, [], {}, ["x"])),
    ],
    ids=ascii,
)
def test_it_refuses_a_password_and_never_repeats_it(lone, path, value, text):
    assert errors(lone, path, {"email": "user@example.com", "password": value}) == {
        "password": text
    }


@pytest.mark.parametrize("path", [REGISTER, LOGIN])
def test_it_refuses_a_file_for_a_field(lone, path):
    files = [("email", "a.txt", b"user@example.com"), ("password", "b.txt", b"x")]
    answer = lone.post(path, upload_files=files, status=400)
    assert set(answer.json["errors"]) == {"email", "password"}


@pytest.mark.parametrize("path", [REGISTER, LOGIN])
@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"email": MISSING, "password": MISSING}),
        ({"email": "user@example.com"}, {"password": MISSING}),
        ({"password": "x"}, {"email": MISSING}),
        ({"email": "a@b", "password": "x"}, {"email": "a@b is not a valid email"}),
        (
            {"email": "", "password": ""},
            {"email": " is not a valid email", "password": "The password must not be empty"},
        ),
    ],
)
def test_it_names_every_field_that_is_wrong(lone, send, path, sent, errors):
    answer = send(lone, path, sent, 400)
    assert answer.json == {"errors": errors, "message": FAILED}


@pytest.mark.parametrize(
    "spellings",
    [
        ("a@example.com", "A@example.com", "a@EXAMPLE.com", "A@ExAmPlE.cOm"),
        ("\xe9@example.com", "\xc9@example.com", "e\u0301@example.com", "E\u0301@example.com"),
        ("a@b\xfccher.de", "a@B\xdcCHER.DE", "a@xn--bcher-kva.de", "A@XN--BCHER-KVA.DE"),
        ("k@example.com", "K@example.com", "\u212a@example.com"),
        ("\u03c3@example.com", "\u03a3@example.com", "\u03c2@example.com"),
    ],
)
def test_it_makes_one_key_of_all_spellings(spellings):
    assert len({email_key(spelling) for spelling in spellings}) == 1


def test_it_makes_different_keys_of_different_domains():
    assert email_key("a@fa\xdf.de") != email_key("a@fass.de")
    assert email_key("a@\u03b2\u03cc\u03bb\u03bf\u03c2.com") != email_key(
        "a@\u03b2\u03cc\u03bb\u03bf\u03c3.com"
    )


def test_it_makes_a_key_that_fits_in_its_column(client):
    # Three characters of one, and as many of those as an address may have.
    email = "\ufb03" * 75 + "@example.com"
    assert len(email_key(email)) == 3 * 75 + len("@example.com")
    client.post_json(REGISTER, {"email": email, "password": "x"}, status=201)


def test_it_leaves_an_absent_address_to_the_schema():
    node = colander.SchemaNode(Email())
    assert Email().deserialize(node, None) is colander.null
    assert Email().deserialize(node, colander.null) is colander.null


# Texts that are nearly addresses, and any others.
PIECES = st.sampled_from(["a", "A", "@", ".", "example.com", "\xe9", "\xdf", " ", "\0", "+", '"'])
NEARLY = st.lists(PIECES, min_size=1, max_size=6).map("".join)
ADDRESSES = st.builds("{}@{}".format, st.text("abcXYZ0.+-_\xe9\u0130", min_size=1, max_size=12),
                      st.sampled_from(["example.com", "B\xfccher.de", "x.org"]))  # fmt: skip
TEXTS = st.text(max_size=40)
VALUES = st.one_of(ADDRESSES, NEARLY, TEXTS)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
QUICK = settings(
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def as_form(fields):
    return urlencode(fields, errors="surrogatepass"), "application/x-www-form-urlencoded"


def as_json(fields):
    return json.dumps(fields), "application/json"


def as_multipart(fields):
    parts = "".join(
        f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return f"{parts}--limit--\r\n", "multipart/form-data; boundary=limit"


def count(client):
    with client.registry.database.read_engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(User))


def post(client, path, body, kind):
    body = body.encode("utf-8", "surrogatepass")
    return client.post(path, body, headers={"Content-Type": kind}, status="*")


def assert_contracted(answer, token):
    """One of the shapes of the contract, and the token where there is one."""
    shape = set(answer.json)
    if answer.status_int == 400:
        assert shape == {"errors", "message"}
        assert answer.json["errors"].keys() <= {"email", "password", "body"}
        assert all(isinstance(text, str) for text in answer.json["errors"].values())
    elif answer.status_int in (401, 409):
        assert shape == {"status", "message"}
        assert answer.json["status"] == "fail"
    else:
        assert answer.status_int == token
        assert shape == {"status", "message", "access_token", "token_type", "expires_in"}


@QUICK
@given(
    fields=st.fixed_dictionaries({}, optional={"email": VALUES, "password": TEXTS}),
    encode=st.sampled_from([as_form, as_json, as_multipart]),
)
@example(fields={"email": "a@example.com\r\n", "password": "\r\n"}, encode=as_multipart)
@example(fields={"email": "\ud800@example.com", "password": "\ud800"}, encode=as_form)
@example(fields={"email": "\ud800@example.com", "password": "\ud800"}, encode=as_json)
def test_it_registers_byte_for_byte_or_refuses_and_keeps_nothing(lone, fields, encode):
    before = count(lone)
    answer = post(lone, REGISTER, *encode(fields))
    assert_contracted(answer, token=201)
    assert count(lone) == before + (answer.status_int == 201)
    if answer.status_int == 201:
        user = lone.with_token(answer.json["access_token"]).get("/api/v1/auth/user")
        assert user.json["email"] == fields["email"]
    if answer.status_int in (201, 409):
        # What was registered is an account to log in to, by the same rules.
        login = post(lone, LOGIN, *encode(fields))
        assert_contracted(login, token=200)
        assert login.status_int == 200 or answer.status_int == 409


@QUICK
@given(body=st.dictionaries(st.sampled_from(["email", "password", "x"]), ANY_JSON) | ANY_JSON)
def test_it_refuses_any_json_in_a_contracted_shape(lone, body):
    for path in (REGISTER, LOGIN):
        assert_contracted(post(lone, path, json.dumps(body), "application/json"), token=None)


@QUICK
@given(
    body=st.binary(max_size=60),
    kind=st.sampled_from(["application/x-www-form-urlencoded", "application/json",
                          "multipart/form-data; boundary=limit", "multipart/form-data"]),
)  # fmt: skip
def test_it_refuses_any_bytes_in_a_contracted_shape(lone, body, kind):
    for path in (REGISTER, LOGIN):
        answer = lone.post(path, body, headers={"Content-Type": kind}, status="*")
        assert_contracted(answer, token=None)


@pytest.fixture(scope="module")
def module_app(tmp_path_factory):
    directory = tmp_path_factory.mktemp("schemas")
    app = application(ini_text(f"sqlite:///{directory / 'schemas.sqlite'}"), directory)
    yield app
    app.registry.database.close()


@pytest.fixture
def lone(module_app):
    """A stranger to an application that all tests of this file share, and whose users stay."""
    return Client(module_app)
