"""Two things at one moment: a report and the wait for it, two texts in one place, the last run and the next.

On one file there is one writer, and nothing to race; these tests matter where the journals are in PostgreSQL
(`make ring-postgres`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.engine.bench import (
    NUMBER,
    PROJECT,
    SOMEBODY,
    Project,
    catalogue,
    heard,
    took,
    workflow,
    workflows,
)
from tests.together import together

from ringback.clock import SystemClock
from ringback.connectors.callbacks import Inbound, Part
from ringback.connectors.transport import Answer, Call
from ringback.engine import accept, settle
from ringback.engine.run import advance
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal import messages, runs, waits
from ringback.problems import Failure
from ringback.schedule import Schedules
from ringback.settings import load_settings
from ringback.worker import LocalExecutor

Open = Callable[..., Project]
TRIES = 30
OURS = "+447700900100"
SEND = {"id": "m", "uses": "sms.send", "with": {"to": NUMBER, "text": "{{ trigger.body.n }}"}}
DELIVERY = {"id": "d", "uses": "sms.wait_for_delivery", "with": {"message": "{{ m }}", "timeout": "1 hour"}}  # fmt: skip
REPLY = {"id": "r", "uses": "sms.wait_for_reply", "with": {"message": "{{ m }}", "timeout": "1 hour"}}  # fmt: skip


def sent(it: Project, run_id: str) -> str:
    """The id by which the gateway knows the run's message, as soon as it has one."""
    while True:
        with it.runtime.journal.read() as conn:
            found = messages.of_run(conn, run_id)
        if found and found[0].gateway_id:
            return found[0].gateway_id


def test_a_report_that_comes_as_its_run_lies_down_wakes_it(project: Open) -> None:
    it = project(w=workflow([SEND, DELIVERY]))
    for number in range(TRIES):
        run_id = it.begin("w", {"body": {"n": number}})

        def report(run_id: str = run_id) -> None:
            it.report(sent(it, run_id), "delivered", key=f"{run_id}:delivered")

        together(it.now, report)
        it.now()
        assert it.get(run_id).state == "succeeded"


def test_a_reply_that_comes_as_its_run_lies_down_is_heard(project: Open) -> None:
    it = project(w=workflow([SEND, REPLY]))
    for number in range(TRIES):
        run_id = it.begin("w", {"body": {"n": number}})

        def answer(run_id: str = run_id, number: int = number) -> None:
            sent(it, run_id)
            said = Inbound(f"in-{number}", NUMBER, OURS, f"yes {number}", None, {}, f"k-{number}")
            accept.accept_inbound(it.runtime, "front-desk", said, {})

        together(it.now, answer)
        it.now()
        assert it.get(run_id).state == "succeeded"
        assert it.steps(run_id)["r"].output["text"] == f"yes {number}"


def test_the_same_words_go_out_once_whoever_says_them(project: Open) -> None:
    it = project(w=workflow([SEND]), project=PROJECT.replace("repeat_window: 0", "repeat_window: 1 hour"))  # fmt: skip
    for number in range(TRIES):
        for _ in range(4):
            it.begin("w", {"body": {"n": f"text {number}"}})
        queued = [it.runtime.executor.queue.popleft() for _ in range(4)]  # type: ignore[attr-defined]
        together(*[lambda one=one: advance(it.runtime, *one) for one in queued])
        assert len([text for _, text in it.gateway.texts if text == f"text {number}"]) == 1


def test_two_pieces_at_once_make_one_text(project: Open) -> None:
    it = project(w=workflow([{"uses": "data.set", "with": {"a": "{{ trigger.text }}"}}], trigger={"uses": "sms.received"}))  # fmt: skip
    for number in range(TRIES):

        def piece(part: int, number: int = number) -> list[str]:
            said = Inbound(None, NUMBER, OURS, f"part {part} ", None, {}, f"{number}:{part}", part=Part(str(number), part, 3))  # fmt: skip
            return accept.accept_inbound(it.runtime, "front-desk", said, {})

        opened = together(lambda: piece(1), lambda: piece(2), lambda: piece(3))
        assert sum(map(len, opened)) == 1
    with it.runtime.journal.read() as conn:
        found = messages.conversation(conn, NUMBER)
    assert [one.text for one in found] == ["part 1 part 2 part 3 "] * TRIES


