"""What steps do that only the engine can: sending, waiting, stopping, calling. Manifests name them by `engine:`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, NoReturn

from sqlalchemy import Connection

from ringback.clock import from_ms, to_ms
from ringback.engine import contactsteps, opening, reported
from ringback.engine.job import Job
from ringback.engine.replies import wait_for_reply
from ringback.engine.sending import send_message
from ringback.engine.walk import Stopped
from ringback.journal import locks, messages, runs, waits
from ringback.problems import Failure
from ringback.sms import reports
from ringback.sms.statuses import reached
from ringback.words import say_duration

Operation = Callable[[Job], Any]
DEEPEST_CALL = 10
"""How many runs may hang on each other by calls: a bound on workflows that call themselves."""


def wait_for_delivery(job: Job) -> Any:
    """Wait until a message has ended, or came as far as `until`, or the time is up and its gateway, asked, knows no more."""
    walk, row = job.walk, job.row
    message_id, goal = str(job.inputs["message"]["id"]), str(job.inputs.get("until") or "delivered")
    deadline = row.wake_at if row.wake_at is not None else walk.now + int(job.inputs["timeout"])
    if job.step.timeout_ms is not None:
        deadline = min(deadline, row.started_at + job.step.timeout_ms)

    def come(conn: Connection) -> dict[str, Any] | None:
        message = messages.get_message(conn, message_id)
        if message is None:
            return {"missing": True}
        if reached(message.status, goal):
            return reports.delivery_output(message, timed_out=False)
        if walk.now >= deadline:
            message = reported.silence(conn, walk.runtime, message_id, walk.now)
            return reports.delivery_output(message, timed_out=True)
        return None

    if walk.now >= deadline:
        reported.ask(walk, row.path, message_id, goal)
    walk.guard(locks.message(message_id))
    output = walk.park(
        row._replace(state="waiting"),
        waits.Wait(walk.run.id, row.path, "delivery", reports.wait_key(message_id, goal), deadline),
        unless=come,
    )
    if "missing" in output:
        raise Failure(
            "not_found",
            f"There is no message {message_id}.",
            "Give `message` the result of a step that sent one.",
        )
    return job.succeed(output, *_over(job))


def wait(job: Job) -> Any:
    """Let time pass: `for` so long, or `until` a moment."""
    walk, row = job.walk, job.row
    until = row.wake_at if row.wake_at is not None else _until(job)
    bound = None if job.step.timeout_ms is None else row.started_at + job.step.timeout_ms
    wake_at = until if bound is None else min(until, bound)
    if walk.now < wake_at:
        walk.park(
            row._replace(state="waiting"), waits.Wait(walk.run.id, row.path, "time", None, wake_at)
        )
    if bound is not None and bound < until:
        raise Failure(
            "timed_out", f"The wait took longer than {say_duration(bound - row.started_at)}."
        )
    return job.succeed(
        {"waited_until": from_ms(max(until, row.started_at)).isoformat().replace("+00:00", "Z")},
        *_over(job),
    )


def _until(job: Job) -> int:
    for_, until = job.inputs.get("for"), job.inputs.get("until")
    if (for_ is None) == (until is None):
        raise Failure(
            "invalid_input",
            "A wait takes either `for` or `until`.",
            "Write for: 2 hours, or until: 2026-06-28 08:00.",
        )
    if for_ is not None:
        return job.row.started_at + int(for_)
    text, zone = str(until).strip(), job.walk.runtime.timezone
    try:
        if len(text) <= 8 and ":" in text:
            return _next_time(time.fromisoformat(text.zfill(5)), job)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(
            "invalid_input",
            f"“{text}” is not a date and time.",
            "Write it as 2026-06-28 08:00, or a time of day as 08:00.",
        ) from None
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _next_time(at: time, job: Job) -> int:
    """The next moment at which clocks in the project's zone show this time."""
    zone = job.walk.runtime.timezone
    here = from_ms(job.row.started_at).astimezone(zone)
    moment = datetime.combine(here.date(), at, zone)
    if moment < here:
        moment = datetime.combine(here.date() + timedelta(days=1), at, zone)
    return to_ms(moment)


def stop(job: Job) -> NoReturn:
    """End the run here."""
    output = {
        "reason": str(job.inputs.get("reason") or ""),
        "failed": bool(job.inputs.get("failed")),
    }
    job.succeed(output)
    repeat_stop(output)


