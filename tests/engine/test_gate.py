"""The gate on the way of a send: opt-outs, quiet hours, repeats, limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.engine.bench import NUMBER, PROJECT, START, Project, heard, refused, workflow

from ringback.clock import SimulatedClock, to_ms
from ringback.connectors.callbacks import Inbound
from ringback.engine import accept
from ringback.engine.trial import trial
from ringback.journal import contacts, waits
from ringback.journal.contacts import Contact
from ringback.problems import Failure

Open = Callable[..., Project]
ONE = workflow([{"id": "m", "uses": "sms.send", "with": {"to": "{{ trigger.body.to }}", "text": "{{ trigger.body.text }}"}}])  # fmt: skip
WORDS = {"to": NUMBER, "text": "Hi"}
HI = {"body": WORDS}


def with_messages(**rules: Any) -> str:
    return PROJECT.replace("messages: {repeat_window: 0}", f"messages: {rules!r}")


def with_limits(**limits: int) -> str:
    return PROJECT.replace("front-desk: {uses", f"front-desk: {{limits: {limits!r}, uses")


def text_in(it: Project, text: str, key: str, **keys: Any) -> list[str]:
    inbound = Inbound(None, "447700900077", "+447700900100", text, None, {}, key, **keys)
    return accept.accept_inbound(it.runtime, "front-desk", inbound, {})


def contact(it: Project, number: str = NUMBER) -> Contact | None:
    with it.runtime.journal.read() as conn:
        return contacts.get_contact(conn, number)


def texts(it: Project) -> list[str]:
    return [text for _, text in it.gateway.texts]


def test_stop_is_kept_answered_and_obeyed_until_start(project: Open) -> None:
    it = project(w=ONE)
    text_in(it, "Stop.", "1")
    text_in(it, " STOP ", "2")
    it.drain()
    found = contact(it)
    assert found is not None
    assert found.opted_out_at == START
    assert found.opted_out_source == "“Stop.” by text to front-desk"
    assert texts(it) == ["You will get no more texts from Harbour School. Text START to get them again."]  # fmt: skip
    run = it.run("w", HI)
    assert (run.state, run.error["code"]) == ("failed", "opted_out")
    assert [one["passed"] for one in run.error["detail"]["gate"]] == [True, True, False]
    text_in(it, "start", "3")
    it.drain()
    assert it.run("w", HI).state == "succeeded"
    assert texts(it)[1:] == ["You will get texts from Harbour School again. Text STOP to end them.", "Hi"]  # fmt: skip


ORDINARY = ["Stop it please", "yes", "START", "I will not stop", ""]


@pytest.mark.parametrize("text", ORDINARY)
def test_only_the_word_alone_counts(project: Open, text: str) -> None:
    it = project(w=ONE)
    assert text_in(it, text, "1") == []
    assert contact(it) is None


def test_help_is_answered_and_what_the_project_says_is_said(project: Open) -> None:
    it = project(project=with_messages(help_text="Call {{ project.staff_phone }}.", stop_text=False))  # fmt: skip
    text_in(it, "HELP", "1")
    text_in(it, "ARRÊT", "2")
    it.drain()
    assert texts(it) == ["Call +447700900200."]
    found = contact(it)
    assert found is not None
    assert found.opted_out_at


def test_who_listens_for_stop_hears_it_and_who_listens_for_all_does_not(project: Open) -> None:
    mirror = {"uses": "sms.received", "with": {"keywords": ["STOP"]}}
    note = [{"uses": "text.render", "with": {"text": "{{ trigger.from }}"}}]
    every = workflow(note, trigger={"uses": "sms.received"})
    it = project(mirror=workflow(note, trigger=mirror), every=every)
    text_in(it, "STOP", "1")
    it.drain()
    assert sorted(run.workflow for run in it.all_runs()) == ["mirror", "ringback/answer"]
    assert {run.state for run in it.all_runs()} == {"succeeded"}


def test_a_gateways_own_opt_out_counts(project: Open) -> None:
    it = project(w=ONE)
    text_in(it, "no more", "1", opt_out=True)
    it.drain()
    assert texts(it) == []
    assert it.run("w", HI).error["code"] == "opted_out"


@pytest.mark.parametrize("code", ["opted_out", "invalid_number"])
def test_a_report_can_say_so(project: Open, code: str) -> None:
    it = project(w=ONE)
    it.run("w", HI)
    accept.accept_report(it.runtime, "front-desk", heard("gw-1", "failed", code=code), {})
    assert it.run("w", HI).error["code"] == code
    assert len(texts(it)) == 1
    text_in(it, "I am here", "1")
    assert it.run("w", HI).state == ("succeeded" if code == "invalid_number" else "failed")


@pytest.mark.parametrize("code", ["opted_out", "invalid_number"])
def test_a_sends_own_error_can_say_so(project: Open, code: str) -> None:
    it = project(w=ONE)
    it.gateway.outcomes = [Failure(code, "The gateway says no.")]
    assert it.run("w", HI).error["code"] == code
    found = contact(it)
    assert found is not None
    assert (found.opted_out_at is not None) == (code == "opted_out")
    assert found.invalid == (code == "invalid_number")
    assert it.run("w", HI).error["detail"]["gate"][-1]["check"] == "opt-out"
    assert texts(it) == []


def test_the_same_words_do_not_go_twice_in_ten_minutes(project: Open) -> None:
    it = project(w=ONE, project=with_messages())
    assert it.run("w", HI).state == "succeeded"
    again = it.run("w", HI)
    assert (again.state, again.error["code"]) == ("failed", "refused")
    assert "same words" in again.error["message"]
    assert it.run("w", {"body": {"to": NUMBER, "text": "Hello"}}).state == "succeeded"
    it.clock.advance_to(START + 600_001)
    assert it.run("w", HI).state == "succeeded"
    assert texts(it) == ["Hi", "Hello", "Hi"]


def test_what_did_not_go_is_not_repeated(project: Open) -> None:
    it = project(w=ONE, project=with_messages())
    it.gateway.outcomes = [refused(400), refused(400)]
    assert it.run("w", HI).state == "failed"
    it.gateway.outcomes = []
    assert it.run("w", HI).state == "succeeded"


def london(month: int, day: int, hour: int) -> int:
    """A moment (ms) by London's clock."""
    return to_ms(datetime(2026, month, day, hour, tzinfo=ZoneInfo("Europe/London")))


