"""The names that a template sees."""

from __future__ import annotations

from typing import Any

from ringback.clock import from_ms
from ringback.engine.runtime import Runtime
from ringback.journal import events, runs, steps
from ringback.journal.runs import Run
from ringback.problems import Failure
from ringback.sms import keywords
from ringback.workflow.model import Workflow

Scope = dict[str, Any]


def opening(runtime: Runtime, run: Run, data: Any, workflow: Workflow) -> Scope:
    """What there is before the first step: `trigger inputs project run now`."""
    return {
        "trigger": trigger(data, workflow, run),
        "inputs": run.inputs,
        "project": dict(runtime.settings.project),
        "run": {
            "id": run.id,
            "workflow": run.workflow,
            "event": run.event_id,
            "started_at": from_ms(run.started_at or run.created_at).isoformat(),
        },
        "now": runtime.clock.now().astimezone(runtime.timezone),
    }


def trigger(data: Any, workflow: Workflow, run: Run) -> Any:
    """What `trigger` is in a run: the event's data, and the keyword by which this workflow's trigger heard a text."""
    with_ = workflow.triggers[run.trigger].with_ if run.trigger < len(workflow.triggers) else {}
    if not with_.get("keywords") or not isinstance(data, dict):
        return data
    try:
        return {**data, "keyword": keywords.said_to(with_, str(data.get("text", "")))}
    except Failure:  # a pattern that is none; the checker has said so
        return {**data, "keyword": None}


def of_run(runtime: Runtime, run_id: str) -> Scope:
    """The names as they stand at the end of a run: what a webhook's `respond` template may use.

    Results of steps inside loops are reached through the loop's own. Raises `Failure("not_found")`.
    """
    with runtime.journal.read() as conn:
        run = runs.get_run(conn, run_id)
        event = events.get_event(conn, run.event_id) if run else None
        if run is None or event is None:
            raise Failure("not_found", f"There is no run {run_id}.")
        done = steps.of_run(conn, run_id)
    scope = opening(runtime, run, event.data, runtime.definition(run.definition))
    for step in done:
        if step.id is None or "[" in step.path:
            continue
        if step.output is not None:
            scope[step.id] = step.output
        elif step.error is not None:
            scope[step.id] = {"error": step.error}
    if run.error is not None:
        scope["error"] = run.error
    return scope
