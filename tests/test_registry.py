"""The registry: events reach whoever waits for them, whenever they began to."""

import pytest
from zope.interface import Interface

from widget_service.registry import QuietRegistry


class Happened:
    """An event."""


class HappenedAgain(Happened):
    """An event of a more special kind."""


@pytest.fixture
def registry():
    return QuietRegistry("tests")


def test_it_tells_whoever_subscribes_before_and_after_an_event(registry):
    told = []
    registry.notify(Happened())
    registry.registerHandler(told.append, [Happened])
    for event in (Happened(), HappenedAgain(), object()):
        registry.notify(event)
        registry.notify(event)
    assert [type(each) for each in told] == [Happened, Happened, HappenedAgain, HappenedAgain]
    registry.registerHandler(told.append, [Interface])
    registry.notify(object())
    assert type(told[-1]) is object


def test_it_tells_of_two_things_at_once(registry):
    told = []
    registry.notify(Happened(), HappenedAgain())
    registry.registerHandler(lambda *both: told.append(both), [Happened, HappenedAgain])
    registry.notify(Happened(), HappenedAgain())
    assert [tuple(map(type, each)) for each in told] == [(Happened, HappenedAgain)]


def test_it_does_not_look_twice_for_subscribers_that_are_not_there(registry, monkeypatch):
    registry.notify(Happened())
    monkeypatch.setattr(registry, "adapters", None)
    registry.notify(Happened())
