"""Whether a gateway reaches us is known of each connection: with what it called last, also where that changed nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from tests.engine.bench import START, Project, RepeatingJournal, workflow
from tests.engine.bench import heard as a_report
from tests.engine.conftest import Open

from ringback.connectors.callbacks import Inbound
from ringback.engine import accept, hearing
from ringback.journal.heard import LastHeard, last_heard, put_heard

SEND = workflow('[{id: text, uses: sms.send, with: {to: "+447700900077", text: Hello}}]')


@pytest.fixture
def it(project: Open) -> Project:
    return project(send=SEND)


def heard(it: Project) -> LastHeard:
    return it.runtime.journal.look(last_heard).get("front-desk", LastHeard({}))


def test_a_report_and_a_text(it: Project) -> None:
    assert heard(it).at == {}
    it.run("send")
    it.report("gw-1", "sent")
    assert heard(it).at == {"report": START}
    it.clock.advance_to(START + 5_000)
    inbound = Inbound("in-1", "+447700900077", None, "hello", None, {}, "k-1")
    accept.accept_inbound(it.runtime, "front-desk", inbound, {})
    it.report("gw-1", "sent")  # a copy
    assert heard(it).at == {"report": START + 5_000, "inbound": START + 5_000}


def test_a_report_of_a_message_that_is_none_of_ours(it: Project) -> None:
    it.run("send")
    it.report("somebody-elses", "delivered")
    assert heard(it).at == {"report": START, "unknown_message": START}


def test_a_status_that_nobody_knows(it: Project) -> None:
    it.run("send")
    for number in range(3):
        it.report("gw-1", "unknown", raw_status="BUFFERED", key=f"{number}")
    it.report("gw-1", "unknown", raw_status="BUFFERED", key="2")
    assert heard(it).at.keys() == {"report", "unknown_status"}
    assert heard(it).unknown_statuses == (("BUFFERED", 4, START),)


def test_an_answer_to_our_question_is_no_call(it: Project) -> None:
    it.run("send")
    it.clock.advance_to(START + 1)
    accept.accept_report(
        it.runtime, "front-desk", a_report("gw-1", "unknown", raw_status="HELD"), {}, asked=True
    )
    assert heard(it).at.keys() == {"unknown_status"}


def test_a_burst_writes_once_a_second(it: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def put(conn: Connection, connection: str, kind: str, now: int, word: str = "") -> None:
        written.append(kind)
        put_heard(conn, connection, kind, now, word)

    monkeypatch.setattr("ringback.journal.heard.put_heard", put)
    it.run("send")
    for number in range(50):
        it.report("gw-1", "sent", key=f"{number}")
    assert written == ["report"]
    it.clock.advance_to(START + hearing.EXACT_MS)
    it.report("gw-1", "sent", key="50")
    assert written == ["report", "report"]
    assert heard(it).at == {"report": START + hearing.EXACT_MS}


def test_a_write_that_is_run_again_notes_it_all_the_same(it: Project) -> None:
    it.run("send")
    it.runtime.journal = RepeatingJournal(it.runtime.journal)  # type: ignore[assignment]
    it.report("gw-1", "unknown", raw_status="HELD")
    assert heard(it).at == {"report": START, "unknown_status": START}
    assert heard(it).unknown_statuses == (("HELD", 1, START),)
