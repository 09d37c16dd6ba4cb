"""So many runs at a time for each key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.bench import NUMBER, Project, workflow

Open = Callable[..., Project]

STEPS: list[dict[str, Any]] = [
    {"uses": "flow.wait", "with": {"for": "1 minute"}},
    {"uses": "sms.send", "with": {"to": NUMBER, "text": "{{ trigger.body.n }}"}},
]
CASES = [
    ("queue", 1, ["succeeded", "succeeded", "succeeded"], ["1", "2", "3"]),
    ("queue", 2, ["succeeded", "succeeded", "succeeded"], ["1", "2", "3"]),
    ("skip", 1, ["succeeded", "skipped", "skipped"], ["1"]),
    ("skip", 2, ["succeeded", "succeeded", "skipped"], ["1", "2"]),
    ("cancel_previous", 1, ["canceled", "canceled", "succeeded"], ["3"]),
]


@pytest.mark.parametrize(("how", "limit", "states", "texts"), CASES)
def test_when_busy(
    project: Open, how: str, limit: int, states: list[str], texts: list[str]
) -> None:
    rule = {"key": "{{ trigger.body.who }}", "when_busy": how, "limit": limit}
    it = project(w=workflow(STEPS, concurrency=rule))
    ids = []
    for n in (1, 2, 3):
        ids.append(it.begin("w", {"body": {"who": "amina", "n": n}}))
        it.now()
    it.drain()
    assert [it.get(one).state for one in ids] == states
    assert sorted(text for _, text in it.gateway.texts) == texts


def test_other_keys_do_not_wait(project: Open) -> None:
    rule = {"key": "{{ trigger.body.who }}"}
    it = project(w=workflow(STEPS, concurrency=rule))
    ids = [it.begin("w", {"body": {"who": who, "n": who}}) for who in "abc"]
    it.now()
    assert [it.get(one).state for one in ids] == ["waiting"] * 3


def test_a_running_one_is_canceled_at_its_next_step(project: Open) -> None:
    rule = {"key": "all", "when_busy": "cancel_previous"}
    it = project(w=workflow([*STEPS[1:], *STEPS[1:]], concurrency=rule))
    second: list[str] = []

    def another(_call: Any) -> None:
        if not second:
            second.append(it.begin("w", {"body": {"n": 2}}))

    it.gateway.on_call = another
    first = it.begin("w", {"body": {"n": 1}})
    it.drain()
    assert (it.get(first).state, it.get(second[0]).state) == ("canceled", "succeeded")
    assert [text for _, text in it.gateway.texts] == ["1", "2", "2"]


def test_a_key_that_cannot_be_worked_out_fails_the_run(project: Open) -> None:
    it = project(w=workflow(STEPS, concurrency={"key": "{{ trigger.body.who }}"}))
    run = it.run("w", {"body": {}})
    assert (run.state, run.error["code"]) == ("failed", "template")


def test_the_queue_outlives_a_restart(project: Open) -> None:
    it = project(w=workflow(STEPS, concurrency={"key": "all"}))
    ids = [it.begin("w", {"body": {"n": n}}) for n in (1, 2)]
    it.now()
    it.restart()
    it.drain()
    assert [it.get(one).state for one in ids] == ["succeeded", "succeeded"]
    assert [text for _, text in it.gateway.texts] == ["1", "2"]