def test_copies_of_a_text_without_id_and_time_are_one(project: Open) -> None:
    it = project(w=workflow([{"uses": "data.set", "with": {"a": "b"}}], trigger={"uses": "sms.received"}))  # fmt: skip
    for number in range(TRIES):
        said = Inbound(None, NUMBER, OURS, f"{number}", None, {}, f"{number}", timeless=True)
        got = together(*[lambda one=said: accept.accept_inbound(it.runtime, "front-desk", one, {})] * 5)  # fmt: skip
        assert len({tuple(one) for one in got}) == 1
    assert len(it.all_runs()) == TRIES


def test_a_report_by_number_and_a_doubt_find_each_other(project: Open) -> None:
    """The report comes as the run that may have sent finds nothing yet and is left to a person."""
    it = project(w=workflow([{**SEND, "with": {"to": "{{ trigger.body.to }}", "text": "x"}}]))
    for number in range(TRIES):
        phone = f"+4477009{number:05}"
        told = threading.Event()

        def silent(_call: Call, told: threading.Event = told) -> None:
            told.set()

        it.gateway.on_call = silent
        it.gateway.outcomes = [Failure("no_answer", "Silence.")]
        run_id = it.begin("w", {"body": {"to": phone}})

        def report(phone: str = phone, number: int = number, told: threading.Event = told) -> None:
            told.wait(10)
            it.report(f"late-{number}", "sent", number=phone)

        together(it.now, report)
        it.now()
        assert it.get(run_id).state == "succeeded"


