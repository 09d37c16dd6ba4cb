"""Callbacks in traces: each is linked to the runs that it is about."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from ringback.engine.runtime import Runtime
from ringback.journal import events, runs
from ringback.observe.traces import Origin, origin


def callback(
    runtime: Runtime, connection: str, kind: str, run_ids: Sequence[str], began: int
) -> None:
    """A gateway called back about these runs, at `began` (ns). Costs nothing where nothing is traced."""
    if runtime.traces.on:
        about = [origin_of(runtime, run_id) for run_id in dict.fromkeys(run_ids)]
        runtime.traces.callback(connection, kind, about, began)


def origin_of(runtime: Runtime, run_id: str) -> Origin:
    """What a run's trace is made from, by the journal."""

    def opened_by(conn: Connection) -> events.Event | None:
        run = runs.get_run(conn, run_id)
        return events.get_event(conn, run.event_id) if run is not None else None

    event = runtime.journal.look(opened_by)
    return origin(run_id, event.kind, event.data) if event is not None else Origin(run_id)
