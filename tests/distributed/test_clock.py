"""What a clock publishes, when, and how often; on a simulated clock."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from tests.distributed.lines import FakeLine
from tests.engine.bench import NUMBER, START, Project, workflow
from tests.engine.conftest import Open, project

from ringback.distributed import clock as clocks
from ringback.distributed.clock import DueRuns
from ringback.engine.executor import FIRST, LATER, NORMAL
from ringback.journal import wakeups
from ringback.journal.schema import events

__all__ = ["project"]
WAIT = workflow([{"uses": "flow.wait", "with": {"for": "1 minute"}}])
SEND = workflow([{"uses": "sms.send", "with": {"to": NUMBER, "text": "Hi"}}])


@pytest.fixture
def line() -> FakeLine:
    return FakeLine()


def due_runs(it: Project, line: FakeLine) -> DueRuns:
    made = DueRuns(it.runtime, line)
    made.begin()
    return made


def left(it: Project, count: int = 1, **kwargs: Any) -> list[str]:
    """Runs that their receiver left to be published, as after a crash."""
    it.runtime.executor.room = lambda: False  # type: ignore[method-assign]
    opened = [it.begin("w", **kwargs) for _ in range(count)]
    it.runtime.executor.queue.clear()  # type: ignore[attr-defined]
    return opened


def to(it: Project, moment: int) -> None:
    it.clock.advance_to(moment)


def test_a_wait_is_published_when_it_is_over_and_once(project: Open, line: FakeLine) -> None:
    it = project(w=WAIT)
    run_id = it.begin("w")
    it.now()
    due = due_runs(it, line)
    assert due.publish_due() is None
    assert line.ids == []
    to(it, START + 59_900)
    assert due.publish_due() == START + 60_000  # it comes back in time, not at its next look
    to(it, START + 60_000)
    for _ in range(3):
        due.publish_due()
    assert line.sent == [(run_id, NORMAL)]


def test_a_new_run_is_left_to_who_opened_it_until_its_message_must_be_lost(
    project: Open, line: FakeLine
) -> None:
    it = project(w=SEND)
    (run_id,) = left(it)
    due = due_runs(it, line)
    for moment in (0, clocks.LEFT_MS - 1):
        to(it, START + moment)
        due.publish_due()
        due.publish_left()
        assert line.ids == []
    to(it, START + clocks.LEFT_MS)
    due.publish_left()
    due.publish_left()
    assert line.ids == [run_id]
    to(it, START + clocks.LEFT_MS + clocks._AGAIN_MS)
    due.publish_left()
    assert line.ids == [run_id, run_id]


def test_a_full_broker_is_given_no_more(project: Open, line: FakeLine) -> None:
    it = project(w=SEND)
    left(it, 3)
    due = due_runs(it, line)
    line.waiting = clocks.SURELY_LOST
    to(it, START + clocks._PATIENCE_MS - 1)
    due.publish_left()
    assert line.ids == []  # they may well be among those that wait there
    to(it, START + clocks._PATIENCE_MS)
    line.waiting = clocks.MOST_IN_BROKER
    due.publish_left()
    assert line.ids == []
    line.waiting -= 2
    due.publish_left()
    assert len(line.ids) == 2
    told = it.runtime.metrics.registry.get_sample_value("ringback_broker_waiting")
    assert told == line.waiting


def test_what_was_left_behind_is_found_behind_what_is_known(
    project: Open, line: FakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_LEFT_BATCH", 2)
    it = project(w=SEND)
    opened = []
    for number in range(5):
        to(it, START + number)
        opened += left(it)
    due = due_runs(it, line)
    to(it, START + 10_000)
    for _ in range(4):
        due.publish_left()
    assert sorted(line.ids) == sorted(opened)


def test_a_broker_that_is_down_is_left_alone_and_then_gets_everything(
    project: Open, line: FakeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = project(w=WAIT)
    run_id = it.begin("w")
    it.now()
    due = due_runs(it, line)
    to(it, START + 60_000)
    line.down = True
    for _ in range(5):
        due.publish_due()
        due.publish_left()
    assert line.asked == 1
    line.down = False
    due._rests_until = 0.0
    due.publish_due()
    assert line.ids == [run_id]


@pytest.mark.parametrize(
    ("kind", "priority"), [("inbound", FIRST), ("webhook", NORMAL), ("schedule", LATER)]
)
def test_what_was_begun_by_the_clock_goes_last(
    project: Open, line: FakeLine, kind: str, priority: int
) -> None:
    it = project(w=SEND)
    (run_id,) = left(it)
    it.runtime.journal.write(lambda conn: conn.execute(update(events).values(kind=kind)))
    to(it, START + 10_000)
    due_runs(it, line).publish_left()
    assert line.sent == [(run_id, priority)]


def test_a_dead_workers_runs_are_published_at_once(project: Open, line: FakeLine) -> None:
    it = project(w=SEND)
    run_id = it.begin("w")  # claimed by a process that dies
    it.runtime.executor.queue.clear()  # type: ignore[attr-defined]
    dead = it.runtime
    it.open()
    dead.journal.close()
    due = due_runs(it, line)
    to(it, START + 31_000)
    it.runtime.beat()
    assert it.runtime.take_over() == 1
    due.publish_due()
    assert line.ids == [run_id]
    with it.runtime.journal.read() as conn:
        assert wakeups.due(conn, it.clock.now_ms()) == [run_id]
