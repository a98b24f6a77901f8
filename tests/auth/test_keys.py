"""Keys: several of them, of several kinds, one that signs; and what nobody gets by with."""

import base64
import hmac
import json
import sys
from contextlib import closing

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from widget_service.testing import SETTINGS, Client, application, ini_text

USER = "/api/v1/auth/user"
JWKS = "/.well-known/jwks.json"
INVALID = {"message": "Invalid token. Please log in again."}
SECRET = SETTINGS["jwt.private_key"]
NEW = "a new secret that is just as long as the old one was"
NAMED = {"jwt.issuer": "https://issuer.example.com", "jwt.audience": "widgets"}
ALGORITHMS = ("EdDSA", "ES256", "RS256")
PEM = {"encoding": serialization.Encoding.PEM}


def private_pem(key, password=None):
    encryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    pem = key.private_bytes(
        **PEM, format=serialization.PrivateFormat.PKCS8, encryption_algorithm=encryption
    )
    return pem.decode("ascii").strip()


def public_pem(key):
    pem = key.public_key().public_bytes(
        **PEM, format=serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode("ascii").strip()


RSA = rsa.generate_private_key(65537, 2048)
KEYS = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": RSA,
}
PRIVATE = {name: private_pem(key) for name, key in KEYS.items()}
PUBLIC = {name: public_pem(key) for name, key in KEYS.items()}


def entries(**keys):
    """``jwt.verification_keys``; ``_`` in a name is a space there."""
    return "\n".join(f"{name.replace('_', ' ')}: {text}" for name, text in keys.items())


def signs(algorithm, **more):
    return {"jwt.algorithm": algorithm, "jwt.private_key": PRIVATE[algorithm],
            **{f"jwt.{name}": value for name, value in more.items()}}  # fmt: skip


@pytest.fixture
def make(make_app):
    """As ``make_app``; a value of several lines is one in the .ini file as well."""

    def indented(settings=None):
        settings = settings or {}
        return make_app({key: value.replace("\n", "\n    ") for key, value in settings.items()})

    return indented


@pytest.fixture(scope="module")
def picky(tmp_path_factory):
    """A user of a service with two secrets, an issuer and an audience."""
    directory = tmp_path_factory.mktemp("picky")
    settings = {**NAMED, "jwt.key_id": "new", "jwt.verification_keys": entries(old=NEW)}
    url = f"sqlite:///{directory / 'own.sqlite'}"
    app = application(ini_text(url, settings=settings), directory)
    with closing(app.registry.database):
        yield Client(app).sign_up("user@example.com")


def test_it_believes_what_the_tests_forge(picky):
    """So that those are refused for nothing else than what is wrong with them."""
    token = forged(picky, {"alg": "HS256", "kid": "new"}, SECRET.encode())
    assert picky.with_token(token).get(USER).status_int == 200


def claims_of(user):
    return jwt.decode(user.account.token, options={"verify_signature": False})


def header_of(user):
    return jwt.get_unverified_header(user.account.token)


def status(client, user):
    return client.with_token(user.account.token).get(USER, status=(200, 401)).status_int


def test_it_rotates_secrets_while_old_tokens_live_out_their_time(make):
    old = make().sign_up("user@example.com")
    assert "kid" not in header_of(old)
    rotated = {"jwt.private_key": NEW, "jwt.key_id": "new"}
    both = make({**rotated, "jwt.verification_keys": entries(old=SECRET)})
    new = both.log_in("user@example.com")
    assert header_of(new) == {"alg": "HS256", "typ": "JWT", "kid": "new"}
    assert status(both, old) == status(both, new) == 200
    alone = make(rotated)
    assert (status(alone, old), status(alone, new)) == (401, 200)
    # And on to a third one: now the old key has a name.
    third = make({"jwt.private_key": NEW[::-1], "jwt.key_id": "third",
                  "jwt.verification_keys": entries(new=NEW)})  # fmt: skip
    assert (status(third, old), status(third, new)) == (401, 200)


@pytest.mark.parametrize("named", [{}, {"jwt.key_id": "first"}], ids=["unnamed", "named"])
def test_processes_get_a_new_key_one_after_the_other(make, named):
    known_as = named.get("jwt.key_id", "any")
    new = {"jwt.private_key": NEW, "jwt.key_id": "second"}
    before = make({**named, "jwt.verification_keys": entries(second=NEW)})
    after = make({**new, "jwt.verification_keys": entries(**{known_as: SECRET})})
    tokens = [before.sign_up("user@example.com"), after.log_in("user@example.com")]
    # Some processes are at the first of these steps and some at the next, all the time.
    for each in (make(named), before):
        assert status(each, tokens[0]) == 200
    for each in (before, after):
        assert [status(each, token) for token in tokens] == [200, 200]
    assert status(make(new), tokens[1]) == 200


