"""A run ends: who waited for it goes on, who queued behind it begins, and who watches for failures hears of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from ringback.engine import concurrency, opening
from ringback.engine.runtime import Runtime
from ringback.engine.walk import Walk, plain
from ringback.journal import events, locks, runs
from ringback.journal.afterwards import once_kept
from ringback.journal.runs import Lease, LeaseLost
from ringback.observe.traces import origin
from ringback.problems import Failure

log = logging.getLogger(__name__)
T = TypeVar("T")
Told = Sequence[tuple[opening.Plan, opening.Event]]
"""The runs that start since another has failed."""


def finish(
    walk: Walk, state: str, *, error: dict[str, Any] | None = None, result: Any = None
) -> None:
    """End the run that is being walked, for good."""
    runtime, run, now = walk.runtime, walk.run, walk.now
    shown_result, shown_error = runtime.masks.value(plain(result)), runtime.masks.value(error)
    handlers: Told = []
    if state == "failed":
        failed = opening.Failed(run.id, run.workflow, walk.kind, walk.data, shown_error or {})
        handlers = opening.failure_runs(runtime, failed)
    rule = walk.workflow.concurrency

    walk.guard(*ending_under(run, handlers))

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


def ending_under(run: runs.Run, told: Told = ()) -> list[locks.Lock]:
    """The locks under which a run ends: who waits for its end or its place is woken, or comes too late to wait."""
    held = [locks.call(run.id), *(one for plan, _ in told for one in opening.locks_of(plan))]
    if run.concurrency_key is not None:
        held.append(locks.concurrency(run.concurrency_key))
    return held


def surely(end: Callable[[bool], T]) -> T:
    """What `end(True)` gives, which ends a run and tells who watches for failures; where that breaks, `end(False)`,
    which ends it and tells nobody.

    Raises `LeaseLost`, and `Failure("internal")` where the journal could not be written.
    """
    try:
        return end(True)
    except LeaseLost:
        raise
    except Exception as error:
        if isinstance(error, Failure) and error.code == "internal":
            raise
        log.exception("Who watches for failures could not be told of one")
        return end(False)


def end_free(
    runtime: Runtime,
    conn: Connection,
    run: runs.Run,
    state: str,
    now: int,
    *,
    error: dict[str, Any] | None = None,
    tell: bool = True,
) -> list[str] | None:
    """End a run that nobody holds, inside a write; the runs to wake, or None when it is held or has ended.

    Who watches for failures hears of one that a person gave up (`tell`): it may not be the same person.
    """
    told = _to_tell(runtime, conn, run, state, error) if tell else []
    locks.hold(conn, *ending_under(run, told))
    if not runs.finish_free(conn, run.id, state, now, error=error):
        return None
    return _let_go(runtime, conn, run, state, now, told)


def end_held(
    runtime: Runtime,
    conn: Connection,
    lease: Lease,
    state: str,
    now: int,
    *,
    error: dict[str, Any] | None = None,
    tell: bool = True,
) -> list[str]:
    """End a run that we hold but cannot walk, inside a write; the runs to wake. Raises `LeaseLost`.

    Who watches for failures hears of it (`tell`), whether Ringback broke over it or the version of its workflow
    cannot be read; its own `on_failure` is not walked.
    """
    run = runs.get_run(conn, lease.run_id)
    if run is None:
        raise LeaseLost(lease)
    told = _to_tell(runtime, conn, run, state, error) if tell else []
    locks.hold(conn, *ending_under(run, told))
    runs.finish(conn, lease, state, now, error=error)
    return _let_go(runtime, conn, run, state, now, told)


def _to_tell(
    runtime: Runtime, conn: Connection, run: runs.Run, state: str, error: dict[str, Any] | None
) -> Told:
    """The runs that start since this one has failed. Breaks where the event that it began with cannot be read: the
    chain of failures that led here is not known then, and might go on for ever."""
    if state != "failed" or not runtime.workflows.triggers("failure"):
        return []
    began = events.get_event(conn, run.event_id)
    if began is None:
        raise LookupError(f"The event of {run.id} is gone.")
    failed = opening.Failed(run.id, run.workflow, began.kind, began.data, error or {})
    return opening.failure_runs(runtime, failed)


def _let_go(
    runtime: Runtime, conn: Connection, run: runs.Run, state: str, now: int, told: Told
) -> list[str]:
    """Who waited for a run that has ended without being walked to its end, who queued behind it, and who is told."""
    once_kept(conn, partial(ended, runtime, run, state, now))
    woken = opening.wake_callers(conn, run.id, now)
    if run.concurrency_key is not None:
        known = runtime.workflows.by_id.get(run.workflow)
        rule = known.concurrency if known else None
        woken += concurrency.release(conn, rule, run.concurrency_key, now)
    opening.tell_failure(conn, runtime, told)
    return woken