QUIET = {"from": "21:00", "to": "08:00"}
WHERE = [
    (NUMBER, {}, london(11, 21, 23), london(11, 22, 8)),
    (NUMBER, {}, london(11, 21, 3), london(11, 21, 8)),
    (NUMBER, {}, london(11, 21, 12), None),
    # 12:00 in London is 04:00 in San Francisco
    ("+14155550132", {}, london(11, 21, 12), london(11, 21, 16)),
    (NUMBER, {"timezone": "Asia/Tokyo"}, london(11, 21, 13), london(11, 21, 23)),
]  # fmt: skip


@pytest.mark.parametrize(("number", "known", "now", "then"), WHERE)
def test_quiet_hours_put_a_text_off_by_the_clock_where_it_goes(
    project: Open, number: str, known: dict[str, Any], now: int, then: int | None
) -> None:
    it = project(w=ONE, project=with_messages(quiet_hours=QUIET))
    it.clock = it.runtime.clock = SimulatedClock(now)
    if known:
        it.runtime.journal.write(lambda conn: contacts.put_contact(conn, Contact(number, attributes=known), 1))  # fmt: skip
    run_id = it.begin("w", {"body": {"to": number, "text": "Hi"}})
    it.now()
    if then is not None:
        assert it.get(run_id).state == "waiting"
        assert it.get(run_id).wake_at == then
        assert any("quiet hours" in note["message"] for note in it.story(run_id)["notes"])
        with it.runtime.journal.read() as conn:
            (wait,) = waits.of_run(conn, run_id)
        assert (wait.kind, wait.key) == ("gate", "quiet hours")
        it.restart()
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert texts(it) == ["Hi"]
    assert it.steps(run_id)["m"].attempt == 1


def test_an_opt_out_during_quiet_hours_is_obeyed(project: Open) -> None:
    it = project(w=ONE, project=with_messages(quiet_hours={"from": "00:00", "to": "23:59"}, stop_text=""))  # fmt: skip
    run_id = it.begin("w", HI)
    it.now()
    text_in(it, "stop", "1")
    it.drain()
    assert it.get(run_id).error["code"] == "opted_out"


def test_a_rate_holds_in_any_second_and_nobody_is_dropped(project: Open) -> None:
    it = project(w=ONE, project=with_limits(per_second=2, per_minute=5))
    at: list[int] = []
    it.gateway.on_call = lambda _call: at.append(it.clock.now_ms() - START)
    ids = [it.begin("w", {"body": {"to": NUMBER, "text": f"Hi {number}"}}) for number in range(7)]
    it.drain()
    assert {it.get(run_id).state for run_id in ids} == {"succeeded"}
    assert at == [0, 0, 1000, 1000, 2000, 60_000, 60_000]
    assert sorted(texts(it)) == [f"Hi {number}" for number in range(7)]