def repeat_stop(output: Mapping[str, Any]) -> NoReturn:
    """The run ends at this step."""
    raise Stopped(str(output.get("reason", "")), failed=bool(output.get("failed")))


def call(job: Job) -> Any:
    """Start a run of another workflow and, unless told otherwise, wait for its end."""
    walk, row, runtime = job.walk, job.row, job.walk.runtime
    name = str(job.inputs["workflow"])
    key = f"{walk.run.id}:{row.path}"
    child: opening.Opened | None = None
    if not job.began:
        workflow = runtime.workflows.by_id.get(name)
        if workflow is None:
            raise Failure(
                "not_found",
                f"There is no workflow {name}.",
                f"There is: {', '.join(sorted(runtime.workflows.by_id)) or 'none'}.",
            )
        data = {"data": job.inputs.get("inputs") or {}, "files": {}}
        event = opening.Event("call", "call", key, runtime.masks.value(data))
        depth = walk.look(lambda conn: _depth(conn, walk.run))
        if depth >= DEEPEST_CALL:
            raise Failure(
                "refused",
                f"More than {DEEPEST_CALL} workflows call each other.",
                "Look for a workflow that calls itself.",
            )
        plan = opening.plan(runtime, workflow, 0, event)
        walk.guard(*opening.locks_of(plan))
        child = walk.commit(
            lambda conn: opening.open_event(
                conn, runtime, plan, event, parent=(walk.run.id, row.path)
            )
        )
        assert child is not None
        opening.opened(runtime, child)
    run_id = child.run_id if child is not None else str((row.output or {}).get("run", ""))
    if not run_id:
        run_id = _child_of(job)
    if not job.inputs.get("wait", True):
        return job.succeed({"run": run_id, "state": "queued", "result": None})
    return _wait_for_run(job, run_id)


def _child_of(job: Job) -> str:
    for one in job.walk.look(lambda conn: runs.children(conn, job.walk.run.id)):
        if one.parent_step == job.row.path:
            return one.id
    raise Failure("not_found", "The run that this step called is gone.")


def _wait_for_run(job: Job, run_id: str) -> Any:
    walk, row = job.walk, job.row
    deadline = None if job.step.timeout_ms is None else row.started_at + job.step.timeout_ms

    def come(conn: Connection) -> dict[str, Any] | None:
        run = runs.get_run(conn, run_id)
        if run is None:
            return {"run": run_id, "state": "failed", "result": None, "error": None}
        if run.finished:
            return {"run": run_id, "state": run.state, "result": run.result, "error": run.error}
        if deadline is not None and walk.now >= deadline:
            return {"run": run_id, "state": "timed_out"}
        return None

    walk.guard(locks.call(run_id))
    output = walk.park(
        row._replace(state="waiting", output={"run": run_id}),
        waits.Wait(walk.run.id, row.path, "call", run_id, deadline),
        unless=come,
    )
    if output["state"] == "timed_out":
        raise Failure(
            "timed_out", f"The called run {run_id} took too long.", "It goes on by itself."
        )
    error = output.pop("error", None)
    if output["state"] == "failed":
        said = f": {error['message']}" if error else "."
        raise Failure(
            "refused",
            f"The called run {run_id} failed{said}",
            (error or {}).get("next", ""),
            detail={"run": run_id},
        )
    return job.succeed(output, *_over(job))


def _depth(conn: Connection, run: runs.Run) -> int:
    depth, above = 0, run.parent_run
    while above is not None and depth <= DEEPEST_CALL:
        parent = runs.get_run(conn, above)
        depth, above = depth + 1, parent.parent_run if parent else None
    return depth


def _over(job: Job) -> list[Any]:
    if not job.began:
        return []
    run_id, path = job.walk.run.id, job.row.path
    return [lambda conn: waits.drop_wait(conn, run_id, path)]


OPERATIONS: dict[str, Operation] = {
    "send_message": send_message,
    "wait_for_delivery": wait_for_delivery,
    "wait_for_reply": wait_for_reply,
    "wait": wait,
    "stop": stop,
    "call": call,
    "get_contact": contactsteps.get_contact,
    "update_contact": contactsteps.update_contact,
    "tag_contact": contactsteps.tag_contact,
}
