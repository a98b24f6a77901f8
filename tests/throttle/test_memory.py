"""Counting in memory: windows, and a bound to what is kept of them."""

import threading
import time

import pytest
import time_machine
from limits import parse

from widget_service.throttle import memory
from widget_service.throttle.limiting import Count, Exceeded, Limiter, open_storage
from widget_service.throttle.memory import BoundedMemory


@pytest.fixture
def clock():
    with time_machine.travel("2026-11-24T12:00:00+00:00", tick=False) as traveller:
        yield traveller


@pytest.fixture
def counts():
    """An empty storage, which tests look into as well: what it keeps is what it is about."""
    return BoundedMemory()


def kept(counts):
    return {*counts._windows}  # noqa: SLF001


def test_it_counts_until_the_window_ends_and_then_anew(counts, clock):
    assert [counts.incr("a", 60) for _ in range(3)] == [1, 2, 3]
    assert counts.incr("b", 60, 5) == 5
    ends = counts.get_expiry("a")
    assert ends == time.time() + 60
    clock.shift(59)
    assert (counts.incr("a", 60), counts.get_expiry("a")) == (4, ends)
    clock.shift(1)
    assert counts.get("a") == 0
    assert (counts.incr("a", 60), counts.get_expiry("a")) == (1, ends + 60)


def test_it_forgets_what_was_given_back(counts, clock):
    counts.incr("a", 60, 2)
    assert counts.incr("a", 60, -1) == 1
    assert counts.incr("a", 60, -1) == 0
    assert kept(counts) == set()
    # Late, when the window has ended or was forgotten: nobody has more than all of a quota.
    assert counts.incr("a", 60, -1) == counts.get("a") == 0
    counts.incr("b", 60)
    clock.shift(60)
    assert counts.incr("b", 60, -1) == 0
    assert kept(counts) == set()
    assert counts.get_expiry("b") == time.time()


def test_it_forgets_what_it_is_told_to(counts):
    for key in ("a", "b", "c"):
        counts.incr(key, 60)
    counts.clear("a")
    counts.clear("absent")
    assert kept(counts) == {"b", "c"}
    assert counts.reset() == 2
    assert kept(counts) == set()
    assert counts.check()


def test_it_looks_for_windows_that_have_ended_once_in_some_seconds(counts, clock):
    counts.incr("short", 1)
    counts.incr("long", 60)
    clock.shift(4)
    counts.incr("a", 60)
    assert "short" in kept(counts)
    clock.shift(1)
    counts.incr("a", 60)
    assert kept(counts) == {"a", "long"}
    # Somebody sets the clock back by an hour.
    counts.incr("short", 1)
    clock.shift(-3600)
    counts.incr("a", 60)
    clock.shift(4)
    counts.incr("before", 1)
    clock.shift(2)
    counts.incr("a", 60)
    assert "before" not in kept(counts)


def test_it_forgets_those_that_have_counted_least_where_there_are_too_many(
    counts, clock, monkeypatch
):
    monkeypatch.setattr(memory, "MOST", 8)
    monkeypatch.setattr(memory, "KEPT", 4)
    for _ in range(3):
        counts.incr("guessed at", 60)
    for number in range(7):
        counts.incr(f"made up {number}", 60)
    assert len(kept(counts)) == 8
    counts.incr("new", 60)
    assert kept(counts) == {"guessed at", "made up 4", "made up 5", "made up 6", "new"}
    assert counts.get("guessed at") == 3


def test_it_forgets_windows_that_have_ended_before_any_other(counts, clock, monkeypatch):
    monkeypatch.setattr(memory, "MOST", 8)
    monkeypatch.setattr(memory, "KEPT", 4)
    for number in range(4):
        counts.incr(f"ended {number}", 1, 9)
    for number in range(4):
        counts.incr(f"made up {number}", 60)
    clock.shift(1)
    counts.incr("new", 60)
    assert kept(counts) == {*(f"made up {number}" for number in range(4)), "new"}


def test_nobody_who_makes_up_accounts_makes_it_grow_or_is_rid_of_a_limit(clock):
    storage = open_storage("memory://", 1)
    limiter = Limiter(storage, counts_alone=False)
    rate = parse("5/hour")
    victim = [Count("login-account", rate, ("victim",))]
    for _ in range(5):
        limiter.take(victim)
    for number in range(memory.MOST + 1000):
        storage.incr(f"made up {number}", 3600)
    assert len(kept(storage)) <= memory.MOST
    with pytest.raises(Exceeded):
        limiter.take(victim)


def test_it_does_not_take_a_mistake_for_a_storage_that_is_away(counts):
    with pytest.raises(TypeError):
        counts.incr("a", "soon")


def test_it_starts_no_threads_and_counts_right_in_many(counts):
    before = threading.active_count()

    def count():
        for _ in range(1000):
            counts.incr("a", 60)
            counts.incr("b", 60)
            counts.incr("b", 60, -1)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for each in threads:
        each.start()
    assert threading.active_count() <= before + 8
    for each in threads:
        each.join()
    assert (counts.get("a"), counts.get("b")) == (8000, 0)
