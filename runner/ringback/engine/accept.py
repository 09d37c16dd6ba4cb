"""The front door of the engine: what comes in is kept, and opens its run, before anybody is told so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ringback.engine import opening
from ringback.engine.inbound import accept_inbound
from ringback.engine.reported import accept_report
from ringback.engine.runtime import Runtime
from ringback.engine.settle import cancel, settle
from ringback.journal import runs
from ringback.sdk import File
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
