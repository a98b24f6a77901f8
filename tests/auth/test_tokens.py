"""Tokens over HTTP: which ones count, and the exact answer to those that do not."""

import base64
import json
import time

import jwt
import pytest
import time_machine

from widget_service.auth.tokens import Codec, TokenRefused, bearer
from widget_service.testing import Client, application, ini_text

USER = "/api/v1/auth/user"
WIDGET = "/api/v1/widgets/any"
UNAUTHORIZED = "Unauthorized"
INVALID = "Invalid token. Please log in again."
EXPIRED = "Access token expired. Please log in again."
BLACKLISTED = "Token blacklisted. Please log in again."
OTHER_KEY = "another key, which is just as long as ours"
LAST_MOMENT = 253_402_300_799
UUID = "11111111-2222-4333-8444-555555555555"


def ask(client, authorization):
    """The answers to that header, where users may go and where only administrators may."""
    headers = {} if authorization is None else {"Authorization": authorization}
    return (
        client.get(USER, headers=headers, status="*"),
        client.delete(WIDGET, headers=headers, status="*"),
    )


def assert_refused(client, authorization, message=INVALID):
    """401 with the exact text and challenge, in both realms."""
    realms = ("registered_users@mydomain.com", "admin_users@mydomain.com")
    for answer, realm in zip(ask(client, authorization), realms, strict=True):
        challenge = f'Bearer realm="{realm}"'
        if message != UNAUTHORIZED:
            challenge += f', error="invalid_token", error_description="{message}"'
        assert answer.status_int == 401
        assert answer.content_type == "application/json"
        assert answer.json == {"message": message}
        assert answer.headers.getall("WWW-Authenticate") == [challenge]


def assert_accepted(client, authorization):
    """200 where users may go, and the exact 403 where they may not."""
    user, administrator = ask(client, authorization)
    assert user.status_int == 200
    assert administrator.status_int == 403
    assert administrator.json == {"message": "You are not an administrator"}
    challenge = (
        'Bearer realm="admin_users@mydomain.com", error="insufficient_scope", '
        'error_description="You are not an administrator"'
    )
    assert administrator.headers.getall("WWW-Authenticate") == [challenge]


WRONG_TYPES = [..., None, True, False, "", "text", 1.5, -1, [], {}, float("nan"), float("inf")]
WRONG_TIMES = [*WRONG_TYPES, "1900000000", 1.9e9, 10**30, LAST_MOMENT + 1, -(2**63)]
WRONG_IDS = [
    *WRONG_TYPES,
    123,
    "1",
    f"{UUID}\n",
    f" {UUID}",
    f"{UUID}\0",
    f"{{{UUID}}}",
    f"urn:uuid:{UUID}",
    UUID.replace("-", ""),
    "ABCDEF01-2222-4333-8444-555555555555",
    "\ud800" + UUID[1:],
    "\u0661" + UUID[1:],
    "' OR 1=1 --",
]
WRONG_CLAIMS = [
    *({"exp": value} for value in WRONG_TIMES),
    *({"iat": value} for value in WRONG_TIMES),
    *({"nbf": value} for value in WRONG_TIMES[1:]),
    *({"sub": value} for value in WRONG_IDS),
    *({"jti": value} for value in WRONG_IDS),
    *({"admin": value} for value in (..., None, 0, 1, "true", "", [], {})),
    # Nobody's.
    {"sub": UUID},
    # For somebody else.
    {"aud": "another service"},
    {"aud": ["another service"]},
]


@pytest.mark.parametrize("changes", WRONG_CLAIMS, ids=repr)
def test_it_refuses_claims_of_the_wrong_kind(user, forge, changes):
    token = forge.sign(forge.claims(user.account.public_id, **changes))
    assert_refused(user, f"Bearer {token}")


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"1", b'"text"', b"{", b"{}", b"\xff"])
def test_it_refuses_payloads_that_are_no_claims(user, forge, payload):
    assert_refused(user, f"Bearer {forge.sign(payload)}")


@pytest.mark.parametrize("digits", ["9" * 300, "1" * 3000, "1e400", "-0", "[" * 900])
def test_it_refuses_numbers_and_nesting_that_parsers_stumble_over(user, forge, digits):
    claims = json.dumps(forge.claims(user.account.public_id, exp=0))
    payload = claims.replace('"exp": 0', f'"exp": {digits}').encode("utf-8")
    token = forge.sign(payload)
    assert_refused(user, f"Bearer {token}", EXPIRED if digits == "-0" else INVALID)


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": {"more": [1]}},
        {"admin": True},
        {"exp": LAST_MOMENT},
        {"iat": 0},
        {"nbf": 0},
        {"iss": "somebody"},
    ],
    ids=repr,
)
def test_it_accepts_claims_that_are_right_and_ignores_others(user, forge, changes):
    token = forge.sign(forge.claims(user.account.public_id, **changes))
    assert_accepted(user, f"Bearer {token}")


