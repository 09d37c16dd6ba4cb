"""Reports come in, runs that wait for them go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.bench import NUMBER, PROJECT, Project, workflow

from ringback.connectors.callbacks import Inbound
from ringback.engine import accept

Open = Callable[..., Project]

WAITING = """
- id: m
  uses: sms.send
  with: {to: "+447700900077", text: "Hi"}
- id: d
  uses: sms.wait_for_delivery
  with: {message: "{{ m }}", timeout: 15 minutes, until: "UNTIL"}
- uses: sms.send
  with: {to: "+447700900200", text: "{{ d.status }} {{ d.delivered }} {{ d.timed_out }}"}
"""


def waiting(until: str = "delivered") -> str:
    return workflow(WAITING.replace("UNTIL", until))


def last(it: Project) -> str:
    return it.gateway.texts[-1][1]


ORDERS = [
    ("in order", ["sent", "delivered"], "delivered true false"),
    ("out of order", ["delivered", "sent"], "delivered true false"),
    ("twice", ["sent", "sent", "delivered", "delivered"], "delivered true false"),
    ("failed", ["sent", "failed"], "failed false false"),
    ("silent", [], "unknown false true"),
    ("half", ["sent"], "unknown false true"),
]


@pytest.mark.parametrize(("name", "reports", "said"), ORDERS, ids=[row[0] for row in ORDERS])
def test_wait_for_delivery(project: Open, name: str, reports: list[str], said: str) -> None:
    it = project(w=waiting())
    run_id = it.begin("w")
    it.now()
    assert it.get(run_id).state == "waiting"
    for status in reports:
        it.report("gw-1", status)
    it.drain()
    assert it.get(run_id).state == "succeeded", it.get(run_id).error
    assert last(it) == said


def test_a_report_before_the_sends_own_answer_is_matched(project: Open) -> None:
    it = project(w=waiting())
    it.gateway.on_call = lambda call: it.report("gw-1", "delivered")
    run = it.run("w")
    assert run.state == "succeeded"
    assert last(it) == "delivered true false"
    message = it.messages(run.id)[0]
    assert [entry["status"] for entry in message.timeline] == ["sending", "accepted", "delivered"]
    assert it.clock.now_ms() == run.created_at


def test_until_sent_goes_on_when_it_left_the_gateway(project: Open) -> None:
    it = project(w=waiting("sent"))
    run_id = it.begin("w")
    it.now()
    it.report("gw-1", "queued")
    it.now()
    assert it.get(run_id).state == "waiting"
    it.report("gw-1", "sent")
    it.now()
    assert last(it) == "sent false false"


def test_late_news_moves_an_unknown_message(project: Open) -> None:
    it = project(w=waiting())
    run = it.run("w")
    assert it.messages(run.id)[0].status == "unknown"
    it.report("gw-1", "delivered", refunded=True)
    message = it.messages(run.id)[0]
    assert (message.status, message.refunded) == ("delivered", True)


def test_a_copy_of_a_report_changes_nothing(project: Open) -> None:
    it = project(w=waiting())
    run = it.run("w")
    first = it.report("gw-1", "delivered")
    assert it.report("gw-1", "delivered") == first
    assert len(it.story(run.id)["messages"][0]["reports"]) == 1


def test_a_report_survives_a_restart_and_wakes_the_run(project: Open) -> None:
    it = project(w=waiting())
    run_id = it.begin("w")
    it.now()
    it.report("gw-1", "delivered")
    it.restart()
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert last(it) == "delivered true false"


def test_a_report_starts_who_listens(project: Open) -> None:
    listen: dict[str, Any] = {
        "uses": "sms.reported",
        "with": {"status": ["failed"], "connection": "front-desk"},
    }
    tell = {"uses": "sms.send", "with": {"to": NUMBER, "text": "{{ trigger.message.text }}!"}}
    it = project(w=waiting(), l=workflow([tell], trigger=listen))
    it.begin("w")
    it.now()
    it.report("gw-1", "sent")
    it.report("gw-1", "failed")
    it.now()
    started = [run for run in it.all_runs() if run.workflow == "l"]
    assert [run.state for run in started] == ["succeeded"]
    assert "Hi!" in [text for _, text in it.gateway.texts]


def inbound(text: str, key: str) -> Inbound:
    return Inbound("in-1", NUMBER, "+447700900100", text, None, {}, key)


HEARD = [("YES please", 1), ("yes", 1), ("yesterday", 0), ("no", 0), (" Yes, I do", 1)]


@pytest.mark.parametrize(("text", "opened"), HEARD)
def test_a_text_that_comes_in_starts_who_listens(project: Open, text: str, opened: int) -> None:
    answer = {"uses": "sms.send", "with": {"to": "{{ trigger.from }}", "text": "Thanks."}}
    listen = {"uses": "sms.received", "with": {"keywords": ["YES"]}}
    it = project(w=workflow([answer], trigger=listen))
    runs = accept.accept_inbound(it.runtime, "front-desk", inbound(text, "k"), {})
    assert accept.accept_inbound(it.runtime, "front-desk", inbound(text, "k"), {}) == runs
    it.drain()
    assert len(runs) == opened
    assert it.gateway.texts == [(NUMBER, "Thanks.")] * opened


def test_what_it_costs_is_an_estimate_until_the_gateway_says(project: Open) -> None:
    prices = "{prices: {amount: 0.04, currency: GBP, countries: {GB: 0.05}}, uses"
    it = project(w=waiting(), project=PROJECT.replace("front-desk: {uses", f"front-desk: {prices}"))
    run_id = it.begin("w")
    it.now()

    def told() -> tuple[Any, ...]:
        message = it.messages(run_id)[0]
        return message.cost, message.currency, message.cost_source

    assert told() == ("0.05", "GBP", "prices")
    assert it.steps(run_id)["m"].output["cost"] == "0.05"
    it.report("gw-1", "sent")
    assert told() == ("0.05", "GBP", "prices")
    it.report("gw-1", "delivered", cost="0.033", currency="EUR")
    assert told() == ("0.033", "EUR", "gateway")
    assert [one["cost"] for one in it.story(run_id)["messages"][0]["reports"]] == [None, "0.033"]
    lines = [line for line in it.story(run_id)["timeline"] if line["what"] == "report"]
    assert [line.get("cost") for line in lines] == [None, "0.033 EUR"]
