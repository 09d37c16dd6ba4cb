"""A run ends: who waited for it goes on, who queued behind it begins, and who watches for failures hears of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import Connection

from ringback.engine import concurrency, opening
from ringback.engine.runtime import Runtime
from ringback.engine.walk import Walk, plain
from ringback.journal import locks, runs
from ringback.journal.afterwards import once_kept
from ringback.journal.runs import Lease, LeaseLost
from ringback.observe.traces import origin

_CHAIN = "after"


def finish(
    walk: Walk, state: str, *, error: dict[str, Any] | None = None, result: Any = None
) -> None:
    """End the run that is being walked, for good."""
    runtime, run, now = walk.runtime, walk.run, walk.now
    handlers = failure_runs(walk, error or {}) if state == "failed" else []
    shown_result, shown_error = runtime.masks.value(plain(result)), runtime.masks.value(error)
    rule = walk.workflow.concurrency

    walk.guard(*ending_under(run), *(one for plan, _ in handlers for one in opening.locks_of(plan)))

    def write(conn: Connection) -> tuple[list[str], list[opening.Opened]]:
        runs.finish(conn, walk.lease, state, now, result=shown_result, error=shown_error)
        woken = opening.wake_callers(conn, run.id, now) if run.parent_run is not None else []
        if run.concurrency_key is not None:
            woken += concurrency.release(conn, rule, run.concurrency_key, now)
        return woken, [opening.open_event(conn, runtime, plan, event) for plan, event in handlers]

    woken, opened = walk.end_with(write)
    ended(runtime, run, state, now)
    of = origin(run.id, walk.kind, walk.data)
    runtime.traces.ended(of, run.workflow, state, run.created_at * 1_000_000, now * 1_000_000)
    runtime.ended(run.id)
    opening.woken(runtime, woken)
    for one in opened:
        opening.opened(runtime, one)


def ended(runtime: Runtime, run: runs.Run, state: str, now: int) -> None:
    """Count a run that has ended."""
    runtime.metrics.count("runs_finished", run.workflow, state)
    runtime.metrics.observe("run_seconds", max(0, now - run.created_at) / 1000, run.workflow)


def ending_under(run: runs.Run) -> list[locks.Lock]:
    """The locks under which a run ends: who waits for its end or its place is woken, or comes too late to wait."""
    held = [locks.call(run.id)]
    if run.concurrency_key is not None:
        held.append(locks.concurrency(run.concurrency_key))
    return held


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
    runtime: Runtime,
    conn: Connection,
    run: runs.Run,
    state: str,
    now: int,
    *,
    error: dict[str, Any] | None = None,
) -> list[str] | None:
    """End a run that nobody holds, inside a write; the runs to wake, or None when it is held or has ended."""
    locks.hold(conn, *ending_under(run))
    if not runs.finish_free(conn, run.id, state, now, error=error):
        return None
    return _let_go(runtime, conn, run, state, now)


def end_held(
    runtime: Runtime,
    conn: Connection,
    lease: Lease,
    state: str,
    now: int,
    *,
    error: dict[str, Any] | None = None,
) -> list[str]:
    """End a run that we hold but cannot walk, inside a write; the runs to wake. Raises `LeaseLost`."""
    run = runs.get_run(conn, lease.run_id)
    if run is None:
        raise LeaseLost(lease)
    locks.hold(conn, *ending_under(run))
    runs.finish(conn, lease, state, now, error=error)
    return _let_go(runtime, conn, run, state, now)


def _let_go(runtime: Runtime, conn: Connection, run: runs.Run, state: str, now: int) -> list[str]:
    """Who waited for a run that has ended without being walked to its end, and who queued behind it."""
    once_kept(conn, partial(ended, runtime, run, state, now))
    woken = opening.wake_callers(conn, run.id, now)
    if run.concurrency_key is not None:
        known = runtime.workflows.by_id.get(run.workflow)
        rule = known.concurrency if known else None
        woken += concurrency.release(conn, rule, run.concurrency_key, now)
    return woken
