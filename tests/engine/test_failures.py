"""Who watches for failures hears of every run that ends as failed, also of one that was not walked to its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.engine.bench import NUMBER, SOMEBODY, Death, Project, workflow

from ringback.connectors import invoke
from ringback.connectors.transport import Answer
from ringback.engine import accept, opening, step
from ringback.engine.settle import THE_RUN
from ringback.engine.walk import Walk
from ringback.journal import events, runs
from ringback.problems import Failure

Open = Callable[..., Project]

RENDER = {"uses": "text.render", "with": {"text": "Hi"}}
WORK = workflow([RENDER])
ANOTHERS = "sk-backup-0123456789"
"""The secret of another connection than the one that a test sends through."""


def watcher(**keys: Any) -> str:
    said = "{{ trigger.workflow }}: {{ trigger.error.code }}, {{ trigger.trigger.body.name | default('-') }}"
    text_it = {"uses": "sms.send", "with": {"to": NUMBER, "text": said}}
    return workflow([text_it], trigger={"uses": "run.failed"}, **keys)


def texts(it: Project) -> list[str]:
    return sorted(text for _, text in it.gateway.texts)


def states(it: Project) -> list[tuple[str, str]]:
    return sorted((run.workflow, run.state) for run in it.all_runs())


def broken(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Ringback itself breaks over every run of these workflows."""
    walked = step.walk_steps

    def walk_steps(walk: Walk, *rest: Any) -> Any:
        if walk.workflow.id in names:
            raise RuntimeError("our own mistake")
        return walked(walk, *rest)

    monkeypatch.setattr(step, "walk_steps", walk_steps)


def put_down(it: Project, run_id: str) -> None:
    """The run waits in the journal, so that it is read from there."""
    lease = runs.Lease(run_id, it.runtime.holder, it.get(run_id).fence)
    now = it.clock.now_ms()
    it.runtime.journal.write(lambda conn: runs.park(conn, lease, "queued", now))


def test_of_a_run_over_which_ringback_broke(project: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    it = project(w=WORK, alert=watcher())
    broken(monkeypatch, "w")
    run = it.run("w", {"body": {"name": "Amina"}})
    assert (run.state, run.error["code"]) == ("failed", "internal")
    assert texts(it) == ["w: internal, Amina"]


def test_of_one_that_breaks_before_it_can_be_walked(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version of the workflow with which it began can no longer be read."""
    it = project(w=WORK, alert=watcher())
    run_id = it.begin("w", {"body": {"name": "Amina"}})
    put_down(it, run_id)
    known = it.runtime.definition

    def gone(content_hash: str) -> Any:
        if content_hash == it.get(run_id).definition:
            raise Failure("not_found", "It is gone.")
        return known(content_hash)

    monkeypatch.setattr(it.runtime, "definition", gone)
    it.drain()
    assert it.get(run_id).state == "failed"
    assert texts(it) == ["w: not_found, Amina"]


def test_of_watchers_that_break_too_and_never_for_ever(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = project(w=WORK, one=watcher(), two=watcher())
    broken(monkeypatch, "w", "one", "two")
    it.run("w", {"body": {"name": "Amina"}})
    assert states(it) == [
        ("one", "failed"), ("one", "failed"), ("two", "failed"), ("two", "failed"), ("w", "failed"),
    ]  # fmt: skip


def no_plan(plan: Any, runtime: Any, workflow: Any, trigger: int, event: opening.Event) -> Any:
    if event.kind == "failure":
        raise RuntimeError("it cannot be planned")
    return plan(runtime, workflow, trigger, event)


def no_event(open_event: Any, conn: Connection, *rest: Any, **named: Any) -> Any:
    conn.execute(text("INSERT INTO events (id) VALUES (NULL)"))
    return open_event(conn, *rest, **named)


@pytest.mark.parametrize(
    ("name", "instead"), [("plan", no_plan), ("open_event", no_event)], ids=["plan", "open_event"]
)
def test_a_run_ends_though_nobody_can_be_told(
    project: Open, monkeypatch: pytest.MonkeyPatch, name: str, instead: Any
) -> None:
    it = project(w=WORK, alert=watcher())
    broken(monkeypatch, "w")
    run_id = it.begin("w", {"body": {"name": "Amina"}})
    monkeypatch.setattr(opening, name, partial(instead, getattr(opening, name)))
    it.drain()
    assert it.get(run_id).state == "failed"
    assert len(it.all_runs()) == 1


def test_a_run_ends_though_what_began_it_cannot_be_read(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = project(w=WORK, alert=watcher())
    run_id = it.begin("w", {"body": {"name": "Amina"}})
    put_down(it, run_id)

    def unreadable(*_: Any) -> Any:
        raise ValueError("no JSON")

    monkeypatch.setattr(events, "get_event", unreadable)
    it.drain()
    assert it.get(run_id).state == "failed"
    assert len(it.all_runs()) == 1


@pytest.mark.parametrize("can_be_told", [True, False])
def test_of_a_run_that_a_person_gave_up(
    project: Open, monkeypatch: pytest.MonkeyPatch, can_be_told: bool
) -> None:
    it = project(w=WORK, alert=watcher())

    def die(*_: Any) -> None:
        raise Death

    monkeypatch.setattr(invoke, "perform", die)
    run_id = it.begin("w", {"body": {"name": "Amina"}})
    for _ in range(3):
        with pytest.raises(Death):
            it.drain()
        it.restart()
    monkeypatch.undo()
    it.drain()
    assert texts(it) == []
    if not can_be_told:
        monkeypatch.setattr(opening, "plan", partial(no_plan, opening.plan))
    assert accept.settle(it.runtime, run_id, THE_RUN, "give_up", by=SOMEBODY)
    it.drain()
    assert it.get(run_id).state == "failed"
    assert texts(it) == (["w: internal, Amina"] if can_be_told else [])


def test_of_a_run_that_could_not_begin(project: Open) -> None:
    inputs = {"starts": {"label": "First class", "required": True}}
    it = project(
        w=workflow([RENDER], inputs=inputs),
        one=watcher(),
        two=watcher(inputs=inputs),
        three=watcher(inputs=inputs),
    )
    run = it.run("w", {"body": {"name": "Amina"}})
    assert (run.state, run.error["code"]) == ("failed", "invalid_input")
    heard = [state for name, state in states(it) if name == "one"]
    assert heard == ["succeeded"] * len(heard)
    assert texts(it)[-1] == "w: invalid_input, Amina"
    assert len(it.all_runs()) < 20


def test_what_they_hear_holds_no_secret(project: Open) -> None:
    it = project(
        w=workflow([{"uses": "sms.send", "with": {"to": NUMBER, "text": "x"}}]), alert=watcher()
    )
    said = json.dumps({"error": f"The key {ANOTHERS} is not known."}).encode()
    it.gateway.outcomes = [Answer(400, {"content-type": "application/json"}, said)]
    it.run("w", {"body": {"name": "Amina"}})
    with it.runtime.journal.read() as conn:
        heard = [events.get_event(conn, run.event_id) for run in it.all_runs()]
    assert ANOTHERS not in repr(heard)
    assert len(heard) == 2, heard
