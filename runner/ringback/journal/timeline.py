"""The story of a run: everything that a person wants of it, for the command line and the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

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
from ringback.journal.runs import Run


def run_story(conn: Connection, run_id: str) -> dict[str, Any] | None:
    """One run with its event, steps, notes, messages and their reports, files, waits and called runs; None when there is none.

    The values are JSON-able; times are milliseconds since the epoch. `timeline` tells it in order:
    `{"at", "what", "path", "text", ...}`, where `what` is event, run, step, note, message or report.
    """
    run = runs.get_run(conn, run_id)
    if run is None:
        return None
    event = events.get_event(conn, run.event_id)
    definition = definitions.get_definition(conn, run.definition)
    story: dict[str, Any] = {
        "run": {**run._asdict(), "workflow_name": definition.name if definition else run.workflow},
        "event": event._asdict() if event else None,
        "steps": [step._asdict() for step in steps.of_run(conn, run_id)],
        "notes": [
            {**note._asdict(), "facts": dict(note.facts)} for note in notes.of_run(conn, run_id)
        ],
        "messages": [
            {
                **messages.shown(message),
                "reports": [report._asdict() for report in reports.of_message(conn, message.id)],
            }
            for message in messages.of_run(conn, run_id)
        ],
        "files": [dict(file) for file in files.of_run(conn, run_id)],
        "waits": [wait._asdict() for wait in waits.of_run(conn, run_id)],
        "children": [
            {
                "id": child.id,
                "workflow": child.workflow,
                "state": child.state,
                "step": child.parent_step,
            }
            for child in runs.children(conn, run_id)
        ],
    }
    story["timeline"] = sorted(_lines(run, story), key=lambda line: line["at"])
    return story


def _lines(run: Run, story: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines of the timeline; those of one moment in the order in which they can have happened."""
    if story["event"]:
        event = story["event"]
        yield _line(event["received_at"], "event", None, f"{event['kind']} from {event['source']}")
    if run.started_at is not None:
        yield _line(run.started_at, "run", None, "started")
    for step in story["steps"]:
        yield _line(step["started_at"], "step", step["path"], f"{step['uses']} began")
    for note in story["notes"]:
        yield _line(note["at"], "note", note["path"], note["message"], facts=note["facts"])
    for message in story["messages"]:
        yield _line(
            message["created_at"],
            "message",
            message["step_path"],
            message["text"],
            message=message["id"],
            to=message["number_to"],
        )
        yield from _before_sending(message)
        contradicts = _contradictions(message)
        for heard in message["reports"]:
            yield _line(
                heard["received_at"],
                "report",
                message["step_path"],
                heard["status"],
                message=message["id"],
                detail=heard["detail"],
                cost=" ".join(filter(None, [heard["cost"], heard["currency"]])) or None,
                contradicts=contradicts.get(
                    (heard["status"], heard["gateway_id"], heard["at"], heard["part"])
                ),
            )
    for step in story["steps"]:
        if step["finished_at"] is not None:
            ended = f"{step['uses']} {step['state']}"
            yield _line(step["finished_at"], "step", step["path"], ended, error=step["error"])
    if run.finished_at is not None:
        yield _line(run.finished_at, "run", None, run.state, error=run.error)


def _before_sending(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was known of a message before it went: its size and price, and what the gate said."""
    head: dict[str, Any] = next(iter(message["timeline"]), {})
    at, path = message["created_at"], message["step_path"]
    if "size" in head:
        facts = {name: value for name, value in head["size"].items() if name != "says"}
        yield _line(at, "note", path, head["size"]["says"], facts={}, size=facts)
    if "gate" in head:
        said = "; ".join(f"{one['check']}: {one['detail']}" for one in head["gate"])
        yield _line(at, "note", path, f"The gate: {said}", facts={}, gate=head["gate"])


def _contradictions(message: dict[str, Any]) -> dict[tuple[Any, ...], str]:
    """Which earlier end the reports of a message contradict: by their status, id, time told and part."""
    return {
        (
            entry["status"],
            entry.get("gateway_id"),
            entry["at"] if entry.get("told") else None,
            entry.get("part"),
        ): entry["contradicts"]
        for entry in message["timeline"]
        if "contradicts" in entry
    }


def _line(at: int, what: str, path: str | None, text: str, **more: Any) -> dict[str, Any]:
    kept = {key: value for key, value in more.items() if value not in (None, {})}
    return {"at": at, "what": what, "path": path, "text": text, **kept}
