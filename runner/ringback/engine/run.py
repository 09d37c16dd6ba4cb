"""The walk of one run, from where the journal says it stands to where it is put down or ends."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from ringback.engine import ending, media, opening, step
from ringback.engine.executor import Warm
from ringback.engine.runtime import Runtime
from ringback.engine.walk import Canceled, NotKept, Parked, Stopped, Walk
from ringback.journal import events, runs, steps
from ringback.journal.runs import Lease, LeaseLost
from ringback.journal.steps import Step as Row
from ringback.observe.here import working
from ringback.observe.traces import origin
from ringback.problems import Failure
from ringback.workflow.model import Workflow

log = logging.getLogger(__name__)

TRY_AGAIN_MS = 15_000
"""How long a run rests that could not be written down."""


def advance(runtime: Runtime, run_id: str, warm: Warm | None = None) -> bool:
    """Walk a run on: over its steps from the journal's results, until it ends or waits.

    With `warm` we hold the run and have walked none of it; else it is claimed first, and nothing happens
    where another holds it, it has ended or is not due: then False. Nothing is raised for what goes wrong in the
    run itself.
    """
    with working(run=run_id):
        return _advance(runtime, run_id, warm)


def _advance(runtime: Runtime, run_id: str, warm: Warm | None) -> bool:
    lease = warm.lease if warm is not None else None
    walk: Walk | None = None
    try:
        if warm is not None:
            walk = Walk(runtime, warm, {})
        else:
            lease = claim(runtime, run_id)
            if lease is None:
                return False
            walk = _open(runtime, lease)
        of = origin(run_id, walk.kind, walk.data)
        with working(workflow=walk.workflow.id), runtime.traces.work(of, walk.workflow.id):
            _drive(walk)
    except LeaseLost as lost:
        runtime.metrics.count("lease_losses")
        log.warning("Left a run alone: %s", lost)
        if walk is not None:
            _tell_facts(walk)
    except NotKept as error:
        log.error("%s is put off: %s", run_id, error)
        if walk is not None:
            _tell_facts(walk)
        _put_off(runtime, lease)
    except Exception as error:
        log.exception("%s broke", run_id)
        _give_up(runtime, lease, error)
    return True


def _tell_facts(walk: Walk) -> None:
    try:
        walk.lost()
    except NotKept as error:
        log.error("What %s did last could not be kept: %s", walk.run.id, error)


def claim(runtime: Runtime, run_id: str) -> Lease | None:
    """Take a run that is free. Raises `NotKept` where the journal fails."""
    now = runtime.clock.now_ms()
    tried: list[Lease | None] = []

    def write(conn: Connection) -> Lease | None:
        tried.append(runs.claim(conn, run_id, runtime.holder, now))
        return tried[-1]

    try:
        return runtime.journal.write(write)
    except Failure as failure:
        if tried:  # it may have been kept all the same, and then nobody would walk what we hold
            _put_off(runtime, tried[-1])
        raise NotKept(str(failure)) from failure


def _open(runtime: Runtime, lease: Lease) -> Walk:
    """The run as the journal has it."""

    def everything(conn: Connection) -> tuple[runs.Run | None, events.Event | None, list[Row]]:
        run = runs.get_run(conn, lease.run_id)
        event = events.get_event(conn, run.event_id) if run is not None else None
        return run, event, steps.of_run(conn, lease.run_id)

    try:
        run, event, done = runtime.journal.look(everything)
    except Failure as failure:
        raise NotKept(str(failure)) from failure
    if run is None or event is None:
        raise LeaseLost(lease)
    workflow = _definition(runtime, run.definition)
    rows = {row.path: row for row in done}
    return Walk(runtime, Warm(lease, run, event.data, event.kind, workflow), rows)


def _definition(runtime: Runtime, content_hash: str) -> Workflow:
    try:
        return runtime.definition(content_hash)
    except Failure as failure:
        if failure.code != "internal":
            raise
        raise NotKept(str(failure)) from failure


def _drive(walk: Walk) -> None:
    try:
        if walk.run.cancel:
            raise Canceled
        if walk.kind == "inbound":
            media.fetch(walk)
        _walk(walk)
    except Parked:
        return
    except Canceled:
        ending.finish(walk, "canceled")


def _walk(walk: Walk) -> None:
    try:
        result = step.walk_steps(walk, walk.workflow.steps, "", "")
    except Stopped as stopped:
        if not stopped.failed:
            ending.finish(walk, "stopped", result={"reason": stopped.reason})
            return
        error = Failure("refused", stopped.reason or "A step stopped the run.").as_json()
    except Failure as failure:
        error = error_of(failure)
    else:
        ending.finish(walk, "succeeded", result=result)
        return
    _after_failure(walk, error)


def _after_failure(walk: Walk, error: dict[str, Any]) -> None:
    walk.scope["error"] = error
    try:
        step.walk_steps(walk, walk.workflow.on_failure, "", "")
    except Stopped as stopped:
        walk.note(None, f"on_failure stopped: {stopped.reason}")
    except Failure as failure:
        walk.note(None, f"on_failure failed too: {failure}", {"code": failure.code})
    ending.finish(walk, "failed", error=error)


def error_of(failure: Failure) -> dict[str, Any]:
    """A failure as a run keeps it: with the step that failed."""
    error = failure.as_json()
    detail = {key: value for key, value in failure.detail.items() if key != "_step"}
    error.pop("detail", None)
    if detail:
        error["detail"] = detail
    error["step"] = failure.detail.get("_step")
    return error


def _put_off(runtime: Runtime, lease: Lease | None) -> None:
    """Try to put the run down for a while; where even that cannot be written, the executor tries later."""
    if lease is None:
        return
    wake_at = runtime.clock.now_ms() + TRY_AGAIN_MS
    try:
        runtime.journal.write(lambda conn: runs.park(conn, lease, "queued", wake_at))
        runtime.executor.notify(wake_at)
    except LeaseLost:
        return
    except Failure:
        runtime.stuck.append(lease)


def unstick(runtime: Runtime) -> None:
    """Put down the runs that could not be put down before."""
    for _ in range(len(runtime.stuck)):  # one that cannot be put down now stands at its end again
        _put_off(runtime, runtime.stuck.pop(0))


def _give_up(runtime: Runtime, lease: Lease | None, error: Exception) -> None:
    """Our own mistake: the run has failed, says so, and who watches for failures hears of it if at all possible."""
    if lease is None:
        return
    said = Failure(
        "internal",
        f"Ringback broke while running this: {type(error).__name__}: {error}.",
        "Please report it with the traceback from the log.",
    )
    if isinstance(error, Failure):
        said = error
    shown = runtime.masks.value(error_of(said))
    now = runtime.clock.now_ms()

    def end(tell: bool) -> list[str]:
        return runtime.journal.write(
            lambda conn: ending.end_held(
                runtime, conn, lease, "failed", now, error=shown, tell=tell
            )
        )

    try:
        woken = ending.surely(end)
    except LeaseLost:
        return
    except Failure:
        runtime.stuck.append(lease)
        return
    runtime.ended(lease.run_id)
    opening.woken(runtime, woken)
