"""Who is counted where: a view deriver around every view that writes.

Logins are counted three times. *By address*, whatever comes of them, which bounds what a machine
costs. *Failed ones by account and address*: who guesses at an account is refused, and the account's
owner is not, who has another address; a login that succeeds begins anew. *Failed ones by account*:
who guesses from many addresses is refused as well, and for once the owner with them. That limit is
wider by far, and it is bounded: its window is fixed, ends when Retry-After says whatever anybody
does meanwhile, and all of its quota is there again for whoever comes then. So a correct password
from an address that nobody guessed from is refused for no longer than the window of
``throttle.login_account``, and never where that is empty.

A request is counted before its password is verified and given back where that was right, so that
guesses at the same time are not more than guesses one after another. Whether an account exists
makes no difference. A request that is no guess, such as one without a password, is given back too.
To change a password is to guess at the current one: it is counted like a failed login, for the user
in place of the account.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pyramid.security import NO_PERMISSION_REQUIRED

from widget_service import bodies, rest, settings
from widget_service.db import is_unsafe
from widget_service.emails import email_key
from widget_service.errors import LoginFailed, ServiceError, WrongPassword
from widget_service.principals import QuotaRefused
from widget_service.retry import once
from widget_service.throttle.limiting import Count, Exceeded, Standing, TooManyRequests, fields
from widget_service.throttle.schemas import TooMany

View = Callable[[Any, Any], Any]

# The services that are counted by other things than their user, by name.
LOGIN = "auth.login"
REGISTER = "auth.register"
PASSWORD = "auth.password"  # noqa: S105  (the name of a service)


def throttled(view: View, info: Any) -> View:
    """A view deriver: no more of ``view`` than the settings allow.

    It is called after the permission check, and knows who asks.
    """
    if info.exception_only:
        return view
    guard = GUARDS.get(info.options.get("route_name"), _write)

    def guarded(context: Any, request: Any) -> Any:
        if not is_unsafe(request):
            return view(context, request)
        return guard(view, context, request)

    return guarded


def _login(view: View, context: Any, request: Any) -> Any:
    address = client_address(request)
    _take_own(request, _counts(request, "login_address", address))
    account = account_of(request)
    if account is None:
        return view(context, request)
    here = _counts(request, "login_account_address", account, address)
    anywhere = _counts(request, "login_account", account)
    with _guessing(request, here, anywhere):
        return view(context, request)


def _register(view: View, context: Any, request: Any) -> Any:
    _take_own(request, _counts(request, "register_address", client_address(request)))
    return view(context, request)


def _write(view: View, context: Any, request: Any) -> Any:
    user = request.authenticated_userid
    if user is not None:
        _take_own(request, _counts(request, "write_user", user))
    return view(context, request)


def _password(view: View, context: Any, request: Any) -> Any:
    """Whoever has a token, found or stolen, may not guess at the password with it either."""
    user = f"user:{request.authenticated_userid}"
    here = _counts(request, "login_account_address", user, client_address(request))
    with _guessing(request, here, _counts(request, "login_account", user)):
        return _write(view, context, request)


@contextmanager
def _guessing(
    request: Any, here: Sequence[Count], anywhere: Sequence[Count] = ()
) -> Iterator[None]:
    """Count a guess at a password; nothing of it stays where it was right, or none at all.

    :param here: what begins anew where it was right
    :raises TooManyRequests: there is no quota left
    """
    limiter = request.registry.throttle
    _take(request, [*here, *anywhere])
    try:
        yield
    except Exception as error:
        if not isinstance(error, LoginFailed | WrongPassword):
            limiter.give_back([*here, *anywhere])
        raise
    limiter.forget(here)
    limiter.give_back(anywhere)


GUARDS = {LOGIN: _login, REGISTER: _register, PASSWORD: _password}


def client_address(request: Any) -> str:
    """Who asks, as far as the network knows.

    Not X-Forwarded-For, which anybody may send: the server puts in its place what a proxy that is
    trusted says. Of IPv6 the first half: the rest is its owner's to choose.
    """
    text = request.remote_addr or ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)).network_address)


def account_of(request: Any) -> str | None:
    """The account that a request wants to log in to; None where it names none.

    All spellings of an address are one account, and what is counted is no address any more. What
    is no address the view refuses, and says why.
    """
    email = _sent(request, "email")
    if not isinstance(email, str):
        return None
    try:
        return hashlib.sha256(email_key(email).encode()).hexdigest()
    except ValueError:
        return None


def _sent(request: Any, name: str) -> Any:
    """A field of the body; None where there is none, or no body that can be read."""
    try:
        return bodies.read_body(request).get(name)
    except ServiceError:
        return None


def _counts(request: Any, name: str, *who: str) -> list[Count]:
    rates = getattr(settings.of(request.registry, "throttle"), name)
    return [Count(name.replace("_", "-"), rate, who) for rate in rates]


def _take_own(request: Any, counts: Sequence[Count]) -> None:
    """Take from the quota of whoever asks, and tell them what is left of it."""
    # They have asked once, however often the transaction is tried.
    once(request, ("taken", *counts), lambda: _take(request, counts))
    if counts:
        _tell(request, [request.registry.throttle.standing(count) for count in counts])


def _take(request: Any, counts: Sequence[Count]) -> None:
    """:raises TooManyRequests: there is no quota left"""
    limiter = request.registry.throttle
    try:
        limiter.take(counts)
    except Exceeded as exceeded:
        standing = exceeded.standing
        _tell(request, [standing])
        # To be refused costs nothing: a line for each would be a way to fill the log.
        if limiter.is_news(standing):
            event = QuotaRefused(request, TooManyRequests.status, standing.of.name, _who(request))
            request.registry.notify(event)
        seconds = standing.seconds
        text = f"Too many requests. Please try again in {seconds} second(s)."
        raise TooManyRequests(text, {"Retry-After": str(seconds)}) from None


def _who(request: Any) -> str | None:
    """The user who asks; for a login or a registration the address that it is for."""
    route = request.matched_route
    if route is None or route.name not in (LOGIN, REGISTER):
        return request.authenticated_userid  # type: ignore[no-any-return]
    # What is no address may be a password that was typed in the wrong place.
    return _sent(request, "email") if account_of(request) else None


def _tell(request: Any, standings: Sequence[Standing]) -> None:
    headers = fields(standings)
    request.add_response_callback(lambda _request, response: response.headers.update(headers))


def may_refuse(registry: Any, service: rest.Service, method: str, args: dict[str, Any]) -> bool:
    """May an operation be answered 429? For the documentation."""
    values = settings.of(registry, "throttle")
    if method in ("GET", "HEAD", "OPTIONS"):
        return False
    if service.name == LOGIN:
        return bool(values.login_address or values.login_account_address or values.login_account)
    if service.name == REGISTER:
        return bool(values.register_address)
    if service.name == PASSWORD:
        return bool(values.login_account_address or values.login_account or values.write_user)
    return bool(values.write_user) and args.get("permission") != NO_PERMISSION_REQUIRED


def includeme(config: Any) -> None:
    """Add the deriver, and 429 to what the documentation says of operations that it guards."""
    config.add_view_deriver(throttled)
    config.expose_headers("RateLimit", "RateLimit-Policy")
    config.declare_answer(
        "429", TooMany(description="Too many requests; Retry-After says when to ask again."),
        may_refuse,
    )  # fmt: skip