@pytest.fixture
def as_it_lies_down(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Let something happen at the very moment between a run's look whether it needs to wait, and its wait."""
    begun: list[threading.Thread] = []
    put_wait = waits.put_wait

    def arm(other: Callable[[], Any]) -> None:
        def meanwhile(conn: Connection, wait: waits.Wait) -> None:
            if not begun:
                begun.append(threading.Thread(target=other))
                begun[0].start()
                begun[0].join(0.5)  # it is kept out until the wait is written
            put_wait(conn, wait)

        monkeypatch.setattr(waits, "put_wait", meanwhile)

    yield arm
    assert begun
    begun[0].join(20)


def test_no_report_is_lost_in_that_moment(
    project: Open, as_it_lies_down: Callable[..., None]
) -> None:
    it = project(w=workflow([SEND, DELIVERY]))
    run_id = it.begin("w", {"body": {"n": 1}})
    came = threading.Event()

    def report() -> None:
        it.report("gw-1", "delivered")
        came.set()

    as_it_lies_down(report)
    it.now()
    assert came.wait(20)
    it.now()
    assert it.get(run_id).state == "succeeded"


def test_no_reply_is_lost_in_that_moment(
    project: Open, as_it_lies_down: Callable[..., None]
) -> None:
    it = project(w=workflow([SEND, REPLY]))
    run_id = it.begin("w", {"body": {"n": 1}})
    came = threading.Event()
    said = Inbound("in-1", NUMBER, OURS, "yes", None, {}, "k-1")

    def answer() -> None:
        accept.accept_inbound(it.runtime, "front-desk", said, {})
        came.set()

    as_it_lies_down(answer)
    it.now()
    assert came.wait(20)
    it.now()
    assert it.get(run_id).state == "succeeded"


def test_no_end_of_a_called_run_is_lost_in_that_moment(
    project: Open, as_it_lies_down: Callable[..., None]
) -> None:
    call = [{"id": "c", "uses": "flow.call", "with": {"workflow": "child"}}]
    it = project(w=workflow(call), child=workflow([{"uses": "data.set", "with": {"a": "b"}}]))
    run_id = it.begin("w", {})
    came = threading.Event()

    def end() -> None:
        _, child = it.runtime.executor.queue.popleft()  # type: ignore[attr-defined]
        advance(it.runtime, child.run.id, child)
        came.set()

    as_it_lies_down(end)
    it.now()
    assert came.wait(20)
    it.now()
    assert it.get(run_id).state == "succeeded"


def test_a_run_that_queues_as_the_last_one_ends_is_begun(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = project(w=workflow([SEND], concurrency={"key": "all"}))
    first = it.begin("w", {"body": {"n": 1}})
    begun: list[threading.Thread] = []
    add_run = runs.add_run

    def meanwhile(conn: Connection, **given: Any) -> Any:
        if not begun:
            begun.append(threading.Thread(target=it.now))
            begun[0].start()
            begun[0].join(0.5)  # the first one is kept from ending until this one stands in line
        return add_run(conn, **given)

    monkeypatch.setattr(runs, "add_run", meanwhile)
    second = it.begin("w", {"body": {"n": 2}})
    begun[0].join(20)
    it.now()
    assert [it.get(one).state for one in (first, second)] == ["succeeded", "succeeded"]


@contextmanager
def served(folder: Path, gateway: Any, **sources: str) -> Iterator[Runtime]:
    (folder / "ringback.yaml").write_text(PROJECT, encoding="utf-8")
    settings = load_settings(folder, {})
    runtime = open_runtime(
        settings,
        clock=SystemClock(),
        transport=gateway,
        executor=LocalExecutor(8),
        catalogue=catalogue(),
        workflows=workflows(settings, sources),
    )
    runtime.start()
    try:
        yield runtime
    finally:
        runtime.close(1000)


class Counting:
    """A gateway that knows how many talk to it at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = self.count = 0

    def send(self, call: Call) -> Answer:
        del call
        with self._lock:
            self._now += 1
            self.count += 1
            self.most = max(self.most, self._now)
            number = self.count
        with self._lock:
            self._now -= 1
        return took(f"gw-{number}")


def begun(runtime: Runtime, name: str, count: int) -> list[str]:
    return [
        accept.accept(runtime, runtime.workflows.by_id[name], 0, {"body": {"n": number}}, source="hook", key=None, kind="webhook").run_id
        for number in range(count)
    ]  # fmt: skip


def test_a_place_that_comes_free_as_the_next_queues_is_taken(tmp_path: Path) -> None:
    gateway = Counting()
    rule = {"key": "all", "limit": 2}
    with served(tmp_path, gateway, w=workflow([SEND], concurrency=rule)) as runtime:
        several = together(*[lambda: begun(runtime, "w", 20)] * 4)
        ids = [one for some in several for one in some]
        assert all(accept.wait_finished(runtime, one, 60_000) for one in ids)
    assert gateway.count == 80
    assert gateway.most <= 2


def test_a_called_run_that_ends_as_its_caller_lies_down_wakes_it(tmp_path: Path) -> None:
    call = [{"id": "c", "uses": "flow.call", "with": {"workflow": "child"}}]
    child = workflow([{"uses": "data.set", "with": {"a": "b"}}])
    with served(tmp_path, Counting(), parent=workflow(call), child=child) as runtime:
        ids = begun(runtime, "parent", 60)
        assert all(accept.wait_finished(runtime, one, 30_000) for one in ids)
        with runtime.journal.read() as conn:
            ended = [runs.get_run(conn, one) for one in ids]
    assert {one.state for one in ended if one is not None} == {"succeeded"}


def test_a_decision_and_a_cancel_at_once_leave_one_end(project: Open) -> None:
    it = project(w=workflow([SEND]))
    for number in range(TRIES):
        it.gateway.outcomes = [Failure("no_answer", "Silence.")]
        run_id = it.begin("w", {"body": {"n": number}})
        it.now()
        went, canceled = together(
            lambda run_id=run_id: settle.settle(it.runtime, run_id, "m", "sent", by=SOMEBODY),  # type: ignore[misc]
            lambda run_id=run_id: settle.cancel(it.runtime, run_id, by=SOMEBODY),  # type: ignore[misc]
        )
        it.now()
        assert canceled
        assert it.get(run_id).state == "canceled"
        assert it.steps(run_id)["m"].state == ("succeeded" if went else "uncertain")


def test_schedules_seen_first_by_several_at_once_have_one_rhythm(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    del pytestconfig
    often = workflow([{"uses": "data.set", "with": {"a": "b"}}], trigger={"uses": "schedule.every", "with": {"interval": "1 hour"}})  # fmt: skip
    (tmp_path / "ringback.yaml").write_text(PROJECT, encoding="utf-8")
    settings = load_settings(tmp_path, {})
    found = workflows(settings, {"often": often})
    nodes = [open_runtime(settings, catalogue=catalogue(), workflows=found) for _ in range(5)]
    try:
        assert len(set(together(*[Schedules(node).tick for node in nodes]))) == 1
    finally:
        for node in nodes:
            node.close(0)


def test_a_send_that_is_answered_as_its_report_comes(project: Open) -> None:
    it = project(w=workflow([SEND, DELIVERY]))
    for number in range(TRIES):
        name = f"race-{number}"
        at_gateway = threading.Event()

        def reach(_call: Call, at_gateway: threading.Event = at_gateway) -> None:
            at_gateway.set()

        it.gateway.on_call = reach
        it.gateway.outcomes = [took(name)]
        run_id = it.begin("w", {"body": {"n": number}})

        def report(name: str = name, at_gateway: threading.Event = at_gateway) -> None:
            at_gateway.wait(10)
            accept.accept_report(it.runtime, "front-desk", heard(name, "delivered"), {})

        together(it.now, report)
        it.now()
        assert it.get(run_id).state == "succeeded"
        assert it.messages(run_id)[0].status == "delivered"
