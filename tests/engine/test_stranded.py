"""A commit of which nobody knows whether it was kept: no run is left that this process holds and nobody walks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from tests import stores
from tests.engine.bench import NUMBER, Project, workflow

from ringback.engine import opening
from ringback.engine.run import unstick
from ringback.journal.jobs import Job
from ringback.problems import Failure

Open = Callable[..., Project]

LOST = Failure("internal", "The connection was lost in the middle of a commit.")
RENDER = {"uses": "text.render", "with": {"text": "{{ 1 }}"}}
CHILD = workflow([RENDER], trigger={"uses": "manual"})
WATCHER = workflow([RENDER], trigger={"uses": "run.failed"})
WAITED_FOR = {"uses": "flow.call", "with": {"workflow": "child"}}
LEFT_ALONE = {"uses": "flow.call", "with": {"workflow": "child", "wait": False}}
STOP = {"uses": "flow.stop", "with": {"failed": True}}


def in_doubt_at(
    it: Project, monkeypatch: pytest.MonkeyPatch, number: int, *, kept: bool
) -> list[int]:
    """Of the write of that number, counted from now, nobody is told whether it was kept; the list is [0] once it was."""
    real, left = getattr(it.runtime.journal, stores.COMMITS), [number]

    def doubtful(fn: Any) -> Any:
        if left[0] != 1:
            left[0] = max(left[0] - 1, 0)
            return real(fn)
        left[0] = 0
        if kept:
            made = real(fn)
            if isinstance(made, Job):
                made.result()
        raise LOST

    monkeypatch.setattr(it.runtime.journal, stores.COMMITS, doubtful)
    return left


def go_on(it: Project) -> None:
    """Time passes in the same process: what is due is walked, and what was stuck is laid down."""
    it.drain()
    unstick(it.runtime)
    it.drain()


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("steps", [[WAITED_FOR, STOP], [LEFT_ALONE]])
def test_whichever_commit_is_in_doubt_strands_no_run(
    project: Open, monkeypatch: pytest.MonkeyPatch, steps: Any, kept: bool
) -> None:
    expected = [("child", "succeeded"), ("w", "succeeded")]
    if STOP in steps:
        expected = [("child", "succeeded"), ("w", "failed"), ("watcher", "succeeded")]
    for number in itertools.count(1):
        it = project(w=workflow(steps), child=CHILD, watcher=WATCHER)
        it.begin("w")
        left = in_doubt_at(it, monkeypatch, number, kept=kept)
        go_on(it)
        assert sorted((run.workflow, run.state) for run in it.all_runs()) == expected, number
        if left[0]:
            break
    assert number > 3


def test_a_write_that_was_kept_after_one_that_was_not_strands_no_run(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a step handed in before could not be written; the write that opens the called run was."""
    texted = {"uses": "sms.send", "with": {"to": NUMBER, "text": "one"}}
    it = project(w=workflow([texted, RENDER, LEFT_ALONE]), child=CHILD)
    it.begin("w")
    submit = it.runtime.journal.submit

    def failing(fn: Any) -> Future[Any]:
        monkeypatch.setattr(it.runtime.journal, "submit", submit)
        submit(fn).result()
        done: Future[Any] = Future()
        done.set_exception(LOST)
        return done

    monkeypatch.setattr(it.runtime.journal, "submit", failing)
    go_on(it)
    assert sorted((run.workflow, run.state) for run in it.all_runs()) == [
        ("child", "succeeded"),
        ("w", "succeeded"),
    ]
    assert [text for _, text in it.gateway.texts] == ["one"]


def test_a_write_that_does_not_note_what_it_claims_claims_nothing(project: Open) -> None:
    it = project(child=CHILD)
    event = opening.Event("manual", "manual", None, {})
    plan = opening.plan(it.runtime, it.found.by_id["child"], 0, event)
    made = it.runtime.journal.write(lambda conn: opening.open_event(conn, it.runtime, plan, event))
    assert made.warm is None
    assert [run.state for run in it.all_runs()] == ["queued"]
    it.drain()
    assert [run.state for run in it.all_runs()] == ["succeeded"]