@pytest.mark.parametrize(
    "header",
    [
        *({"alg": alg} for alg in ("none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "HS")),
        *({"alg": alg} for alg in ("HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "dir")),
        *({"alg": alg} for alg in (None, True, 256, ["HS256"], {"HS256": 1})),
        {"typ": "JWT"},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "crit": ["b64"], "b64": False},
        {"alg": "HS256", "b64": False},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "kid": 1},
        {"alg": "HS256", "kid": ["../../dev/null"]},
        [],
        ["HS256"],
        "HS256",
        None,
        1,
        b"",
        b"{",
        b"\xff\xfe",
        b'{"alg": "none", "alg": "HS256"',
        b'{"alg": ' + b"[" * 1500,
        b'{"alg": ' + b'{"a":' * 500 + b"1" + b"}" * 501,
    ],
    ids=repr,
)
def test_it_refuses_headers_that_it_does_not_write_even_under_its_own_key(user, forge, header):
    claims = forge.claims(user.account.public_id)
    for digest in ("sha256", "sha384", "sha512"):
        token = forge.sign(claims, header=header if header is not None else b"null", digest=digest)
        assert_refused(user, f"Bearer {token}")
    assert_refused(user, f"Bearer {token.rpartition('.')[0]}.")


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"kid": "../../../../dev/null"},
        {"kid": "' UNION SELECT 'key"},
        {"jku": "http://localhost/keys.json"},
        {"x5u": "http://localhost/certificate.pem"},
        {"jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(OTHER_KEY.encode()).decode()}},
    ],
    ids=repr,
)
@pytest.mark.parametrize("key", [OTHER_KEY, "", "\0"], ids=repr)
def test_it_refuses_another_key_wherever_the_header_says_it_is(user, forge, header, key):
    claims = forge.claims(user.account.public_id)
    token = forge.sign(claims, header={"alg": "HS256", "typ": "JWT", **header}, key=key)
    assert_refused(user, f"Bearer {token}")


def shapes(token):
    """Other things that one can make of a token."""
    header, payload, signature = token.split(".")
    return {
        "header alone": header,
        "two parts": f"{header}.{payload}",
        "no signature": f"{header}.{payload}.",
        "no payload": f"{header}..{signature}",
        "no header": f".{payload}.{signature}",
        "dots": "..",
        "one dot": ".",
        "four parts": f"{token}.{signature}",
        "a dot more": f"{token}.",
        "a dot before": f".{token}",
        "five parts, as a JWE has": f"{header}.{payload}.{payload}.{payload}.{signature}",
        "swapped": f"{payload}.{header}.{signature}",
        "padded": f"{token}=",
        "padded twice": f"{token}==",
        "padded inside": f"{header}=.{payload}.{signature}",
        "junk that decoders skip": f"{token}~~~~",
        "junk inside": f"{header}.{payload}.{signature[:9]}~{signature[9:]}",
        "other alphabet": f"{header}.{payload}.{signature[:-1]}+",
        "doubled": token + token,
        "percent-encoded": token.replace(".", "%2E"),
        "quoted": f'"{token}"',
        "truncated": token[:-1],
        "lower case": token.lower(),
        "upper case": token.upper(),
        "reversed": token[::-1],
        "very long": token + "A" * 100_000,
        "too long": "A" * 4097,
        "no text": "\xff\xfe",
        "not ASCII": token[:-1] + "\xe9",
        "JSON serialisation": json.dumps(
            {"protected": header, "payload": payload, "signature": signature}
        ),
        "flattened in base64": base64.urlsafe_b64encode(
            json.dumps({"payload": payload, "signatures": [{"signature": signature}]}).encode()
        ).decode(),
    }


@pytest.mark.parametrize("shape", shapes("a.b.c"))
def test_it_refuses_what_is_not_the_token_as_it_was_issued(user, shape):
    assert_refused(user, f"Bearer {shapes(user.account.token)[shape]}")


def test_it_refuses_a_token_with_any_one_character_changed(user):
    token = user.account.token
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for position in [*range(0, len(token), 9), len(token) - 2]:
        other = alphabet[(alphabet.find(token[position]) + 1) % 64]
        changed = f"{token[:position]}{other}{token[position + 1 :]}"
        assert user.get(USER, headers={"Authorization": f"Bearer {changed}"}, status=401)
    # Some bits of the last character mean nothing to decoders.
    for other in alphabet.replace(token[-1], ""):
        assert_refused(user, f"Bearer {token[:-1]}{other}")


@pytest.mark.parametrize(
    "form",
    ["Bearer {}", "bearer {}", "bEaReR {}", "Bearer  {}", " Bearer {}", "\tBearer {} "],
)
def test_it_accepts_the_scheme_in_any_case_and_space_around(user, form):
    assert_accepted(user, form.format(user.account.token))


