"""Many uncertain steps at once, after a gateway's bad hour: which there are, and one decision for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from ringback.engine.runtime import Runtime
from ringback.engine.settle import settle
from ringback.journal import messages, runs, steps
from ringback.journal.audit import Actor

_PAGE = 200


class Open(NamedTuple):
    """A step of which nobody knows whether it happened. Of one that texts: the `connection` and the `number`."""

    run_id: str
    path: str
    workflow: str
    at: int
    """When its last attempt began, ms."""
    connection: str | None = None
    number: str | None = None


def open_steps(
    conn: Connection,
    *,
    workflow: str | None = None,
    connection: str | None = None,
    since: int | None = None,
) -> list[Open]:
    """The uncertain steps, the oldest run's first: of one workflow, through one connection, begun since then (ms).

    Runs that were put down as a whole are not among them.
    """
    found, before = [], None
    while True:
        page = runs.list_runs(conn, workflow=workflow, states=("uncertain",), before=before, limit=_PAGE)  # fmt: skip
        for run in page.runs:
            found += [_open(conn, run, step) for step in steps.of_run(conn, run.id) if step.state == "uncertain"]  # fmt: skip
        before = page.cursor
        if before is None:
            break
    return [
        one
        for one in sorted(found)
        if connection in (None, one.connection) and (since is None or one.at >= since)
    ]


def settle_all(
    runtime: Runtime, several: Sequence[Open], decision: Literal["sent", "again"], *, by: Actor
) -> list[Open]:
    """Settle each of these, in a write and with an entry in the audit trail of its own; those that still were open."""
    return [one for one in several if settle(runtime, one.run_id, one.path, decision, by=by)]


def _open(conn: Connection, run: runs.Run, step: steps.Step) -> Open:
    sent = messages.of_step(conn, run.id, step.path)
    last = sent[-1] if sent else None
    return Open(
        run.id,
        step.path,
        run.workflow,
        last.updated_at if last else step.started_at,
        last.connection if last else None,
        last.number_to if last else None,
    )
