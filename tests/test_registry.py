"""The registry: events reach whoever waits for them, whenever they began to."""

import pytest
from pyramid.events import BeforeTraversal, ContextFound, NewRequest, NewResponse
from zope.interface import Interface, alsoProvides, implementedBy

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


class ISpecial(Interface):
    """What one event has that others of its class have not."""


def test_it_tells_of_an_event_that_provides_more_than_others(registry):
    told = []
    registry.registerHandler(told.append, [ISpecial])
    registry.notify(Happened())
    special = Happened()
    alsoProvides(special, ISpecial)
    registry.notify(special)
    assert told == [special]


def test_it_tells_those_who_subscribe_by_other_ways(registry):
    told = []
    # Pyramid itself listens to them only when somebody has subscribed in its own way.
    registry.registerHandler(told.append, [ISpecial])
    registry.notify(Happened())
    registry.adapters.subscribe([implementedBy(Happened)], None, told.append)
    registry.notify(Happened())
    base = QuietRegistry("base")
    registry.__bases__ = (base,)
    registry.notify(HappenedAgain())
    base.registerHandler(told.append, [HappenedAgain])
    registry.notify(HappenedAgain())
    # The first subscriber hears of the special ones, too.
    assert [type(each) for each in told] == [Happened, *[HappenedAgain] * 3]


@pytest.mark.parametrize("event", [NewRequest, BeforeTraversal, ContextFound, NewResponse])
def test_requests_are_told_of_when_somebody_listens_to_them(registry, event):
    assert not registry.has_listeners
    registry.registerHandler(repr, [Happened])
    assert not registry.has_listeners
    registry.registerHandler(repr, [event])
    assert registry.has_listeners
    registry.unregisterHandler(repr, [event])
    assert not registry.has_listeners


def test_requests_are_told_of_when_somebody_listens_to_everything(registry):
    base = QuietRegistry("base")
    registry.__bases__ = (base,)
    assert not registry.has_listeners
    base.registerHandler(repr, [Interface])
    assert registry.has_listeners


def test_requests_are_told_of_when_somebody_has_subscribed_while_it_looked(registry, monkeypatch):
    subscriptions = registry.adapters.subscriptions

    def late(*arguments):
        found = subscriptions(*arguments)
        monkeypatch.undo()
        registry.registerHandler(repr, [NewRequest])
        return found

    monkeypatch.setattr(registry.adapters, "subscriptions", late)
    assert registry.has_listeners in (True, False)
    assert registry.has_listeners


def test_it_does_not_look_twice_for_subscribers_that_are_not_there(registry, monkeypatch):
    assert not registry.has_listeners
    monkeypatch.setattr(registry.adapters, "subscriptions", None)
    assert not registry.has_listeners
