"""One clock leads; another takes its place when it stands still, and not before."""

from __future__ import annotations

import threading

import pytest
from tests.engine.bench import Project, workflow
from tests.engine.conftest import Open, project
from tests.engine.test_doubts import LOST, PROJECT, SEND, answer

from ringback import chores
from ringback.chores import Sweeper
from ringback.distributed import leading
from ringback.distributed.leading import STANDS_STILL_S, Leadership
from ringback.engine.runtime import Runtime
from ringback.journal import leaders

__all__ = ["project"]
NOTHING = workflow([{"uses": "flow.stop"}])


class Moments:
    """The monotonic clock, as the test says."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    made = Moments()
    monkeypatch.setattr(leading, "time", made)
    return made


def two(project: Open) -> tuple[Leadership, Leadership, Runtime]:
    it = project(w=NOTHING)
    other = Project(it.folder, it.sources, clock=it.clock)
    return Leadership(it.runtime, "clock"), Leadership(other.runtime, "clock"), other.runtime


def test_the_first_leads_and_the_other_stands_by(project: Open, moments: Moments) -> None:
    one, other, runtime = two(project)
    for _ in range(20):
        one.tick()
        other.tick()
        assert (one.leads, other.leads) == (True, False)
        moments.now += 1
    runtime.close(0)


def test_a_dead_leader_is_followed_within_seconds(project: Open, moments: Moments) -> None:
    one, other, runtime = two(project)
    one.tick()
    other.tick()
    took = 0.0
    while not other.leads:
        moments.now += 1
        took += 1
        other.tick()
        assert not (one.leads and other.leads)
    assert took <= STANDS_STILL_S + 1
    one.tick()  # it was frozen, not dead
    assert (one.leads, other.leads) == (False, True)
    runtime.close(0)


def test_a_place_that_is_laid_down_is_taken_at_once(project: Open, moments: Moments) -> None:
    one, other, runtime = two(project)
    one.tick()
    other.tick()
    one.lay_down()
    other.tick()
    assert (one.leads, other.leads) == (False, True)
    one.lay_down()  # what another holds is not ours to lay down
    other.tick()
    assert other.leads
    runtime.close(0)


def test_of_two_that_reach_for_it_one_gets_it(project: Open, moments: Moments) -> None:
    one, _, runtime = two(project)
    with one._runtime.journal.read() as conn:
        seen = leaders.get_leader(conn, "clock")
    assert seen is None
    write = one._runtime.journal.write
    took = [
        write(lambda conn, holder=holder: leaders.take(conn, "clock", holder, None))  # type: ignore[misc]
        for holder in ("anna", "bert")
    ]
    assert took == [True, False]
    runtime.close(0)


class Watcher:
    """A sweeper of one of two clocks, and how often it asked whether it may sweep."""

    def __init__(self, runtime: Runtime) -> None:
        self.leadership = Leadership(runtime, "clock")
        self.looked = threading.Semaphore(0)
        self.sweeper = Sweeper(runtime, self.may)

    def may(self) -> bool:
        self.looked.release()
        return self.leadership.leads

    def looks(self, times: int) -> None:
        for _ in range(times):
            assert self.looked.acquire(timeout=30)


def test_only_the_clock_that_leads_asks_about_uncertain_sends(
    project: Open, moments: Moments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "_FIRST_SWEEP_MS", 5)
    it = project(w=workflow(SEND), project=PROJECT)
    it.gateway.outcomes = [LOST]
    it.begin("w")
    it.now()
    answers = it.gateway.outcomes
    answers += [answer(404, message="no such message") for _ in range(50)]
    other = Project(it.folder, it.sources, it.gateway, it.clock, it.project)
    both = [Watcher(it.runtime), Watcher(other.runtime)]
    first, second = both

    def asked() -> int:
        return len([call for call in it.gateway.calls if call.method == "GET"])

    try:
        for one in both:
            one.leadership.tick()
            one.sweeper.start()
        for one in both:
            one.looks(10)
        assert asked() == 1
        first.leadership.lay_down()
        second.leadership.tick()
        assert (first.leadership.leads, second.leadership.leads) == (False, True)
        for one in both:
            one.looks(10)
        assert asked() == 2  # its own first question; the intervals begin anew
    finally:
        for one in both:
            one.sweeper.stop()
        other.close()
