"""Hashes of passwords, and which settings of passlib.* do not start."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from widget_service.auth.passwords import Passwords
from widget_service.memory import be_sparing

CHEAP = {"argon2__time_cost": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}
PBKDF2 = {"schemes": ("pbkdf2_sha256",), "pbkdf2_sha256__rounds": "10"}


def make(**options):
    return Passwords({"schemes": ("argon2",), "deprecated": ("auto",), **CHEAP, **options})


@pytest.fixture
def passwords():
    return make()


@pytest.mark.parametrize(
    "password", ["x", " ", "123456", "\u20ac\U0001f600\xe9", "x" * 1024, "a\tb\n", "%s{}"]
)
def test_it_knows_a_password_by_its_hash(passwords, password):
    hashed = passwords.hash(password)
    assert hashed.startswith("$argon2id$")
    assert password not in hashed or len(password) == 1
    assert passwords.verify(password, hashed) is True
    assert passwords.verify(password + "x", hashed) is False
    assert passwords.verify(password.swapcase() + " ", hashed) is False


def test_it_salts(passwords):
    assert passwords.hash("x") != passwords.hash("x")


def test_it_verifies_as_much_without_a_hash(passwords, hashing):
    assert passwords.verify("too many secrets", None) is False
    assert hashing == ["verify"]


def test_it_has_a_hash_to_compare_with_before_the_first_login(hashing):
    passwords = make()
    hashing.clear()
    passwords.verify("x", None)
    assert hashing == ["verify"]


@pytest.mark.parametrize("broken", ["", "nonsense", "$argon2id$v=19$m=8", "$1$abc$def", "\0"])
def test_it_takes_a_hash_it_cannot_read_for_one_that_does_not_match(passwords, broken, hashing):
    assert passwords.verify("x", broken) is False
    assert hashing[-1] == "verify"


@pytest.mark.parametrize(
    "changed",
    [
        {"argon2__time_cost": 2},
        {"argon2__memory_cost": 16},
        {"argon2__type": "i"},
        {"schemes": ("pbkdf2_sha256", "argon2"), "pbkdf2_sha256__rounds": "10"},
    ],
    ids=repr,
)
def test_it_says_which_hashes_are_outdated(passwords, changed):
    old = passwords.hash("x")
    assert not passwords.is_outdated(old)
    now = make(**changed)
    assert now.verify("x", old)
    assert now.is_outdated(old)
    assert not now.is_outdated(now.hash("x"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"schemes": ()}, "no crypt algorithms"),
        ({"schemes": ("nonsense",)}, "nonsense"),
        ({"schemes": ("argon2", "nonsense")}, "nonsense"),
        ({"nonsense": "1"}, "nonsense"),
        ({"argon2__nonsense": "1"}, "nonsense"),
        ({"argon2__salt_size": "many"}, "many"),
        ({"argon2__salt_size": "900"}, "more than 255 characters"),
        ({"argon2__type": "q"}, "unknown argon2 hash type"),
        ({"argon2__parallelism": 4}, "memory_cost"),
        ({"deprecated": ("nonsense",)}, "deprecated scheme not found"),
        ({"default": "md5_crypt"}, "default scheme not found"),
        # Of these a graphics card tries billions in a second.
        ({"schemes": ("plaintext",)}, "plaintext is too fast"),
        ({"schemes": ("hex_md5", "argon2")}, "hex_md5 is too fast"),
        ({"schemes": ("ldap_salted_sha1",)}, "ldap_salted_sha1 is too fast"),
        # It wants the name of a user as well.
        ({"schemes": ("argon2", "postgres_md5")}, "user must be"),
    ],
    ids=repr,
)
def test_it_does_not_start_with_options_that_do_not_work(refusal, options, reason):
    settings = {f"passlib.{k}": ", ".join(v) if isinstance(v, tuple) else str(v)
                for k, v in options.items()}  # fmt: skip
    text = refusal(settings)
    assert "1 problem(s)" in text
    assert "passlib." in text
    assert reason in text


@pytest.mark.parametrize(
    "options",
    [
        {"passlib.schemes": "pbkdf2_sha256", "passlib.pbkdf2_sha256__rounds": "10"},
        {"passlib.schemes": "scrypt argon2", "passlib.scrypt__rounds": "4"},
        {"passlib.schemes": "sha512_crypt", "passlib.sha512_crypt__rounds": "1000"},
        {"passlib.schemes": "argon2, ldap_salted_sha1"},
        {"passlib.argon2__salt_size": "32"},
    ],
    ids=repr,
)
def test_it_takes_what_passlib_takes(make_app, options):
    user = make_app(options).sign_up("user@example.com", "a password")
    user.log_in("user@example.com", "a password")


def test_it_keeps_no_memory_of_what_it_hashed():
    def memory():
        lines = Path("/proc/self/status").read_text().splitlines()
        (line,) = (each for each in lines if each.startswith("VmRSS"))
        return int(line.split()[1])

    together = threading.Barrier(8)
    costly = make(argon2__memory_cost=19456)
    hashed = costly.hash("a password")

    def verify(_number):
        # Each in a thread of its own.
        together.wait(10)
        return costly.verify("a password", hashed)

    be_sparing()
    before = memory()
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(verify, range(8)))
        # Of eight times 19 MiB.
        assert memory() - before < 2 * 19456
