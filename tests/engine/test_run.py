"""The walk: what a run does from its receipt to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests import stores
from tests.engine.bench import NUMBER, SOMEBODY, Project, refused, workflow

from ringback.engine import accept, scope, step
from ringback.engine.walk import Walk
from ringback.problems import Failure

Open = Callable[..., Project]

GREETING = """
- id: words
  uses: text.render
  with: {text: "Hi {{ trigger.body.name }}"}
- id: confirmation
  uses: sms.send
  with: {to: "{{ trigger.body.phone }}", text: "{{ words.text }}"}
"""
AMINA = {"body": {"name": "Amina", "phone": "07700 900077"}}


def send(text: str, **keys: Any) -> dict[str, Any]:
    return {"uses": "sms.send", "with": {"to": NUMBER, "text": text}, **keys}


def texts(it: Project) -> list[str]:
    return [text for _, text in it.gateway.texts]


def test_a_receipt_is_a_run_that_texts_and_ends(project: Open) -> None:
    it = project(hello=workflow(GREETING))
    run = it.run("hello", AMINA)
    assert run.state == "succeeded", run.error
    assert it.gateway.texts == [(NUMBER, "Hi Amina")]
    (message,) = it.messages(run.id)
    assert (message.status, message.gateway_id, message.segments) == ("accepted", "gw-1", 1)
    assert message.timeline[0]["gate"][0]["passed"]
    assert run.result["gateway_id"] == "gw-1"
    assert scope.of_run(it.runtime, run.id)["words"]["text"] == "Hi Amina"


def test_a_short_run_takes_three_commits(project: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    it = project(hello=workflow(GREETING))
    it.run("hello", AMINA)
    handed_in: list[object] = []
    real = getattr(it.runtime.journal, stores.COMMITS)

    def counted(fn: Any) -> Any:
        handed_in.append(fn)
        return real(fn)

    monkeypatch.setattr(it.runtime.journal, stores.COMMITS, counted)
    it.run("hello", AMINA)
    assert len(handed_in) == 3


def test_a_copy_gets_the_first_ones_receipt(project: Open) -> None:
    it = project(hello=workflow(GREETING))
    first = it.begin("hello", AMINA, key="k1")
    assert it.begin("hello", AMINA, key="k1") == first
    assert it.begin("hello", AMINA, key="k2") != first
    it.drain()
    assert len(it.gateway.calls) == 2


CONDITIONS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("plain", {"if": "trigger.body.n > 1"}, ["yes"]),
    ("braces", {"if": "{{ trigger.body.n > 1 }}"}, ["yes"]),
    ("no", {"if": "trigger.body.n > 5"}, []),
    ("else", {"if": "trigger.body.n > 5", "else": [send("otherwise")]}, ["otherwise"]),
]


@pytest.mark.parametrize(("name", "keys", "sent"), CONDITIONS, ids=[row[0] for row in CONDITIONS])
def test_if(project: Open, name: str, keys: dict[str, Any], sent: list[str]) -> None:
    it = project(w=workflow([send("yes", **keys)]))
    run = it.run("w", {"body": {"n": 3}})
    assert run.state == "succeeded", run.error
    assert texts(it) == sent


def test_for_each_gives_a_list_of_results(project: Open) -> None:
    steps = [
        {
            "id": "each",
            "for_each": "{{ trigger.body.names }}",
            "as": "name",
            "steps": [
                {"id": "words", "uses": "text.render", "with": {"text": "{{ index }} {{ name }}"}},
                {"id": "note", **send("{{ words.text }}")},
            ],
        },
        {"id": "total", **send("{{ each.count }} {{ each['items'][1].words.text }}")},
    ]
    it = project(w=workflow(steps))
    run = it.run("w", {"body": {"names": ["Ada", "Bo"]}})
    assert run.state == "succeeded", run.error
    assert texts(it) == ["0 Ada", "1 Bo", "2 1 Bo"]
    assert {"each[0]/words", "each[1]/note"} <= set(it.steps(run.id))


def test_for_each_of_one_step_asks_if_about_each_turn(project: Open) -> None:
    steps = [
        {
            "id": "each",
            "for_each": [1, 2, 3],
            "if": "item != 2",
            **send("no {{ item }}"),
        }
    ]
    it = project(w=workflow(steps))
    run = it.run("w")
    assert run.state == "succeeded", run.error
    assert texts(it) == ["no 1", "no 3"]
    assert it.steps(run.id)["each[1]"].state == "skipped"


def test_for_each_over_something_else_says_so(project: Open) -> None:
    it = project(w=workflow([{"for_each": "{{ trigger.body.n }}", **send("x")}]))
    run = it.run("w", {"body": {"n": 3}})
    assert run.state == "failed"
    assert "needs a list" in run.error["message"]


def test_nested_steps_see_each_other(project: Open) -> None:
    steps = [
        {
            "id": "outer",
            "steps": [
                {"id": "a", "uses": "text.render", "with": {"text": "A"}},
                {"steps": [{"id": "b", "uses": "text.render", "with": {"text": "{{ a.text }}B"}}]},
            ],
        },
        send("{{ b.text }}"),
    ]
    it = project(w=workflow(steps))
    run = it.run("w")
    assert run.state == "succeeded", run.error
    assert texts(it) == ["AB"]


BROKEN = {"id": "broken", "uses": "text.render", "with": {"text": "{{ 1 / 0 }}"}}
ERRORS: list[tuple[str, Any, str, list[str]]] = [
    ("stop", "stop", "failed", []),
    ("continue", "continue", "succeeded", ["template"]),
    ("steps", [send("in {{ error.code }}")], "succeeded", ["in template", "template"]),
]


@pytest.mark.parametrize(("name", "how", "state", "sent"), ERRORS, ids=[row[0] for row in ERRORS])
def test_on_error(project: Open, name: str, how: Any, state: str, sent: list[str]) -> None:
    after = "never" if how == "stop" else "{{ broken.error.code }}"
    steps = [{**BROKEN, "on_error": how}, send(after)]
    it = project(w=workflow(steps))
    run = it.run("w", {"body": {}})
    assert run.state == state, run.error
    assert texts(it) == sent


def test_error_can_be_asked_for_when_there_is_none(project: Open) -> None:
    steps = [
        {"id": "a", "uses": "text.render", "with": {"text": "A"}, "on_error": "continue"},
        {"if": "a.error", **send("broken")},
        send("{{ a.text }}"),
    ]
    it = project(w=workflow(steps))
    assert it.run("w").state == "succeeded"
    assert texts(it) == ["A"]


def test_a_failure_inside_a_group_is_the_groups_to_handle(project: Open) -> None:
    steps = [
        {"id": "all", "steps": [BROKEN, send("never")], "on_error": [send("{{ error.step }}")]}
    ]
    it = project(w=workflow(steps))
    assert it.run("w", {"body": {}}).state == "succeeded"
    assert texts(it) == ["broken"]


def test_on_failure_tells_and_the_run_has_failed(project: Open) -> None:
    it = project(
        w=workflow([BROKEN], on_failure=[send("{{ error.step }}: {{ error.code }}")]),
    )
    run = it.run("w", {"body": {}})
    assert run.state == "failed"
    assert run.error["step"] == "broken"
    assert texts(it) == ["broken: template"]


def test_on_failure_goes_on_after_a_wait(project: Open) -> None:
    handling = [
        {"id": "n", **send("one")},
        {"id": "d", "uses": "sms.wait_for_delivery", "with": {"message": "{{ n }}", "timeout": "1 minute"}},
        send("two {{ error.code }}"),
    ]  # fmt: skip
    it = project(w=workflow([BROKEN], on_failure=handling))
    run = it.run("w", {"body": {}})
    assert run.state == "failed"
    assert texts(it) == ["one", "two template"]


@pytest.mark.parametrize(("failed", "state"), [(False, "stopped"), (True, "failed")])
def test_flow_stop(project: Open, failed: bool, state: str) -> None:
    steps = [
        {
            "steps": [{"uses": "flow.stop", "with": {"reason": "Enough.", "failed": failed}}],
            "on_error": "continue",
        },
        send("never"),
    ]
    it = project(w=workflow(steps))
    run = it.run("w")
    assert run.state == state
    assert texts(it) == []


def test_a_wait_is_a_row_and_survives_a_restart(project: Open) -> None:
    steps = [{"uses": "flow.wait", "with": {"for": "2 hours"}}, send("later")]
    it = project(w=workflow(steps))
    run_id = it.begin("w")
    it.now()
    run = it.get(run_id)
    assert (run.state, run.holder) == ("waiting", None)
    assert run.wake_at == it.clock.now_ms() + 2 * 3_600_000
    it.restart()
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert texts(it) == ["later"]


def test_wait_until_a_time_of_day_in_the_projects_zone(project: Open) -> None:
    it = project(w=workflow([{"id": "w", "uses": "flow.wait", "with": {"until": "08:00"}}]))
    run = it.run("w")
    assert run.state == "succeeded", run.error
    moment = it.runtime.clock.now().astimezone(it.runtime.timezone)
    assert (moment.hour, moment.minute) == (8, 0)


def test_a_run_keeps_the_version_it_began_with(project: Open) -> None:
    it = project(w=workflow([{"uses": "flow.wait", "with": {"for": "1 hour"}}, send("old")]))
    run_id = it.begin("w")
    it.now()
    (it.folder / "workflows" / "w.yaml").write_text(workflow([send("new")]), encoding="utf-8")
    it.restart()
    it.runtime.workflows = type(it.found)()
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert texts(it) == ["old"]


def test_retries_are_parked_and_spread(project: Open) -> None:
    steps = [send("x", retry={"times": 3, "delay": "10 seconds"})]
    it = project(w=workflow(steps))
    it.gateway.outcomes = [
        Failure("unreachable", "Down."),
        refused(503),
        refused(429, **{"retry-after": "120"}),
    ]
    began = it.clock.now_ms()
    run = it.run("w")
    assert run.state == "succeeded", run.error
    assert it.steps(run.id)["0"].attempt == 4
    assert it.clock.now_ms() - began >= 5_000 + 10_000 + 120_000
    assert len(it.messages(run.id)) == 1


def test_retries_end(project: Open) -> None:
    it = project(
        w=workflow([send("x", retry={"times": 1, "delay": "1 second", "backoff": "fixed"})])
    )
    it.gateway.outcomes = [refused(503), refused(503), refused(503)]
    run = it.run("w")
    assert (run.state, run.error["code"]) == ("failed", "server_error")
    assert [message.status for message in it.messages(run.id)] == ["failed"]
    assert len(it.gateway.outcomes) == 1


def test_failover_moves_on_only_when_it_is_known_not_to_have_gone(project: Open) -> None:
    two = {"to": NUMBER, "text": "x", "send_through": ["front-desk", "backup"]}
    it = project(w=workflow([{"id": "m", "uses": "sms.send", "with": two}]))
    it.gateway.outcomes = [refused(503)]
    run = it.run("w")
    assert run.state == "succeeded"
    assert it.gateway.calls[-1].url.startswith("https://backup.example")
    assert run.result["connection"] == "backup"
    it.gateway.outcomes = [Failure("no_answer", "Silence.")]
    run = it.run("w")
    assert run.state == "uncertain"
    assert it.gateway.calls[-1].url.startswith("https://front.example")


def test_a_bad_number_is_refused_at_the_gate(project: Open) -> None:
    it = project(
        w=workflow([{"uses": "sms.send", "with": {"to": "{{ trigger.body.n }}", "text": "x"}}])
    )
    run = it.run("w", {"body": {"n": "12"}})
    assert (run.state, run.error["code"]) == ("failed", "invalid_number")
    assert it.gateway.calls == []


def test_a_call_waits_for_its_run(project: Open) -> None:
    it = project(
        a=workflow(
            [
                {"id": "called", "uses": "flow.call", "with": {"workflow": "b", "inputs": {"n": "{{ 2 }}"}}},
                send("{{ called.state }} {{ called.result.text }}"),
            ]
        ),
        b=workflow(
            [
                {"uses": "flow.wait", "with": {"for": "1 minute"}},
                {"id": "t", "uses": "text.render", "with": {"text": "n={{ trigger.data.n }}"}},
            ],
            trigger={"uses": "manual"},
        ),
    )  # fmt: skip
    run = it.run("a")
    assert run.state == "succeeded", run.error
    assert texts(it) == ["succeeded n=2"]
    assert [child["state"] for child in it.story(run.id)["children"]] == ["succeeded"]


def test_a_call_that_fails_fails_its_step(project: Open) -> None:
    call = {"uses": "flow.call", "with": {"workflow": "b"}}
    it = project(a=workflow([call]), b=workflow([BROKEN], trigger={"uses": "manual"}))
    run = it.run("a")
    assert run.state == "failed"
    assert "1 / 0" in run.error["message"]


def test_workflows_that_call_themselves_come_to_an_end(project: Open) -> None:
    it = project(
        a=workflow([{"uses": "flow.call", "with": {"workflow": "a"}}], trigger={"uses": "manual"})
    )
    run = it.run("a")
    assert run.state == "failed"
    assert len(it.all_runs()) == 11


def test_a_failed_run_starts_who_watches_and_never_for_ever(project: Open) -> None:
    watch = {"uses": "run.failed"}
    it = project(
        a=workflow([BROKEN]),
        b=workflow([send("{{ trigger.workflow }}"), BROKEN], trigger=watch),
        c=workflow([send("c {{ trigger.workflow }}"), BROKEN], trigger=watch),
    )
    it.run("a", {"body": {}})
    assert sorted(texts(it)) == ["a", "c", "c a", "c b"]
    assert all(run.state == "failed" for run in it.all_runs())


def test_cancel_a_waiting_run(project: Open) -> None:
    it = project(w=workflow([{"uses": "flow.wait", "with": {"for": "1 day"}}, send("never")]))
    run_id = it.begin("w")
    it.now()
    assert accept.cancel(it.runtime, run_id, by=SOMEBODY)
    it.drain()
    assert it.get(run_id).state == "canceled"
    assert not accept.cancel(it.runtime, run_id, by=SOMEBODY)
    assert texts(it) == []


def test_cancel_at_the_next_step(project: Open) -> None:
    it = project(w=workflow([send("one"), send("two")]))
    run_id = it.begin("w")
    it.gateway.on_call = lambda _call: accept.cancel(it.runtime, run_id, by=SOMEBODY)
    it.drain()
    assert it.get(run_id).state == "canceled"
    assert texts(it) == ["one"]
    assert it.steps(run_id)["0"].state == "succeeded"


def test_too_many_steps(project: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.engine.walk.MAX_STEPS", 20)
    steps = [{"for_each": list(range(50)), "uses": "text.render", "with": {"text": "x"}}]
    it = project(w=workflow(steps))
    run = it.run("w")
    assert (run.state, run.error["code"]) == ("failed", "refused")


def test_a_stop_puts_a_run_down_between_two_steps(project: Open) -> None:
    it = project(w=workflow([send("one"), send("two")]))
    run_id = it.begin("w")

    def stop(_call: Any) -> None:
        it.runtime.stopping = True

    it.gateway.on_call = stop
    from ringback.engine.inline import InlineExecutor
    from ringback.engine.run import advance

    executor = it.runtime.executor
    assert isinstance(executor, InlineExecutor)
    advance(it.runtime, *executor.queue.popleft())
    assert (it.get(run_id).state, it.get(run_id).holder) == ("queued", None)
    it.gateway.on_call = None
    it.restart()
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert texts(it) == ["one", "two"]


def test_a_step_that_takes_too_long_is_left_behind(project: Open) -> None:
    import threading

    go_on = threading.Event()
    with_ = {"url": "https://example.com/x"}
    step = {"id": "r", "uses": "http.request", "with": with_, "timeout": "50 ms"}
    it = project(w=workflow([{**step, "on_error": "continue"}, send("{{ r.error.code }}")]))

    def slow(call: Any) -> None:
        if call.url == with_["url"]:
            go_on.wait(10)

    it.gateway.on_call = slow
    run = it.run("w")
    go_on.set()
    assert run.state == "succeeded", run.error
    assert texts(it) == ["timed_out"]


def test_a_group_has_its_time(project: Open) -> None:
    inner = [{"uses": "flow.wait", "with": {"for": "1 hour"}}, send("never")]
    steps = [{"steps": inner, "timeout": "10 minutes", "on_error": [send("{{ error.code }}")]}]
    it = project(w=workflow(steps))
    began = it.clock.now_ms()
    run = it.run("w")
    assert run.state == "succeeded", run.error
    assert texts(it) == ["timed_out"]
    assert it.clock.now_ms() - began == 600_000


def test_secrets_are_nowhere_in_what_is_kept(project: Open) -> None:
    from tests.engine.bench import SECRET

    steps = [
        {"id": "t", "uses": "text.render", "with": {"text": "{{ trigger.body.x }}"}},
        send("{{ t.text }}"),
        {"uses": "http.request", "with": {"url": "{{ trigger.body.nothing }}"}},
    ]
    it = project(w=workflow(steps))
    run = it.run("w", {"body": {"x": f"key {SECRET}"}})
    assert run.state == "failed"
    it.runtime.journal.close()
    for path in (it.folder / ".ringback").rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_secret_does_not_reach_the_journal_through_a_call(project: Open) -> None:
    """A template may put one together, or an answer echo it, so that only what is kept can be looked at."""
    from tests.engine.bench import SECRET

    half = len(SECRET) // 2
    said = f"{{{{ '{SECRET[:half]}' ~ '{SECRET[half:]}' }}}}"
    call = {"uses": "flow.call", "with": {"workflow": "child", "inputs": {"x": said}}}
    words = {"uses": "text.render", "with": {"text": "{{ trigger.data.x }}"}}
    child = workflow([words], trigger={"uses": "manual"})
    it = project(w=workflow([call]), child=child)
    run = it.run("w")
    assert run.state == "succeeded", run.error
    it.runtime.journal.close()
    for path in (it.folder / ".ringback").rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_required_input_without_a_value_fails_before_anything_is_sent(project: Open) -> None:
    inputs = {"starts": {"label": "First class", "required": True}}
    it = project(w=workflow([send("{{ inputs.starts }}")], inputs=inputs))
    run = it.run("w")
    assert (run.state, run.error["code"]) == ("failed", "invalid_input")
    assert texts(it) == []


def break_in(monkeypatch: pytest.MonkeyPatch, workflow_id: str) -> None:
    """Let a mistake of our own come up, once, while a run of this workflow is walked."""
    walked = step.walk_steps
    broken: list[str] = []

    def walk_steps(walk: Walk, *rest: Any) -> Any:
        if walk.workflow.id == workflow_id and not broken:
            broken.append(walk.run.id)
            raise RuntimeError("our own mistake")
        return walked(walk, *rest)

    monkeypatch.setattr(step, "walk_steps", walk_steps)


def test_a_run_that_breaks_wakes_its_caller(project: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    call = {"uses": "flow.call", "with": {"workflow": "child"}}
    it = project(w=workflow([call]), child=workflow([send("never")], trigger={"uses": "manual"}))
    break_in(monkeypatch, "child")
    run = it.run("w")
    assert run.state == "failed"
    assert "our own mistake" in run.error["message"]
    assert texts(it) == []


def test_a_run_that_breaks_leaves_its_place_in_the_queue(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = {"uses": "flow.wait", "with": {"for": "1 minute"}}
    it = project(w=workflow([pause, send("after")], concurrency={"key": "all"}))
    first, second = it.begin("w", {"body": {}}), it.begin("w", {"body": {}})
    it.now()
    break_in(monkeypatch, "w")
    it.clock.advance_to(it.clock.now_ms() + 60_000)
    it.now()
    assert it.get(first).state == "failed"
    assert it.get(first).error["code"] == "internal"
    assert it.get(second).state == "waiting"
    it.drain()
    assert it.get(second).state == "succeeded"
    assert texts(it) == ["after"]
