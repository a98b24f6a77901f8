"""The threads of the server by themselves: which of them serve what is to be done, and when."""

import threading

import pytest
from processes import PATIENCE
from turns import Errand, others_go_on, wait_until

from widget_service.workers import Workers, step_aside


@pytest.fixture
def workers():
    made = Workers(8)
    wait_until(lambda: made.is_idle)
    yield made
    made.shutdown()


@pytest.fixture
def gate():
    made = threading.Event()
    yield made
    made.set()


def test_who_was_idle_last_works_next(workers):
    errands = [Errand() for _each in range(20)]
    for errand in errands:
        workers.add_task(errand)
        assert errand.done.wait(PATIENCE)
        wait_until(lambda: workers.is_idle)
    assert len({errand.thread for errand in errands}) == 1


def test_one_works_off_what_there_is(workers, gate):
    errands = [Errand(lambda: gate.wait(PATIENCE)), *(Errand() for _each in range(20))]
    for errand in errands:
        workers.add_task(errand)
    gate.set()
    for errand in errands:
        assert errand.done.wait(PATIENCE)
    assert len({errand.thread for errand in errands}) == 1


def test_as_many_more_begin_where_those_at_work_do_not_get_on(workers, gate):
    errands = [Errand(lambda: gate.wait(PATIENCE)) for _each in range(12)]
    for errand in errands:
        workers.add_task(errand)
    for count in (1, 2, 4, 8, 8):
        wait_until(lambda count=count: sum(bool(each.thread) for each in errands) >= count)
        assert not any(each.thread for each in errands[count:])
        workers.watch()
    # For a while: these need not be watched.
    gate.set()
    assert errands[-1].done.wait(PATIENCE)


def one_and_one_that_does_not_end(workers, gate):
    """Two errands: one is done while somebody looks on, what comes then takes until the gate opens.

    And one behind them.
    """

    def is_watched():
        return workers._free._waiters  # noqa: SLF001  (nothing else shows it)

    errands = [
        Errand(lambda: wait_until(is_watched)),
        Errand(lambda: gate.wait(PATIENCE)),
        Errand(),
    ]
    for errand in errands:
        workers.add_task(errand)
    return errands


def test_another_one_begins_where_one_waits_now_and_then(workers, gate):
    _first, long, last = one_and_one_that_does_not_end(workers, gate)
    workers.watch()
    assert last.done.wait(PATIENCE)
    assert not long.done.is_set()


def test_they_go_on_by_turns_where_one_computes_and_gets_on(workers, gate, monkeypatch):
    monkeypatch.setattr("widget_service.workers.COMPUTING", 0)
    monkeypatch.setattr("widget_service.workers.TURN", 0.2)
    first, long, last = one_and_one_that_does_not_end(workers, gate)
    workers.watch()
    assert first.done.is_set()
    assert workers._is_taken()  # noqa: SLF001  (nothing else shows it)
    assert not last.thread
    # It does no more.
    workers.watch()
    assert last.done.wait(PATIENCE)
    assert not long.done.is_set()


def test_whoever_comes_back_lets_another_one_have_its_turn(workers):
    aside, turn = threading.Event(), threading.Event()
    first = Errand(lambda: (step_aside(), aside.wait(PATIENCE)))
    second, third = Errand(lambda: turn.wait(PATIENCE)), Errand()
    for errand in (first, second, third):
        workers.add_task(errand)
    wait_until(lambda: second.thread)
    aside.set()
    wait_until(lambda: len(workers._idle) == 7)  # noqa: SLF001  (nothing else shows it)
    assert not third.thread
    turn.set()
    assert third.done.wait(PATIENCE)
    assert third.thread == second.thread


def test_nobody_has_to_wait_for_their_turn_for_a_while_then(workers, gate):
    first, second = Errand(lambda: gate.wait(PATIENCE)), Errand()
    workers.add_task(first)
    workers.watch()
    workers.add_task(second)
    assert second.done.wait(PATIENCE)
    # There is nothing to look on at: this does not wait.
    workers.watch()


def test_it_is_not_watched_for_longer_than_somebody_works(workers):
    workers.watch()
    errand = Errand()
    workers.add_task(errand)
    while not workers.is_idle:
        workers.watch()
    assert errand.done.is_set()


def test_others_go_on_beside_one_who_steps_aside():
    assert not others_go_on(lambda: None)
    assert others_go_on(step_aside)


def test_whoever_has_stepped_aside_does_so_for_one_task(workers, gate):
    aside = [Errand(step_aside) for _each in range(10)]
    for errand in aside:
        workers.add_task(errand)
        assert errand.done.wait(PATIENCE)
    wait_until(lambda: workers.is_idle)
    first, second = Errand(lambda: gate.wait(PATIENCE)), Errand()
    for errand in (first, second):
        workers.add_task(errand)
    wait_until(lambda: first.thread)
    assert not second.thread
    gate.set()
    assert second.done.wait(PATIENCE)


def test_nobody_looks_on_where_all_have_stepped_aside(workers, gate):
    errand = Errand(lambda: (step_aside(), step_aside(), gate.wait(PATIENCE)))
    workers.add_task(errand)
    wait_until(lambda: not workers._is_taken())  # noqa: SLF001  (nothing else shows it)
    workers.watch()
    # It was not found to wait.
    assert workers._turns == 1  # noqa: SLF001
    gate.set()
    assert errand.done.wait(PATIENCE)


def test_anybody_may_step_aside_who_is_no_worker():
    step_aside()


def test_it_ends_when_everything_is_done(gate):
    workers = Workers(2)
    errands = [Errand(lambda: gate.wait(PATIENCE)) for _each in range(5)]
    for errand in errands:
        workers.add_task(errand)
    ends = threading.Thread(target=workers.shutdown)
    ends.start()
    gate.set()
    ends.join(PATIENCE)
    assert not ends.is_alive()
    assert all(errand.done.is_set() for errand in errands)


def test_whoever_has_stepped_aside_lets_no_more_begin(workers, gate):
    aside = Errand(lambda: (step_aside(), gate.wait(PATIENCE)))
    errands = [aside, *(Errand(lambda: gate.wait(PATIENCE)) for _each in range(8))]
    for errand in errands:
        workers.add_task(errand)
    wait_until(lambda: errands[1].thread)
    workers.watch()
    # Beside it work the one that had its turn, and as many more.
    assert len(workers._idle) == 5  # noqa: SLF001  (nothing else shows it)
