"""Changes of messages are told once; a silent gateway is asked; nothing is lost between a report and an answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.engine.bench import (
    NUMBER,
    PROJECT,
    Project,
    catalogue,
    heard,
    refused,
    took,
    workflow,
    workflows,
)

from ringback.clock import SystemClock
from ringback.connectors.transport import Answer, Call
from ringback.engine import accept, reported
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal import messages, runs, steps
from ringback.problems import Failure
from ringback.settings import load_settings
from ringback.worker import LocalExecutor

Open = Callable[..., Project]

SEND: dict[str, Any] = {"id": "m", "uses": "sms.send", "with": {"to": NUMBER, "text": "Hi"}}
WAIT: dict[str, Any] = {
    "id": "d",
    "uses": "sms.wait_for_delivery",
    "with": {"message": "{{ m }}", "timeout": "15 minutes"},
}
HEAR: dict[str, Any] = {
    "id": "heard",
    "uses": "data.set",
    "with": {"status": "{{ trigger.status }}", "to": "{{ trigger.message.to | default('') }}"},
}
LISTEN = workflow([HEAR], trigger={"uses": "sms.reported"})
ASKED = """
project: {name: Harbour School, country: GB, timezone: Europe/London}
connections:
  front-desk: {uses: telnyx, with: {api_key: "KEY-0123456789", base_url: "https://front.example"}}
"""


def told(it: Project) -> list[tuple[str, str]]:
    """What `sms.reported` said, in turn."""
    outputs = [it.steps(run.id)["heard"].output for run in it.all_runs() if run.workflow == "l"]
    return [(output["status"], output["to"]) for output in outputs]


def test_each_change_is_told_once(project: Open) -> None:
    it = project(w=workflow([SEND, WAIT]), l=LISTEN)
    it.begin("w")
    it.now()
    for key, status in enumerate(["sent", "sent", "queued", "unknown", "undelivered", "sent", "delivered", "failed"]):  # fmt: skip
        it.report("gw-1", status, key=f"{key}")
        it.now()
    statuses = ["sent", "undelivered", "delivered"]
    assert told(it) == [(status, NUMBER) for status in statuses]
    story = it.story(it.all_runs()[0].id)
    assert len(story["messages"][0]["reports"]) == 8


def test_an_early_report_is_told_with_its_message(project: Open) -> None:
    it = project(w=workflow([SEND]), l=LISTEN)
    it.gateway.on_call = lambda call: (it.report("gw-1", "sent"), it.report("gw-1", "delivered"))
    it.run("w")
    assert told(it) == [("sent", NUMBER), ("delivered", NUMBER)]


def test_a_report_of_a_message_that_is_not_ours_is_told_at_once(project: Open) -> None:
    it = project(w=workflow([SEND]), l=LISTEN)
    it.run("w")
    it.report("foreign", "delivered")
    it.drain()
    assert told(it) == [("delivered", "")]


def test_silence_is_told(project: Open) -> None:
    it = project(w=workflow([SEND, WAIT]), l=LISTEN)
    it.run("w")
    assert told(it) == [("unknown", NUMBER)]


def test_a_message_in_parts(project: Open) -> None:
    parts = {"uses": "vonage", "with": {"api_key": "k-12345678", "api_secret": "s-0123456789"}}
    it = project(
        project=json.dumps({"project": {"country": "GB"}, "connections": {"front-desk": parts}}),
        w=workflow([{**SEND, "with": {**SEND["with"], "sender": "+447700900100"}}, WAIT]),
        l=LISTEN,
    )
    body = {"message-count": "2", "messages": [{"status": "0", "message-id": one} for one in "AB"]}
    it.gateway.outcomes = [
        Answer(200, {"content-type": "application/json"}, json.dumps(body).encode())
    ]
    run_id = it.begin("w")
    it.report("B", "delivered", per_part=True)  # early: nobody knows of B
    it.now()
    assert it.messages(run_id)[0].status == "sent"
    with it.runtime.journal.read() as conn:
        assert messages.ids_of(conn, it.messages(run_id)[0].id) == {"A": 1, "B": 2}
    it.report("A", "delivered", per_part=True)
    it.now()
    assert it.messages(run_id)[0].status == "delivered"
    assert it.steps(run_id)["d"].output["delivered"] is True


def answer(status: str) -> Answer:
    body = {"data": {"id": "tx-1", "to": [{"status": status}]}}
    return Answer(200, {"content-type": "application/json"}, json.dumps(body).encode())


ANSWERS: list[tuple[str, Any, tuple[str, bool], str]] = [
    ("delivered", answer("delivered"), ("delivered", False), "It said: delivered"),
    ("no end yet", answer("sent"), ("unknown", True), "It said: sent"),
    ("a fault", refused(500), ("unknown", True), "was asked what became"),
]


@pytest.mark.parametrize(("name", "said", "end", "noted"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_a_silent_gateway_is_asked(
    project: Open, name: str, said: Any, end: tuple[str, bool], noted: str
) -> None:
    sender = {**SEND, "with": {**SEND["with"], "sender": "+447700900100"}}
    it = project(project=ASKED, w=workflow([sender, WAIT]), l=LISTEN)
    it.gateway.outcomes = [answer("queued"), said]
    run = it.run("w")
    assert run.state == "succeeded", run.error
    output = it.steps(run.id)["d"].output
    assert (output["status"], output["timed_out"]) == end
    assert [call.method for call in it.gateway.calls] == ["POST", "GET"]
    assert noted in str(it.story(run.id)["notes"])
    assert it.messages(run.id)[0].status == end[0]
    assert told(it)[-1] == (end[0], NUMBER)


def test_a_gateway_that_has_reported_is_not_asked(project: Open) -> None:
    sender = {**SEND, "with": {**SEND["with"], "sender": "+447700900100"}}
    it = project(project=ASKED, w=workflow([sender, WAIT]))
    it.gateway.outcomes = [answer("queued")]
    it.begin("w")
    it.now()
    it.report("tx-1", "delivered")
    it.drain()
    assert len(it.gateway.calls) == 1


def test_a_message_that_stays_silent_is_asked_about_and_unknown(project: Open) -> None:
    sender = {**SEND, "with": {**SEND["with"], "sender": "+447700900100"}}
    it = project(project=ASKED, w=workflow([sender]), l=LISTEN)
    it.gateway.outcomes = [answer("queued"), answer("sent")]
    run = it.run("w")
    assert reported.fall_silent(it.runtime, 0) == it.clock.now_ms() - 3 * DAY_MS
    assert it.messages(run.id)[0].status == "queued"
    it.clock.advance_to(max(it.clock.now_ms(), time.time_ns() // 1_000_000) + 4 * DAY_MS)
    since = reported.fall_silent(it.runtime, 0)
    assert reported.fall_silent(it.runtime, since) == since
    it.drain()
    assert it.messages(run.id)[0].status == "unknown"
    assert [call.method for call in it.gateway.calls] == ["POST", "GET"]
    assert told(it) == [("sent", NUMBER), ("unknown", NUMBER)]


def test_what_is_heard_while_a_send_is_tried_again_stays(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report comes in the moment between reading the message and writing that it goes once more."""
    it = project(w=workflow([{**SEND, "retry": {"times": 2, "delay": "1 second"}}]))
    it.gateway.outcomes = [Failure("unreachable", "Nobody is there.")]
    read = messages.of_step

    def meanwhile(conn: Connection, run_id: str, path: str) -> list[messages.Message]:
        found = read(conn, run_id, path)
        it.report(None, "sent", reference=found[-1].id)
        return found

    monkeypatch.setattr(messages, "of_step", meanwhile)
    message = it.messages(it.run("w").id)[0]
    assert [entry["status"] for entry in message.timeline] == ["sending", "sent", "accepted"]
    assert message.status == "sent"


