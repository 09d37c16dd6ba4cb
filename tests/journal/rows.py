"""Rows with everything filled in that a test does not care about."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection

from ringback.ids import new_id
from ringback.journal import events, messages, runs, steps

NOW = 1_700_000_000_000
HAS_ALL: Any = SimpleNamespace(confirm=lambda _sha256: None)
"""A store of files that has whatever a row speaks of."""


def add_event(
    conn: Connection, *, source: str = "hook:enrolments", key: str | None = None, at: int = NOW
) -> events.Added:
    return events.add_event(
        conn,
        id=new_id("evt"),
        source=source,
        key=key,
        workflow="enrolment",
        kind="webhook",
        data={"body": {"name": "Amina"}},
        received_at=at,
    )


def add_run(conn: Connection, *, event: str | None = None, **given: Any) -> str:
    values: dict[str, Any] = {
        "id": new_id("run"),
        "event_id": event or add_event(conn).id,
        "workflow": "enrolment",
        "definition": "d" * 64,
        "trigger": 0,
        "inputs": {},
        "created_at": NOW,
        "wake_at": NOW,
    }
    values.update(given)
    runs.add_run(conn, **values)
    run: str = values["id"]
    return run


def held_run(conn: Connection, holder: str = "anna", **given: Any) -> runs.Lease:
    return runs.Lease(add_run(conn, holder=holder, **given), holder, 1)


def a_step(path: str = "confirmation", **given: Any) -> steps.Step:
    values: dict[str, Any] = {
        "path": path,
        "id": path,
        "uses": "sms.send",
        "state": "intended",
        "attempt": 1,
        "effect": "once",
        "started_at": NOW,
    }
    return steps.Step(**{**values, **given})


def a_message(**given: Any) -> messages.Message:
    values: dict[str, Any] = {
        "id": new_id("msg"),
        "direction": "out",
        "connection": "front-desk",
        "text": "Hi Amina",
        "status": "accepted",
        "created_at": NOW,
        "updated_at": NOW,
        "number_to": "+447700900077",
    }
    return messages.Message(**{**values, **given})