def test_the_next_try_takes_a_place_too(project: Open) -> None:
    step = {"uses": "sms.send", "with": WORDS, "retry": {"times": 2, "delay": "1 second"}}
    it = project(w=workflow([step]), o=ONE, project=with_limits(per_minute=1))
    it.gateway.outcomes = [refused(503)]
    run = it.run("w")
    assert run.state == "succeeded", run.error
    assert it.clock.now_ms() == START + 60_000
    assert it.steps(run.id)["0"].attempt == 2


CAPS = [("per_day", london(9, 21, 12)), ("per_month", london(10, 1, 12))]


@pytest.mark.parametrize(("cap", "later"), CAPS)
def test_over_the_cap_is_a_failure_until_the_next_one_begins(
    project: Open, cap: str, later: int
) -> None:
    it = project(w=ONE, project=with_limits(**{cap: 2}))
    for _ in range(2):
        assert it.run("w", HI).state == "succeeded"
    over = it.run("w", HI)
    assert (over.state, over.error["code"]) == ("failed", "refused")
    assert "has had its 2 messages" in over.error["message"]
    it.clock.advance_to(max(it.clock.now_ms(), later) + 86_400_000)
    assert it.run("w", HI).state == "succeeded"


def test_over_the_cap_of_one_the_next_connection_is_tried(project: Open) -> None:
    both = [{"uses": "sms.send", "with": WORDS | {"send_through": ["front-desk", "backup"]}}]
    it = project(w=workflow(both), project=with_limits(per_day=1))
    for _ in range(2):
        assert it.run("w").state == "succeeded"
    hosts = [call.url.split("/")[2] for call in it.gateway.calls]
    assert hosts == ["front.example", "backup.example"]


DEAR = "We’ll see you on the 28th — “Harbour School”, " + "main entrance, " * 3


def test_the_cost_is_in_the_run_and_plain_quotes_make_it_less(project: Open) -> None:
    prices = PROJECT.replace("front-desk: {uses", "front-desk: {prices: {amount: 0.05, currency: GBP}, uses")  # fmt: skip
    plain = prices.replace("messages: {repeat_window: 0}", "messages: {plain_quotes: true}")
    step = {"uses": "sms.send", "with": {"to": NUMBER, "text": DEAR}}
    sizes, sent = [], []
    for said in (prices, plain):
        it = project(w=workflow([step]), project=said)
        run = it.run("w")
        (message,) = it.messages(run.id)
        sizes.append(message.timeline[0]["size"])
        assert any(line["text"] == sizes[-1]["says"] for line in it.story(run.id)["timeline"])
        sent += texts(it)
    assert [(one["encoding"], one["segments"], one["price"]) for one in sizes] == [("UCS-2", 2, "0.05"), ("GSM-7", 1, "0.05")]  # fmt: skip
    assert sizes[0]["offenders"] == ["’", "—", "“", "”"]
    assert "’" in sent[0]
    assert "“" not in sent[1]


def test_a_trial_says_what_the_gate_would_and_keeps_nothing(project: Open) -> None:
    it = project(w=ONE, project=with_limits(per_day=1))
    tried = trial(it.runtime, "07700 900077", "Hi")
    assert (tried.gate.number, tried.connection, tried.cost.size.count) == (NUMBER, "front-desk", 1)
    assert [one.check for one in tried.gate.verdicts] == ["number", "text", "opt-out", "repeat", "quiet hours", "limits"]  # fmt: skip
    assert it.run("w", HI).state == "succeeded"
    assert not trial(it.runtime, NUMBER, "Hi").gate.verdicts[-1].passed
    assert len(texts(it)) == 1


def test_a_step_may_be_allowed_to_repeat(project: Open) -> None:
    again = {"uses": "sms.send", "with": {"to": NUMBER, "text": "Hi", "repeat": "allowed"}}
    it = project(w=ONE, again=workflow([again]), project=with_messages(repeat_window="10 minutes"))
    assert it.run("w", HI).state == "succeeded"
    refused = it.run("w", HI)
    assert refused.error is not None
    assert (refused.state, refused.error["code"]) == ("failed", "refused")
    run = it.run("again")
    assert run.state == "succeeded"
    assert texts(it) == ["Hi", "Hi"]
    gate = it.messages(run.id)[0].timeline[0]["gate"]
    assert {"check": "repeat", "passed": True, "detail": "allowed by the step"} in gate
