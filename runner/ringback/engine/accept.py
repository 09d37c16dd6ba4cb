"""The front door of the engine: what comes in is kept, and opens its run, before anybody is told so."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ringback.engine import claims, opening
from ringback.engine.inbound import accept_inbound
from ringback.engine.reported import accept_report
from ringback.engine.runtime import Runtime
from ringback.engine.settle import cancel, settle
from ringback.journal import audit, runs
from ringback.journal.audit import Actor
from ringback.sdk import File
from ringback.workflow.model import TriggerUse, Workflow

__all__ = [
    "Receipt", "accept", "accept_inbound", "accept_report", "cancel", "settle", "start_manual", "wait_finished",
]  # fmt: skip


_LOOK_S = 0.02
_LOOK_AT_LEAST_S = 0.5


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
    by: Actor | None = None,
) -> Receipt:
    """Keep an event and open its run: on disk when this returns, and on its way to the executor.

    `key` tells copies of one event from `source` apart from other events; None means there are no copies.
    A copy gets the first one's receipt. `by` is who started it by hand, for the audit trail. Raises `Failure("internal")` when it could not be kept.
    """
    event = opening.Event(kind, source, key, runtime.masks.value(data))
    plan = opening.plan(runtime, workflow, trigger_index, event)

    def write(conn: Connection) -> opening.Opened:
        made = opening.open_event(conn, runtime, plan, event, uploads=files)
        if by is not None and not made.duplicate:
            now = runtime.clock.now_ms()
            audit.add(conn, by, "run.started", made.run_id, now, {"workflow": workflow.id})
        return made

    made = claims.keep(runtime, write)
    opening.opened(runtime, made)
    return Receipt(made.run_id, made.event_id, made.duplicate)


def start_manual(
    runtime: Runtime,
    workflow: Workflow,
    data: Mapping[str, Any],
    files: Mapping[str, File] | None = None,
    *,
    by: Actor,
) -> Receipt:
    """Somebody starts a run by hand. `data` becomes `trigger.data`, `files` `trigger.files`."""
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
        by=by,
    )


def wait_finished(runtime: Runtime, run_id: str, timeout_ms: int) -> bool:
    """Wait until a run has ended, whichever process advances it; False when the time is up first.

    One that ends here is told at once. The journal is asked for one that may end elsewhere, less and less often.
    """
    ended = runtime.watch(run_id)
    gives_up, pause = time.monotonic() + timeout_ms / 1000, _LOOK_S
    try:
        while True:
            with runtime.journal.read() as conn:
                run = runs.get_run(conn, run_id)
            if run is None or run.finished:
                return run is not None
            left = gives_up - time.monotonic()
            if left <= 0:
                return False
            if ended.wait(min(pause, left)):
                return True
            pause = min(pause * 1.5, _LOOK_AT_LEAST_S)
    finally:
        runtime.unwatch(run_id, ended)


def _source(runtime: Runtime, use: TriggerUse) -> str:
    trigger = runtime.catalogue.trigger(use.uses)
    return trigger.source if trigger is not None else ""