TRIES = 1000
DAY_MS = 86_400_000


class Racing:
    """A gateway whose reports come from another thread: before its answer, while it is given, or after."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.told: SimpleQueue[tuple[str, list[str], threading.Event] | None] = SimpleQueue()

    def send(self, call: Call) -> Answer:
        del call
        with self.lock:
            self.count += 1
            number = self.count
        done = threading.Event()
        statuses = ["sent", "delivered"] if number % 2 else ["delivered", "sent"]
        self.told.put((f"gw-{number}", statuses, done))
        if number % 3 == 0:
            assert done.wait(20)
        return took(f"gw-{number}")


@pytest.fixture
def racing(tmp_path: Path) -> Iterator[tuple[Runtime, Racing]]:
    (tmp_path / "ringback.yaml").write_text(PROJECT, encoding="utf-8")
    settings = load_settings(tmp_path, {})
    send = {**SEND, "with": {"to": NUMBER, "text": "{{ trigger.body.n }}"}}
    listen = workflow([HEAR], trigger={"uses": "sms.reported", "with": {"status": ["delivered"]}})
    gateway = Racing()
    runtime = open_runtime(
        settings,
        clock=SystemClock(),
        transport=gateway,
        executor=LocalExecutor(8),
        catalogue=catalogue(),
        workflows=workflows(settings, {"w": workflow([send, WAIT]), "l": listen}),
    )
    runtime.start()
    yield runtime, gateway
    runtime.close(1000)


def test_a_thousand_reports_that_race_the_sends_answer(racing: tuple[Runtime, Racing]) -> None:
    runtime, gateway = racing
    failed: list[BaseException] = []

    def report() -> None:
        while (one := gateway.told.get()) is not None:
            gateway_id, statuses, done = one
            try:
                for status in statuses:
                    accept.accept_report(runtime, "front-desk", heard(gateway_id, status), {})
            except BaseException as error:  # noqa: BLE001  told by the test's own thread
                failed.append(error)
            finally:
                done.set()

    reporters = [threading.Thread(target=report) for _ in range(3)]
    for thread in reporters:
        thread.start()
    begun = [
        accept.accept(
            runtime,
            runtime.workflows.by_id["w"],
            0,
            {"body": {"n": f"text {number}"}},
            source="hook",
            key=None,
            kind="webhook",
        ).run_id
        for number in range(TRIES)
    ]
    assert all(accept.wait_finished(runtime, run_id, 60_000) for run_id in begun)
    for _ in reporters:
        gateway.told.put(None)
    for thread in reporters:
        thread.join()
    assert failed == []
    assert gateway.count == TRIES
    with runtime.journal.read() as conn:
        sent = [messages.of_run(conn, run_id) for run_id in begun]
        waited = [steps.get_step(conn, run_id, "d") for run_id in begun]
        listened = runs.list_runs(conn, workflow="l", limit=2 * TRIES).runs
    assert [[one.status for one in several] for several in sent] == [["delivered"]] * TRIES
    assert {len(several[0].timeline) for several in sent} == {4}
    assert all(step is not None and step.output["delivered"] for step in waited)
    assert len(listened) == TRIES
