"""The story of a run has everything, in order, and is JSON."""

from __future__ import annotations

import json

from sqlalchemy import Connection
from tests.journal.rows import HAS_ALL, NOW, a_message, a_step, add_event, add_run, held_run

from ringback.journal import (
    definitions,
    events,
    files,
    messages,
    notes,
    reports,
    runs,
    steps,
    waits,
)
from ringback.journal.journal import Journal
from ringback.journal.timeline import run_story


def test_no_run_no_story(journal: Journal) -> None:
    with journal.read() as conn:
        assert run_story(conn, "run_none") is None


def test_the_whole_story(journal: Journal) -> None:
    message = a_message(step_path="confirmation", created_at=NOW + 2)

    def live(conn: Connection) -> runs.Lease:
        version = definitions.Definition("d" * 64, "enrolment", "Enrolment", "name: …", NOW)
        definitions.add_definition(conn, version)
        lease = held_run(conn)
        run = runs.get_run(conn, lease.run_id)
        assert run is not None
        file = {"name": "form.docx", "size": 3, "media_type": "text/plain", "sha256": "0" * 64}
        files.keep_file(conn, HAS_ALL, file, NOW, event_id=run.event_id)  # type: ignore[arg-type]
        steps.put(conn, lease, a_step(started_at=NOW + 1))
        notes.add_notes(conn, lease.run_id, [notes.Note(NOW + 1, "read 2 fields", "agreement")])
        messages.add_message(conn, message._replace(run_id=lease.run_id))
        sent = a_step(state="succeeded", started_at=NOW + 1, finished_at=NOW + 3)
        steps.put(conn, lease, sent)
        heard = add_event(conn, source="callback:front-desk", at=NOW + 8).id
        report = reports.Report(
            "rep_1", heard, "front-desk", "delivered", NOW + 8, message_id=message.id, raw={"a": 1}
        )
        reports.add_report(conn, report)
        waits.put_wait(conn, waits.Wait(lease.run_id, "delivery", "delivery", message.id, NOW + 99))
        add_run(conn, parent_run=lease.run_id, parent_step="call", workflow="thanks")
        return lease

    lease = journal.write(live)
    with journal.read() as conn:
        story = run_story(conn, lease.run_id)
    assert story is not None
    json.dumps(story)
    assert story["run"]["workflow_name"] == "Enrolment"
    assert story["event"]["data"] == {"body": {"name": "Amina"}}
    assert [file["name"] for file in story["files"]] == ["form.docx"]
    assert [wait["key"] for wait in story["waits"]] == [message.id]
    assert [child["workflow"] for child in story["children"]] == ["thanks"]
    assert [report["raw"] for report in story["messages"][0]["reports"]] == [{"a": 1}]

    journal.write(lambda conn: runs.finish(conn, lease, "succeeded", NOW + 9))
    with journal.read() as conn:
        ended = run_story(conn, lease.run_id)
        assert ended is not None
        assert events.get_event(conn, ended["event"]["id"])
    assert [(line["at"] - NOW, line["what"], line["text"]) for line in ended["timeline"]] == [
        (0, "event", "webhook from hook:enrolments"),
        (0, "run", "started"),
        (1, "step", "sms.send began"),
        (1, "note", "read 2 fields"),
        (2, "message", "Hi Amina"),
        (3, "step", "sms.send succeeded"),
        (8, "report", "delivered"),
        (9, "run", "succeeded"),
    ]


def test_a_contradiction_is_told_with_its_report(journal: Journal) -> None:
    entry = {"at": NOW, "heard_at": NOW, "status": "failed", "gateway_id": "g1"}
    message = a_message(
        run_id="run_1",
        timeline=(
            {**entry, "status": "delivered"},
            {**entry, "told": True, "contradicts": "delivered"},
        ),
    )

    def live(conn: Connection) -> str:
        run = add_run(conn)
        messages.add_message(conn, message._replace(run_id=run))
        for number, (status, at) in enumerate([("delivered", None), ("failed", NOW)]):
            heard = reports.Report(f"rep_{number}", "evt_1", "front-desk", status, NOW, "g1", message.id, at=at)  # fmt: skip
            reports.add_report(conn, heard)
        return run

    run = journal.write(live)
    with journal.read() as conn:
        story = run_story(conn, run)
    assert story is not None
    told = [line for line in story["timeline"] if line["what"] == "report"]
    assert [line.get("contradicts") for line in told] == [None, "delivered"]
