"""Keys: the one that signs tokens, those that are believed, and what the world may know of them.

``jwt.private_key`` signs. ``jwt.verification_keys`` are believed as well, so that tokens live out
their time when another key begins to sign. Each key is for one algorithm, whatever the header of a
token claims: nobody signs with a public key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import colander

from widget_service import settings
from widget_service.auth.settings import ADVICE, ASYMMETRIC, SYMMETRIC, no_placeholder

PEM = "-----BEGIN "
# RFC 7518, 3.3.
LEAST_RSA_BITS = 2048
# KID: KEY, or KID ALGORITHM: KEY; a line of PEM has no colon.
ENTRY = re.compile(r"(?P<kid>[A-Za-z0-9._~-]{1,64})(?: +(?P<algorithm>\w+))? *:(?P<text>.*)")


class KeyRefused(ValueError):
    """A key cannot be used; ``setting`` is the name, without ``jwt.``, of what is wrong."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.setting = name


class Key(NamedTuple):
    """A key that is believed: for tokens whose header names it, and of its own algorithm."""

    kid: str | None
    algorithm: str
    verifying: Any

    def jwk(self) -> dict[str, str]:
        """What anybody needs to verify tokens (RFC 7517, RFC 8037); of a public key only."""
        said = {"alg": self.algorithm, "use": "sig", **_numbers(self)}
        return said if self.kid is None else {"kid": self.kid, **said}


class KeyRing(NamedTuple):
    """The keys of one application; the first one belongs to the key that signs."""

    signing: Any
    keys: tuple[Key, ...]

    def candidates(self, kid: str | None) -> Sequence[Key]:
        """The keys that a token may be signed with, by the ``kid`` of its header.

        Without one it may be any: a token is older than the names of the keys.
        """
        return [each for each in self.keys if kid in (None, each.kid)]

    @property
    def public(self) -> list[dict[str, str]]:
        """The keys that the world may know; none of a secret."""
        return [each.jwk() for each in self.keys if each.algorithm in ASYMMETRIC]


def ring(values: Any) -> KeyRing:
    """The keys that ``jwt.*`` describes.

    :raises KeyRefused: one cannot be used
    """
    algorithm = values.algorithm
    signing, verifying = _main(values.private_key, algorithm)
    keys = [Key(values.key_id or None, algorithm, verifying)]
    default = algorithm if algorithm in SYMMETRIC else "HS256"
    for each in _others(values.verification_keys, default):
        if each.kid in (known.kid for known in keys):
            raise KeyRefused("verification_keys", f"there are two keys {each.kid}")
        keys.append(each)
    return KeyRing(signing, tuple(keys))


def _main(text: str, algorithm: str) -> tuple[Any, Any]:
    """The key that signs, and the one that verifies what it signed."""
    if algorithm in SYMMETRIC:
        secret = _secret(text, algorithm, "private_key")
        return secret, secret
    if not text.lstrip().startswith(PEM):
        raise KeyRefused("private_key", f"must be a private key for {algorithm}, in PEM")
    private, public = _pem(text, "private_key")
    if private is None:
        raise KeyRefused("private_key", "is a public key, which signs nothing")
    found = _algorithm(public, "private_key")
    if found != algorithm:
        raise KeyRefused("private_key", f"is a key for {found}, but jwt.algorithm is {algorithm}")
    return private, public


def _others(text: str, default: str) -> Iterator[Key]:
    for kid, claimed, found in _entries(text):
        if not found.startswith(PEM):
            algorithm = claimed or default
            if algorithm not in SYMMETRIC:
                raise KeyRefused("verification_keys", f"{kid} must be a key for {algorithm} in PEM")
            yield Key(kid, algorithm, _secret(found, algorithm, "verification_keys", f"{kid} "))
            continue
        _private, public = _pem(found, "verification_keys", f"{kid} ")
        algorithm = _algorithm(public, "verification_keys", f"{kid} ")
        if claimed not in (None, algorithm):
            raise KeyRefused("verification_keys", f"{kid} is a key for {algorithm}, not {claimed}")
        yield Key(kid, algorithm, public)


def _entries(text: str) -> list[tuple[str, str | None, str]]:
    """The name, the algorithm if there is one, and the text of each key."""
    found: list[tuple[str, str | None, list[str]]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        match = ENTRY.fullmatch(line)
        if match:
            found.append((match["kid"], match["algorithm"], [match["text"].strip()]))
        elif found:
            found[-1][2].append(line)
        else:
            raise KeyRefused("verification_keys", "must begin with a name and a colon: KID: KEY")
    return [(kid, algorithm, "\n".join(lines).strip()) for kid, algorithm, lines in found]


def _secret(text: str, algorithm: str, name: str, which: str = "") -> str:
    least = SYMMETRIC[algorithm]
    if text.lstrip().startswith(PEM):
        raise KeyRefused(name, f"{which}is in PEM, which is not for {algorithm}; {ADVICE}")
    if "\n" in text:
        raise KeyRefused(name, f"{which}must be in one line; {ADVICE}")
    if len(text.encode("utf-8")) < least:
        raise KeyRefused(name, f"{which}must have at least {least} bytes; {ADVICE}")
    try:
        no_placeholder(colander.SchemaNode(colander.String()), text)
    except colander.Invalid as error:
        raise KeyRefused(name, f"{which}{error.msg}") from None
    return text


def _pem(text: str, name: str, which: str = "") -> tuple[Any, Any]:
    """The private key, None where the text has only the public one, and the public key."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  (an extra)
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  (likewise)
    except ImportError:
        text = settings.not_installed("cryptography", "asymmetric")
        raise KeyRefused(name, f"{which}{text}") from None
    data = text.strip().encode("utf-8")
    try:
        if "PRIVATE KEY" in text.partition("\n")[0]:
            private: Any = serialization.load_pem_private_key(data, None)
            return private, private.public_key()
        return None, serialization.load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # What they say may quote the key.
        text = "cannot be read: it must be a key in PEM, without a password"
        raise KeyRefused(name, f"{which}{text}") from None


def _algorithm(public: Any, name: str, which: str = "") -> str:
    """The one algorithm that a key is for."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415  (as above)

    if isinstance(public, ed25519.Ed25519PublicKey):
        return "EdDSA"
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        return "ES256"
    if not isinstance(public, rsa.RSAPublicKey):
        raise KeyRefused(name, f"{which}must be of Ed25519, of the curve P-256, or of RSA")
    if public.key_size < LEAST_RSA_BITS:
        raise KeyRefused(name, f"{which}must have at least {LEAST_RSA_BITS} bits")
    return "RS256"


def _numbers(each: Key) -> dict[str, str]:
    public = each.verifying
    if each.algorithm == "EdDSA":
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public.public_bytes_raw())}
    numbers = public.public_numbers()
    if each.algorithm == "ES256":
        x, y = (_base64url(number.to_bytes(32)) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    n, e = (_base64url(_shortest(number)) for number in (numbers.n, numbers.e))
    return {"kty": "RSA", "n": n, "e": e}


def _shortest(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def includeme(config: Any) -> None:
    """Make ``registry.keys``; None where they are wrong, and nothing starts."""
    values = settings.of(config.registry, "jwt")
    config.registry.keys = None
    if values.private_key is not None:
        try:
            config.registry.keys = ring(values)
        except KeyRefused as refused:
            config.refuse_setting(f"jwt.{refused.setting}", str(refused))
