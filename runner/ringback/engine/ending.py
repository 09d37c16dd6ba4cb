"""A run ends: who waited for it goes on, who queued behind it begins, and who watches for failures hears of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ringback.engine import concurrency, opening
from ringback.engine.runtime import Runtime
from ringback.engine.walk import Walk, plain
from ringback.journal import runs

_CHAIN = "after"


def finish(
    walk: Walk, state: str, *, error: dict[str, Any] | None = None, result: Any = None
) -> None:
    """End the run that is being walked, for good."""
    runtime, run, now = walk.runtime, walk.run, walk.now
    handlers = failure_runs(walk, error or {}) if state == "failed" else []
    shown_result, shown_error = runtime.masks.value(plain(result)), runtime.masks.value(error)
    rule = walk.workflow.concurrency

    def write(conn: Connection) -> tuple[list[str], list[opening.Opened]]:
        runs.finish(conn, walk.lease, state, now, result=shown_result, error=shown_error)
        woken = opening.wake_callers(conn, run.id, now) if run.parent_run is not None else []
        if run.concurrency_key is not None:
            woken += concurrency.release(conn, rule, run.concurrency_key, now)
        return woken, [opening.open_event(conn, runtime, plan, event) for plan, event in handlers]

    woken, opened = walk.end_with(write)
    runtime.ended(run.id)
    opening.woken(runtime, woken)
    for one in opened:
        opening.opened(runtime, one)


def failure_runs(walk: Walk, error: dict[str, Any]) -> list[tuple[opening.Plan, opening.Event]]:
    """The runs that a failed run starts.

    A workflow that stands anywhere in the chain of failures which led here is not started again, so two
    that watch each other do not go on for ever.
    """
    runtime = walk.runtime
    watching = runtime.workflows.triggers("failure")
    if not watching:
        return []
    before = walk.data.get(_CHAIN, []) if walk.kind == "failure" else []
    chain = [*before, walk.workflow.id]
    data = {
        "run": walk.run.id,
        "workflow": walk.workflow.id,
        "error": error,
        "trigger": walk.data,
        _CHAIN: chain,
    }
    found = []
    for workflow, use in watching:
        wanted = use.with_.get("workflows") or []
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if workflow.id in chain or (wanted and walk.workflow.id not in wanted):
            continue
        index = workflow.triggers.index(use)
        event = opening.Event("failure", "failure", f"{walk.run.id}:{workflow.id}:{index}", data)
        found.append((opening.plan(runtime, workflow, index, event), event))
    return found


def end_free(
    runtime: Runtime, conn: Connection, run: runs.Run, state: str, now: int
) -> list[str] | None:
    """End a run that nobody holds, inside a write; the runs to wake, or None when it is held or has ended."""
    if not runs.finish_free(conn, run.id, state, now):
        return None
    woken = opening.wake_callers(conn, run.id, now)
    if run.concurrency_key is not None:
        known = runtime.workflows.by_id.get(run.workflow)
        rule = known.concurrency if known else None
        woken += concurrency.release(conn, rule, run.concurrency_key, now)
    return woken
