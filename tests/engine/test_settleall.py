"""One decision for many uncertain steps, each settled by itself and on the record."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.bench import NUMBER, PROJECT, SOMEBODY, START, Project, workflow
from tests.engine.conftest import Open as Make

from ringback.engine.settleall import Open, open_steps, settle_all
from ringback.journal import audit
from ringback.problems import Failure

LOST = Failure("no_answer", "It did not answer.")
SEND = {"id": "m", "uses": "sms.send", "with": {"to": NUMBER, "text": "Hi"}}
BACKUP = {**SEND, "with": {**SEND["with"], "send_through": "backup"}}  # type: ignore[dict-item]


@pytest.fixture
def it(project: Make) -> Project:
    return project(front=workflow([SEND]), back=workflow([BACKUP]), project=PROJECT)


def lose(it: Project, name: str, minutes: int = 0) -> str:
    it.clock.advance_to(START + minutes * 60_000)
    it.gateway.outcomes = [LOST]
    run_id = it.begin(name)
    it.now()
    assert it.get(run_id).state == "uncertain"
    return run_id


def found(it: Project, **wanted: Any) -> list[Open]:
    with it.runtime.journal.read() as conn:
        return open_steps(conn, **wanted)


def test_they_are_found_by_workflow_connection_and_time(it: Project) -> None:
    first, second, third = lose(it, "front"), lose(it, "back", 10), lose(it, "front", 20)
    assert [one.run_id for one in found(it)] == [first, second, third]
    assert [one.run_id for one in found(it, workflow="front")] == [first, third]
    assert [one.run_id for one in found(it, connection="backup")] == [second]
    assert [one.run_id for one in found(it, since=START + 600_000)] == [second, third]
    assert found(it, connection="backup", workflow="front") == []
    whole = found(it)[1]
    assert whole == Open(second, "m", "back", START + 600_000, "backup", NUMBER)


def test_all_of_them_are_settled_and_each_is_on_the_record(it: Project) -> None:
    several = [lose(it, "front") for _ in range(3)]
    assert [one.run_id for one in settle_all(it.runtime, found(it), "sent", by=SOMEBODY)] == several
    assert found(it) == []
    it.now()
    assert {it.get(run_id).state for run_id in several} == {"succeeded"}
    with it.runtime.journal.read() as conn:
        kept, _ = audit.page(conn, actions=("run.settled",), limit=10)
    assert sorted(one.object for one in kept) == several
    assert len(it.gateway.texts) == 3


def test_again_sends_again_and_what_is_settled_meanwhile_is_left_out(it: Project) -> None:
    first, second = lose(it, "front"), lose(it, "front")
    before = found(it)
    assert settle_all(it.runtime, before[:1], "sent", by=SOMEBODY) == before[:1]
    assert settle_all(it.runtime, before, "again", by=SOMEBODY) == before[1:]
    it.now()
    assert [it.get(run_id).state for run_id in (first, second)] == ["succeeded", "succeeded"]
    assert len(it.gateway.texts) == 3


def test_more_than_a_page_of_them(it: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.engine.settleall._PAGE", 2)
    several = [lose(it, "front") for _ in range(5)]
    assert [one.run_id for one in found(it)] == several
