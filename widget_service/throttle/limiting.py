"""Counting: how much of a limit is left, in the process or in Redis.

Windows are fixed: one begins with the first request that it counts, and all of its quota is there
again when it ends, at a moment that Retry-After names. What is refused is not counted, so nobody
lengthens a window by asking on.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from limits import RateLimitItem
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from pyramid.events import ApplicationCreated

from widget_service import settings
from widget_service.errors import RETRY_AFTER, UNAVAILABLE, ServiceError
from widget_service.settings import StartupError
from widget_service.throttle.memory import BoundedMemory
from widget_service.workers import step_aside

log = logging.getLogger(__name__)

# Once Redis did not answer, nobody waits for it again for some seconds.
PAUSE = 5.0


class TooManyRequests(ServiceError):
    """429: a limit is used up (RFC 6585, 4)."""

    status = 429


class Uncounted(ServiceError):
    """503: nobody can say whether a limit is used up."""

    status = 503


class Count(NamedTuple):
    """What one rate of one limit counts of somebody."""

    limit: str
    rate: RateLimitItem
    who: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the policy, for clients."""
        return f"{self.limit}-{self.rate.get_expiry()}s"


class Standing(NamedTuple):
    """How much is left of a count, and for how many seconds at the most."""

    of: Count
    remaining: int
    seconds: int


class Exceeded(Exception):
    """A limit is used up."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing.of.name)
        self.standing = standing


def fields(standings: Sequence[Standing]) -> dict[str, str]:
    """RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10)."""
    policy = (
        f'"{each.of.name}";q={each.of.rate.amount};w={each.of.rate.get_expiry()}'
        for each in standings
    )
    left = (f'"{each.of.name}";r={each.remaining};t={each.seconds}' for each in standings)
    return {"RateLimit-Policy": ", ".join(policy), "RateLimit": ", ".join(left)}


class Limiter:
    """Counts for one application.

    Where a storage does not answer, each process counts for itself, or nobody gets in.
    """

    def __init__(self, storage: Any, *, counts_alone: bool) -> None:
        """
        :param storage: one of limits
        :param counts_alone: count in this process while the storage is away
        """
        self.storage = storage
        self._is_elsewhere = not isinstance(storage, BoundedMemory)
        self._shared = FixedWindowRateLimiter(storage)
        self._alone = FixedWindowRateLimiter(BoundedMemory()) if counts_alone else None
        self._failed_at = -PAUSE
        # Of which refusals somebody was told, in the windows of now.
        self._told = BoundedMemory()

    def take(self, counts: Sequence[Count]) -> None:
        """Count a request, everywhere or nowhere.

        :raises Exceeded: one of the limits was used up
        :raises Uncounted: the storage is away, and that is what to do then
        """
        for position, count in enumerate(counts):
            if not self._add(count, 1):
                self.give_back(counts[: position + 1])
                raise Exceeded(self.standing(count))

    def give_back(self, counts: Sequence[Count]) -> None:
        """Forget one request."""
        for count in counts:
            self._add(count, -1)

    def forget(self, counts: Sequence[Count]) -> None:
        """Forget all requests."""
        for count in counts:
            self._clear(count)

    def standing(self, count: Count) -> Standing:
        """What is left of a count."""
        stats = self._ask(lambda limiter: limiter.get_window_stats(count.rate, *_key(count)))
        seconds = max(1, math.ceil(stats.reset_time - time.time()))
        return Standing(count, min(stats.remaining, count.rate.amount), seconds)

    def is_news(self, exhausted: Standing) -> bool:
        """Is this the first refusal in its window? Each process finds out for itself."""
        count = exhausted.of
        return self._told.incr(count.rate.key_for(*_key(count)), exhausted.seconds) == 1

    def _clear(self, count: Count) -> None:
        self._ask(lambda limiter: limiter.clear(count.rate, *_key(count)))

    def _add(self, count: Count, cost: int) -> bool:
        return bool(self._ask(lambda limiter: limiter.hit(count.rate, *_key(count), cost=cost)))

    def _ask(self, question: Callable[[FixedWindowRateLimiter], Any]) -> Any:
        # Either way: somebody may set the clock back.
        if abs(time.time() - self._failed_at) >= PAUSE:
            if self._is_elsewhere:
                step_aside()
            try:
                return question(self._shared)
            except self.storage.base_exceptions as error:
                self._failed_at = time.time()
                then = "counting in this process" if self._alone else "refusing"
                # Without a traceback, of which every PAUSE would make another one.
                log.error("the storage of throttling is away, %s: %s", then, error)  # noqa: TRY400
        if self._alone is None:
            raise Uncounted(UNAVAILABLE, {"Retry-After": RETRY_AFTER})
        return question(self._alone)


def _key(count: Count) -> tuple[str, ...]:
    return (count.limit, *count.who)


def open_storage(url: str, timeout: float) -> Any:
    """The storage of a URL; nobody has asked it anything yet.

    :param timeout: seconds
    :raises ImportError: it is Redis, whose client is not installed
    :raises ValueError: the URL makes no sense to the client
    """
    if url.startswith("memory:"):
        return BoundedMemory()
    from redis.backoff import NoBackoff  # noqa: PLC0415  (an extra)
    from redis.retry import Retry  # noqa: PLC0415

    return RedisStorage(
        url,
        key_prefix="widget_service",
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        # The client's own patience is several seconds. Once more is for a connection that Redis
        # closed while nobody used it.
        retry=Retry(NoBackoff(), 1),  # type: ignore[arg-type]  # passed on to the client as it is
    )


def _check(event: ApplicationCreated) -> None:
    """:raises StartupError: the storage does not answer"""
    registry = event.app.registry
    if not registry.serves:
        # Somebody may want to disable an account just then.
        return
    storage = registry.throttle.storage
    try:
        # Not its check(), which does not say why.
        storage.get("widget_service:start")
    except storage.base_exceptions as error:
        text = f"cannot be used: {' '.join(str(error).split())}"
        registry.settings_declared.refuse("throttle.storage", text)
        raise StartupError(registry.settings_declared.problems) from None


def includeme(config: Any) -> None:
    """The limiter, as ``registry.throttle``; its storage must answer when the service starts."""
    values = settings.of(config.registry, "throttle")
    try:
        storage = open_storage(values.storage, values.storage_timeout / 1000)
    except ImportError as error:
        text = settings.not_installed(error.name, "redis")
        config.refuse_setting("throttle.storage", text)
    except ValueError as error:
        config.refuse_setting("throttle.storage", str(error))
    else:
        counts_alone = values.without_storage == "count"
        config.registry.throttle = Limiter(storage, counts_alone=counts_alone)
        config.add_subscriber(_check, ApplicationCreated)