def test_it_takes_tokens_without_a_name_when_the_key_gets_one(make):
    old = make().sign_up("user@example.com")
    assert status(make({"jwt.key_id": "first"}), old) == 200


def test_it_signs_with_the_algorithm_of_the_settings(make, forge):
    key = "0123456789abcdef" * 4
    user = make({"jwt.private_key": key, "jwt.algorithm": "HS512"}).sign_up("user@example.com")
    assert header_of(user)["alg"] == "HS512"
    assert user.get(USER).status_int == 200
    other = forge.sign(forge.claims(user.account.public_id), key=key)
    assert user.with_token(other).get(USER, status=401).json == INVALID


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kid", ["", "2026-11"])
def test_it_signs_so_that_anybody_can_verify(make, algorithm, kid):
    client = make(signs(algorithm, key_id=kid))
    user = client.sign_up("user@example.com")
    assert user.get(USER).status_int == 200
    named = {"kid": kid} if kid else {}
    assert header_of(user) == {"alg": algorithm, "typ": "JWT", **named}
    answer = client.get(JWKS)
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    (said,) = answer.json["keys"]
    assert said.keys() - {"kid"} <= {"alg", "use", "kty", "crv", "x", "y", "n", "e"}
    assert {**said, "alg": algorithm, "use": "sig", **named} == said
    assert ("kid" in said) is bool(kid)
    verified = jwt.decode(user.account.token, jwt.PyJWK(said).key, algorithms=[algorithm])
    assert verified["sub"] == user.account.public_id


def test_it_answers_for_its_keys_as_for_everything(make):
    client = make(signs("EdDSA"))
    assert client.head(JWKS).body == b""
    assert client.options(JWKS).headers["Allow"] == "GET, HEAD, OPTIONS"
    assert client.post(JWKS, status=405).json["message"].startswith("The method is not allowed")
    assert JWKS not in client.get("/api/v1/swagger.json").text


def test_it_has_no_public_keys_where_there_are_only_secrets(make):
    client = make({"jwt.verification_keys": entries(old=NEW)})
    assert client.get(JWKS, status=404).content_type == "application/json"


def test_it_shows_public_keys_alone_and_believes_all(make):
    """From a secret to a pair of keys, and from pair to pair; private PEM does as well."""
    by_secret = make().sign_up("user@example.com")
    more = "\n".join(
        [
            "secret: " + SECRET,
            "elliptic:",
            PRIVATE["ES256"],
            "",
            "rsa RS256:",
            PUBLIC["RS256"],
            f"long HS512: {NEW}{NEW}",
        ]
    )
    client = make(signs("EdDSA", key_id="main", verification_keys=more))
    assert status(client, by_secret) == 200
    said = client.get(JWKS).json["keys"]
    assert [(each["kid"], each["alg"]) for each in said] == [
        ("main", "EdDSA"), ("elliptic", "ES256"), ("rsa", "RS256")]  # fmt: skip
    assert not any("d" in each or "k" in each for each in said)
    user = client.log_in("user@example.com")
    signers = {"elliptic": "ES256", "rsa": "RS256"}
    tokens = [
        jwt.encode(claims_of(user), KEYS[name], name, {"kid": kid}) for kid, name in signers.items()
    ]
    tokens.append(jwt.encode(claims_of(user), NEW + NEW, "HS512", {"kid": "long"}))
    for token in tokens:
        assert client.with_token(token).get(USER).status_int == 200


def test_it_reads_keys_from_files(make, monkeypatch, tmp_path):
    (tmp_path / "main.pem").write_text(PRIVATE["RS256"] + "\n")
    (tmp_path / "others").write_text(entries(old=SECRET) + "\n")
    old = make().sign_up("user@example.com")
    monkeypatch.setenv("WIDGET_SERVICE_JWT_VERIFICATION_KEYS_FILE", str(tmp_path / "others"))
    client = make({"jwt.algorithm": "RS256"} | {"jwt.private_key": PRIVATE["RS256"]})
    assert status(client, old) == 200
    monkeypatch.setenv("WIDGET_SERVICE_JWT_PRIVATE_KEY_FILE", str(tmp_path / "main.pem"))
    assert header_of(make({"jwt.algorithm": "RS256"}).log_in("user@example.com"))["alg"] == "RS256"


def forged(user, header, key=None, digest="sha256", claims=None):
    """A token whose header says what it likes; signed with a text by HMAC, or not at all."""
    parts = [json.dumps(each).encode("utf-8") for each in (header, claims or claims_of(user))]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = b"" if key is None else hmac.digest(key, signed, digest)
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode("ascii")


