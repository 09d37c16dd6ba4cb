"""The front door of the engine: what comes in is kept, and opens its run, before anybody is told so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ringback.connectors.callbacks import Report
from ringback.engine import opening
from ringback.engine.inbound import accept_inbound
from ringback.engine.runtime import Runtime
from ringback.engine.settle import cancel, settle
from ringback.ids import new_id
from ringback.journal import events, runs
from ringback.sdk import File
from ringback.sms import optout, reports
from ringback.sms.gate import as_told
from ringback.workflow.model import TriggerUse, Workflow

__all__ = [
    "Receipt", "accept", "accept_inbound", "accept_report", "cancel", "settle", "start_manual", "wait_finished",
]  # fmt: skip


class Receipt(NamedTuple):
    """What an event's sender is told. `run_id` is empty only for a copy of an event that opened none."""

    run_id: str
    event_id: str
    duplicate: bool


def accept(
    runtime: Runtime,
    workflow: Workflow,
    trigger_index: int,
    data: Mapping[str, Any],
    *,
    source: str,
    key: str | None,
    kind: str,
    files: Sequence[File] = (),
) -> Receipt:
    """Keep an event and open its run: on disk when this returns, and on its way to the executor.

    `key` tells copies of one event from `source` apart from other events; None means there are no copies.
    A copy gets the first one's receipt. Raises `Failure("internal")` when it could not be kept.
    """
    event = opening.Event(kind, source, key, runtime.masks.value(data))
    plan = opening.plan(runtime, workflow, trigger_index, event)
    made = runtime.journal.write(
        lambda conn: opening.open_event(conn, runtime, plan, event, uploads=files)
    )
    opening.opened(runtime, made)
    return Receipt(made.run_id, made.event_id, made.duplicate)


def start_manual(
    runtime: Runtime,
    workflow: Workflow,
    data: Mapping[str, Any],
    files: Mapping[str, File] | None = None,
) -> Receipt:
    """A person starts a run. `data` becomes `trigger.data`, `files` `trigger.files`."""
    files = files or {}
    index = next(
        (at for at, use in enumerate(workflow.triggers) if _source(runtime, use) == "manual"), 0
    )
    whole = {"data": dict(data), "files": dict(files)}
    return accept(
        runtime,
        workflow,
        index,
        whole,
        source="manual",
        key=None,
        kind="manual",
        files=list(files.values()),
    )


def accept_report(runtime: Runtime, connection: str, report: Report, raw: Any) -> str:
    """Keep a delivery report, fold it into its message, and let who waits for it go on. Returns the event's id.

    A copy changes nothing. Raises `Failure("internal")` when it could not be kept.
    """
    now = runtime.clock.now_ms()
    country = str(runtime.settings.project.get("country") or "")
    source = f"callback:{connection}"

    def write(conn: Connection) -> tuple[str, list[str], list[opening.Opened]]:
        added = events.add_event(
            conn,
            id=new_id("evt"),
            source=source,
            key=report.key,
            workflow=None,
            kind="report",
            data={"connection": connection, "raw": raw},
            received_at=now,
        )
        if added.duplicate:
            return added.id, [], []
        applied = reports.apply_report(conn, connection, report, added.id, country, now)
        number = applied.message.number_to if applied.message else as_told(report.number, country)
        optout.learn(conn, report.code, number, connection, report.detail or report.raw_status, now)
        message = reports.as_output(applied.message) if applied.message is not None else {}
        data = {
            "message": message,
            "status": report.status,
            "raw": raw,
            "connection": connection,
        }
        event = opening.Event("report", source, report.key, data)
        wanted = _wanted(runtime, "report", connection, {"status": report.status})
        made = _open_each(conn, runtime, wanted, event)
        return added.id, applied.woken, made

    event_id, woken, made = runtime.journal.write(write)
    opening.woken(runtime, woken)
    for one in made:
        opening.opened(runtime, one)
    return event_id


def wait_finished(runtime: Runtime, run_id: str, timeout_ms: int) -> bool:
    """Wait until a run that this process advances has ended; False when the time is up first."""
    ended = runtime.watch(run_id)
    try:
        with runtime.journal.read() as conn:
            run = runs.get_run(conn, run_id)
        if run is None or run.finished:
            return run is not None
        return ended.wait(timeout_ms / 1000)
    finally:
        runtime.unwatch(run_id, ended)


def _source(runtime: Runtime, use: TriggerUse) -> str:
    trigger = runtime.catalogue.trigger(use.uses)
    return trigger.source if trigger is not None else ""


def _open_each(
    conn: Connection,
    runtime: Runtime,
    wanted: Sequence[tuple[Workflow, int]],
    event: opening.Event,
) -> list[opening.Opened]:
    """Open the runs of one event that several workflows listen for."""
    made = []
    for workflow, index in wanted:
        plan = opening.plan(runtime, workflow, index, event)
        own = event._replace(source=f"{event.source}:{workflow.id}:{index}")
        made.append(opening.open_event(conn, runtime, plan, own))
    return made


def _wanted(
    runtime: Runtime, source: str, connection: str, said: Mapping[str, str]
) -> list[tuple[Workflow, int]]:
    """The triggers of a source that listen for this connection and status."""
    return [
        (workflow, workflow.triggers.index(use))
        for workflow, use in runtime.workflows.triggers(source)
        if use.with_.get("connection") in (None, connection) and _fits(use, said)
    ]


def _fits(use: TriggerUse, said: Mapping[str, str]) -> bool:
    statuses = _listed(use.with_.get("status"))
    return not statuses or "status" not in said or said["status"] in statuses


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