@pytest.mark.parametrize(
    "form",
    [
        "Bearer",
        "bearer",
        "Bearer ",
        "Bearer,",
        "Bearer\t{}",
        "Bearer \t{}",
        "Bearer {} {}",
        "Bearer {}, Bearer {}",
        "Bearer {},Bearer {}",
        "Bearer {},",
        "Bearer {}, Basic dXNlcjpwYXNz",
        "Bearer,Bearer {}",
        "Bearer Bearer {}",
        "Bearer token={}",
        'Bearer token="{}"',
        'Bearer realm="x", token="{}"',
        "Bearer {}; charset=utf-8",
        "Bearer {} scope=all",
        "Bearer <{}>",
        "Bearer null",
        "Bearer undefined",
        "Bearer ====",
        "Bearer a,b",
    ],
)
def test_it_refuses_a_bearer_header_with_anything_but_one_token(user, form):
    assert_refused(user, form.replace("{}", user.account.token))


@pytest.mark.parametrize(
    "form",
    [
        None,
        "",
        " ",
        ",",
        "{}",
        "{} Bearer",
        "Basic {}",
        "Basic dXNlcjpwYXNz",
        "Basic dXNlcjpwYXNz, Bearer {}",
        "JWT {}",
        "Token {}",
        "MAC {}",
        "DPoP {}",
        "Bear {}",
        "Bearers {}",
        "Bearer:{}",
        "Bearer={}",
        "Bearer{}",
        '"Bearer" {}',
        "\xa0Bearer {}",
        "Bearer\xa0{}",
        "B\xe9arer {}",
        'Digest username="user"',
    ],
)
def test_it_asks_for_a_token_where_the_scheme_is_another(user, stranger, form):
    assert_refused(stranger, form and form.replace("{}", user.account.token), UNAUTHORIZED)


def test_it_reads_a_token_from_nowhere_but_the_header(stranger, user):
    token = user.account.token
    fields = {"access_token": token, "Authorization": f"Bearer {token}"}
    stranger.set_cookie("access_token", token)
    for answer in (
        stranger.get(USER, fields, status=401),
        stranger.post("/api/v1/auth/logout", fields, status=401),
        stranger.post_json("/api/v1/auth/logout", fields, status=401),
        stranger.get(USER, headers={"X-Authorization": f"Bearer {token}"}, status=401),
        stranger.get(USER, headers={"Proxy-Authorization": f"Bearer {token}"}, status=401),
    ):
        assert answer.json == {"message": UNAUTHORIZED}


def test_it_issues_what_the_contract_says(user, registry):
    claims = jwt.decode(user.account.token, options={"verify_signature": False})
    assert jwt.get_unverified_header(user.account.token) == {"alg": "HS256", "typ": "JWT"}
    assert claims.keys() == {"iat", "exp", "sub", "admin", "jti"}
    assert claims["sub"] == user.account.public_id
    assert claims["admin"] is False
    assert type(claims["iat"]) is type(claims["exp"]) is int
    assert claims["exp"] - claims["iat"] == registry.codec.lifetime == 3600


def test_it_says_that_a_token_has_expired_from_that_second_on(user, forge):
    now = int(time.time())
    with time_machine.travel(now + 600, tick=False):
        claims = forge.claims(user.account.public_id, iat=now, exp=now + 600)
        assert_refused(user, f"Bearer {forge.sign(claims)}", EXPIRED)
        assert_refused(user, f"Bearer {forge.sign(claims | {'exp': 0})}", EXPIRED)
    with time_machine.travel(now + 599.9, tick=False):
        assert_accepted(user, f"Bearer {forge.sign(claims)}")


def test_it_says_invalid_and_not_expired_of_a_forged_token(user, forge):
    claims = forge.claims(user.account.public_id, exp=1)
    assert_refused(user, f"Bearer {forge.sign(claims, key=OTHER_KEY)}", INVALID)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_it_accepts_the_clock_of_another_server_within_the_leeway(user, forge, claim):
    now = int(time.time())
    with time_machine.travel(now, tick=False):
        near = forge.claims(user.account.public_id, **{claim: now + 10})
        far = forge.claims(user.account.public_id, **{claim: now + 11})
        assert_accepted(user, f"Bearer {forge.sign(near)}")
        assert_refused(user, f"Bearer {forge.sign(far)}")


def test_it_issues_different_tokens_within_one_second(user):
    with time_machine.travel(time.time(), tick=False):
        issued = {user.log_in(user.account.email).account.token for _ in range(3)}
    assert len(issued) == 3


@pytest.mark.parametrize("header", [None, "", "Basic x"])
def test_it_finds_no_token_without_the_scheme(header):
    assert bearer(header) is None


def test_it_reads_nothing_from_a_token_of_another_codec(registry):
    assert isinstance(registry.codec, Codec)
    with pytest.raises(TokenRefused, match="Invalid token"):
        registry.codec.read("a.b.c")


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """One user for all of this file, on one database: a refused token never gets to it."""
    directory = tmp_path_factory.mktemp("tokens")
    app = application(ini_text(f"sqlite:///{directory / 'tokens.sqlite'}"), directory)
    yield Client(app).sign_up("user@example.com")
    app.registry.database.close()


@pytest.fixture
def stranger(user):
    return Client(user.app)


@pytest.fixture
def registry(user):
    return user.registry