def public_forms(key):
    """What an attacker may take for the secret: the public key in every form."""
    public = key.public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(**PEM, format=spki)
    forms = [pem, pem.strip(), pem.replace(b"\n", b""), pem.replace(b"\n", b"\r\n")]
    forms.append(public.public_bytes(encoding=serialization.Encoding.DER, format=spki))
    forms.append(b"".join(pem.splitlines()[1:-1]))
    return forms


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_is_not_confused_about_algorithms(make, algorithm):
    more = entries(secret=SECRET)
    client = make(signs(algorithm, key_id="main", verification_keys=more))
    user = client.sign_up("user@example.com")
    for named in ({}, {"kid": "main"}, {"kid": "secret"}, {"kid": "other"}, {"kid": ""}):
        for token in confusing(user, algorithm, named):
            refused = client.with_token(token).get(USER, status=401)
            assert refused.json == INVALID, (named, token)
    assert user.get(USER).status_int == 200


def confusing(user, algorithm, named):
    """Tokens that nobody signed with the key of ``algorithm``; ``named`` is in their headers."""
    tokens = [
        forged(user, {"alg": alg, "typ": "JWT", **named}, form, digest)
        for form in public_forms(KEYS[algorithm])
        for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512"))
    ]
    tokens += [
        forged(user, {"alg": alg, **named}, key)
        for alg in ("none", "None", "NONE", algorithm, *ALGORITHMS)
        for key in (None, b"", b"\0")
    ]
    # The secret of a key that is believed, but not for this.
    tokens += [forged(user, {"alg": algorithm, **named}, SECRET.encode())]
    # Somebody else's key, also where the header brings it along.
    stranger = ed25519.Ed25519PrivateKey.generate()
    brought = {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}, "jku": "http://localhost/",
               "x5u": "http://localhost/", "x5c": [PUBLIC["RS256"]]}  # fmt: skip
    tokens += [jwt.encode(claims_of(user), stranger, "EdDSA", {**named, **brought})]
    return tokens + [
        jwt.encode(claims_of(user), KEYS[other], other, named)
        for other in ALGORITHMS
        if other != algorithm
    ]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_refuses_a_changed_signature(make, algorithm):
    user = make(signs(algorithm)).sign_up("user@example.com")
    signed, _, signature = user.account.token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    for place in range(0, len(raw), 7):
        changed = bytearray(raw)
        changed[place] ^= 1
        token = f"{signed}.{base64.urlsafe_b64encode(bytes(changed)).rstrip(b'=').decode()}"
        assert user.with_token(token).get(USER, status=401).json == INVALID


@pytest.mark.parametrize(
    "kid", ["new ", "NEW", "old", "../new", "new\0", "' OR 1=1", "x" * 2000, 1, ["new"], None, True]
)
def test_it_looks_only_at_the_key_that_the_header_names(picky, kid):
    token = forged(picky, {"alg": "HS256", "kid": kid}, SECRET.encode())
    assert picky.with_token(token).get(USER, status=401).json == INVALID


def test_it_says_and_demands_issuer_and_audience(make):
    without = make().sign_up("user@example.com")
    client = make(NAMED)
    user = client.log_in("user@example.com")
    said = claims_of(user)
    assert (said["iss"], said["aud"]) == tuple(NAMED.values())
    assert user.get(USER).status_int == 200
    assert client.with_token(without.account.token).get(USER, status=401).json == INVALID
    # Nor the other way round: this service is not whom it is for.
    assert without.with_token(user.account.token).get(USER, status=401).json == INVALID


@pytest.mark.parametrize(
    "changes",
    [
        *({"iss": value} for value in (..., None, "", "https://issuer.example.com/", 1, [], {})),
        *({"aud": value} for value in (..., None, "", "Widgets", [], ["other"], 1, {}, [1])),
    ],
    ids=repr,
)
def test_it_refuses_tokens_of_others_and_for_others(picky, changes):
    claims = {k: v for k, v in {**claims_of(picky), **changes}.items() if v is not ...}
    token = forged(picky, {"alg": "HS256", "kid": "new"}, SECRET.encode(), claims=claims)
    assert picky.with_token(token).get(USER, status=401).json == INVALID


def test_it_is_one_of_several_audiences(picky):
    claims = {**claims_of(picky), "aud": ["other", "widgets"]}
    token = forged(picky, {"alg": "HS256", "kid": "new"}, SECRET.encode(), claims=claims)
    assert picky.with_token(token).get(USER).status_int == 200


