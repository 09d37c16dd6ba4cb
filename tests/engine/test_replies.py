"""What people text back finds the run that asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.engine.bench import NUMBER, Death, DyingJournal, Project, workflow

from ringback.connectors.callbacks import Inbound
from ringback.engine import accept

Open = Callable[..., Project]
MINUTE = 60_000
OURS = "+447700900100"


def asking(**wait: Any) -> str:
    """A workflow that asks, waits, and texts the staff what it heard."""
    given = {"message": "{{ q }}", "timeout": "1 hour", **wait}
    if "from" in given:
        del given["message"]
    return workflow(
        [
            {"id": "q", "uses": "sms.send", "with": {"to": NUMBER, "text": "OK? Y/N"}},
            {"id": "r", "uses": "sms.wait_for_reply", "with": given},
            {
                "uses": "sms.send",
                "with": {
                    "to": "+447700900200",
                    "text": "{{ r.keyword }}|{{ r.text }}|{{ r['from'] }}|{{ r.timed_out }}",
                },
            },
        ]
    )


LISTENING = workflow(
    [{"uses": "sms.send", "with": {"to": "+447700900200", "text": "heard {{ trigger.text }}"}}],
    trigger={"uses": "sms.received"},
)
YES_NO = {"yes": ["Y", "yes", "sí"], "no": ["N", "no"]}
_count = iter(range(1_000_000))


def text_in(
    it: Project, text: str, *, sender: str = NUMBER, connection: str = "front-desk"
) -> list[str]:
    said = Inbound(f"in-{next(_count)}", sender, OURS, text, None, {}, f"k-{next(_count)}")
    return accept.accept_inbound(it.runtime, connection, said, {})


def last(it: Project) -> str:
    return it.gateway.texts[-1][1]


SAID = [
    ("Y", "yes"),
    ("yes please", "yes"),
    ("Sí!", "yes"),
    (" SI ", "yes"),
    ("no.", "no"),
    ("N", "no"),
]


@pytest.mark.parametrize(("text", "keyword"), SAID)
def test_an_answer_wakes_the_run_and_names_its_keyword(
    project: Open, text: str, keyword: str
) -> None:
    it = project(w=asking(keywords=YES_NO))
    run_id = it.begin("w")
    it.now()
    assert it.get(run_id).state == "waiting"
    assert text_in(it, text) == [run_id]
    it.now()
    assert it.get(run_id).state == "succeeded", it.get(run_id).error
    assert last(it) == f"{keyword}|{text}|{NUMBER}|false"


def test_what_is_no_answer_goes_to_who_listens(project: Open) -> None:
    it = project(w=asking(keywords=YES_NO), l=LISTENING)
    run_id = it.begin("w")
    it.now()
    assert len(text_in(it, "maybe")) == 1
    it.now()
    assert last(it) == "heard maybe"
    assert it.get(run_id).state == "waiting"
    text_in(it, "Y", sender="+447700900078")
    text_in(it, "Y", connection="backup")
    it.now()
    assert it.get(run_id).state == "waiting"


@pytest.mark.parametrize("also", [False, True])
def test_a_taken_reply_starts_others_only_where_they_ask_for_it(project: Open, also: bool) -> None:
    listen = {"uses": "sms.received", "with": {"also_replies": also}}
    step = {"uses": "sms.send", "with": {"to": "+447700900200", "text": "heard"}}
    it = project(w=asking(), l=workflow([step], trigger=listen))
    run_id = it.begin("w")
    it.now()
    opened = text_in(it, "whatever")
    it.now()
    assert it.get(run_id).state == "succeeded"
    assert len(opened) == 1 + also
    assert [text for _, text in it.gateway.texts].count("heard") == also


def test_nobody_answers(project: Open) -> None:
    it = project(w=asking(keywords=YES_NO))
    run_id = it.begin("w")
    it.drain()
    assert it.clock.now_ms() - it.get(run_id).created_at == 60 * MINUTE
    assert last(it).endswith("|true")
    assert text_in(it, "Y") == []


def test_the_wait_that_began_last_takes_it(project: Open) -> None:
    it = project(w=asking(keywords=YES_NO), v=asking(keywords={"blue": ["B"]}))
    first = it.begin("w")
    it.now()
    it.clock.advance_to(it.clock.now_ms() + MINUTE)
    second = it.begin("w")
    it.now()
    it.clock.advance_to(it.clock.now_ms() + MINUTE)
    other = it.begin("v")
    it.now()
    assert text_in(it, "Y") == [second]
    assert text_in(it, "B") == [other]
    assert text_in(it, "N") == [first]
    it.now()
    assert {it.get(one).state for one in (first, second, other)} == {"succeeded"}


def test_an_answer_before_the_wait_is_found(project: Open) -> None:
    steps: list[Any] = [
        {"id": "q", "uses": "sms.send", "with": {"to": NUMBER, "text": "OK?"}},
        {"uses": "flow.wait", "with": {"for": "5 minutes"}},
        {"id": "r", "uses": "sms.wait_for_reply", "with": {"message": "{{ q }}"}},
    ]
    it = project(w=workflow(steps))
    text_in(it, "before the question")
    it.clock.advance_to(it.clock.now_ms() + 1)
    run_id = it.begin("w")
    it.now()
    text_in(it, "quick")
    it.drain()
    [answer] = [one for one in it.steps(run_id).values() if one.id == "r"]
    assert answer.output["text"] == "quick"
    assert it.get(run_id).state == "succeeded"
    assert it.clock.now_ms() - it.get(run_id).created_at == 5 * MINUTE


def test_an_answer_survives_a_restart(project: Open) -> None:
    it = project(w=asking(keywords=YES_NO))
    run_id = it.begin("w")
    it.now()
    text_in(it, "Y")
    it.restart()
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert last(it).startswith("yes|")


def test_a_code_from_a_number(project: Open) -> None:
    it = project(w=asking(**{"from": "07700 900077", "pattern": "^([0-9]{6})$"}))
    run_id = it.begin("w")
    it.now()
    text_in(it, "what code?")
    text_in(it, "123456")
    it.now()
    assert it.get(run_id).state == "succeeded"
    assert last(it).startswith("123456|123456")


def test_the_answer_is_in_the_runs_story(project: Open) -> None:
    it = project(w=asking())
    run_id = it.begin("w")
    it.now()
    text_in(it, "hello")
    it.now()
    directions = [one["direction"] for one in it.story(run_id)["messages"]]
    assert directions == ["out", "in", "out"]


@pytest.mark.parametrize("wait", [{"pattern": "("}, {"message": None}])
def test_a_wait_that_cannot_be(project: Open, wait: dict[str, Any]) -> None:
    it = project(w=asking(**wait))
    run = it.run("w")
    assert run.state == "failed"
    assert run.error["code"] == "invalid_input"


@pytest.mark.parametrize("early", [False, True], ids=["while it waits", "before it waits"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(5))
def test_death_loses_no_answer(project: Open, at: int, after: bool, early: bool) -> None:
    pause = [{"uses": "flow.wait", "with": {"for": "1 minute"}}]
    steps: list[Any] = [
        {"id": "q", "uses": "sms.send", "with": {"to": NUMBER, "text": "OK?"}},
        *(pause if early else []),
        {"id": "r", "uses": "sms.wait_for_reply", "with": {"message": "{{ q }}"}},
        {"uses": "data.set", "with": {"heard": "{{ r.text }}"}},
        {"uses": "sms.send", "with": {"to": "+447700900200", "text": "{{ r.text }}"}},
    ]
    it = project(w=workflow(steps))
    run_id = it.begin("w")
    it.now()
    text_in(it, "yes")
    real = it.runtime.journal
    it.runtime.journal = DyingJournal(real, at, after=after)  # type: ignore[assignment]
    with suppress(Death):
        it.drain()
    it.runtime.journal = real
    it.restart()
    it.drain()
    story = it.story(run_id)
    if it.get(run_id).state == "uncertain":
        return
    assert it.get(run_id).state == "succeeded"
    assert [one["text"] for one in story["messages"] if one["direction"] == "in"] == ["yes"]
    assert last(it) == "yes"


def test_a_refused_or_late_answer_is_for_who_listens(project: Open) -> None:
    it = project(w=asking(), l=LISTENING)
    run_id = it.begin("w")
    it.now()
    it.clock.advance_to(it.clock.now_ms() + 60 * MINUTE)
    assert run_id not in text_in(it, "too late")
    it.now()
    assert "heard too late" in [text for _, text in it.gateway.texts]
    assert last(it).endswith("|true") or it.get(run_id).state == "succeeded"