SHORT = private_pem(rsa.generate_private_key(65537, 1024))  # noqa: S505  (it is to be refused)
DSA = private_pem(dsa.generate_private_key(1024))  # noqa: S505  (as above)
OTHER_CURVE = private_pem(ec.generate_private_key(ec.SECP384R1()))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        # The wrong kind of key for the algorithm.
        ({"jwt.private_key": PRIVATE["RS256"]}, "is in PEM, which is not for HS256"),
        ({"jwt.private_key": PUBLIC["RS256"]}, "is in PEM, which is not for HS256"),
        ({"jwt.algorithm": "EdDSA"}, "must be a private key for EdDSA, in PEM"),
        ({**signs("EdDSA"), "jwt.algorithm": "ES256"},
         "is a key for EdDSA, but jwt.algorithm is ES256"),
        ({**signs("RS256"), "jwt.algorithm": "EdDSA"}, "is a key for RS256"),
        ({**signs("RS256"), "jwt.private_key": PUBLIC["RS256"]}, "is a public key"),
        ({**signs("RS256"), "jwt.private_key": SHORT}, "must have at least 2048 bits"),
        ({**signs("ES256"), "jwt.private_key": OTHER_CURVE}, "must be of Ed25519"),
        ({**signs("EdDSA"), "jwt.private_key": private_pem(ed448.Ed448PrivateKey.generate())},
         "must be of Ed25519"),
        ({**signs("RS256"), "jwt.private_key": DSA},
         "must be of Ed25519"),
        ({**signs("RS256"), "jwt.private_key": private_pem(RSA, b"password")}, "cannot be read"),
        ({**signs("RS256"), "jwt.private_key": PRIVATE["RS256"][:200]}, "cannot be read"),
        ({**signs("RS256"), "jwt.private_key": "-----BEGIN CERTIFICATE-----\nMIIBszCC0123456789"},
         "cannot be read"),
        ({"jwt.algorithm": "ES512"}, "jwt.algorithm = ES512"),
        # The names.
        ({"jwt.key_id": "a b"}, "jwt.key_id = a b"),
        ({"jwt.key_id": "x" * 65}, "must be at most 64"),
        ({"jwt.key_id": "a", "jwt.verification_keys": entries(a=NEW)}, "there are two keys a"),
        ({"jwt.verification_keys": f"a: {NEW}\na: {NEW[::-1]}"}, "there are two keys a"),
        # The others.
        ({"jwt.verification_keys": NEW}, "must begin with a name and a colon"),
        ({"jwt.verification_keys": PUBLIC["RS256"]}, "must begin with a name and a colon"),
        ({"jwt.verification_keys": "a:"}, "a must have at least 32 bytes"),
        ({"jwt.verification_keys": entries(a="short")}, "a must have at least 32 bytes"),
        ({"jwt.verification_keys": entries(a_HS512=NEW)}, "a must have at least 64 bytes"),
        ({"jwt.verification_keys": entries(a="a" * 40)}, "a is a placeholder"),
        ({"jwt.verification_keys": entries(a=f"{NEW} change-me")}, "a is a placeholder"),
        ({"jwt.verification_keys": entries(a="development-key-that-everybody-can-read")},
         "is the key of development.ini"),
        ({"jwt.verification_keys": entries(a=f"ssh-rsa {NEW}")}, "a does not work"),
        ({"jwt.verification_keys": entries(a_RS256=NEW)}, "a must be a key for RS256 in PEM"),
        ({"jwt.verification_keys": entries(a_none=NEW)}, "a must be a key for none in PEM"),
        ({"jwt.verification_keys": entries(a_HS256=PUBLIC["RS256"])},
         "a is a key for RS256, not HS256"),
        ({"jwt.verification_keys": entries(a_EdDSA=PUBLIC["RS256"])},
         "a is a key for RS256, not EdDSA"),
        ({"jwt.verification_keys": entries(a=SHORT)}, "a must have at least 2048 bits"),
        ({"jwt.verification_keys": entries(a=OTHER_CURVE)}, "a must be of Ed25519"),
        ({"jwt.verification_keys": entries(a=f"{NEW}\n{NEW}")}, "a must be in one line"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_it_refuses_to_start_with_keys_that_do_not_fit(refusal, settings, reason):
    text = refusal(settings)
    assert "1 problem(s)" in text
    assert reason in text
    for value in settings.values():
        if len(value) > 65:
            assert value not in text
            assert value.splitlines()[-2 if "BEGIN" in value else -1] not in text


@pytest.mark.parametrize(
    "settings", [signs("EdDSA"), {"jwt.verification_keys": entries(a=PUBLIC["EdDSA"])}]
)
def test_it_says_which_package_is_missing(refusal, monkeypatch, settings):
    for name in [each for each in sys.modules if each.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    text = refusal(settings)
    assert "needs cryptography, which is not installed: pip install 'widget_service[asym" in text


def test_it_needs_no_cryptography_for_secrets(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    client = make({"jwt.key_id": "new", "jwt.verification_keys": entries(old=NEW)})
    assert isinstance(client, Client)
    assert client.sign_up("user@example.com").get(USER).status_int == 200
