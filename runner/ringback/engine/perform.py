"""One step that uses an action: its inputs, its effect, its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from ringback.connectors import invoke, values
from ringback.connectors.manifest import Action
from ringback.engine import effects
from ringback.engine.context import StepContext
from ringback.engine.job import Job
from ringback.engine.operations import OPERATIONS, repeat_stop
from ringback.engine.walk import Walk, Write
from ringback.expressions import render
from ringback.journal import steps, waits
from ringback.journal.steps import Step as Row
from ringback.masks import Masks
from ringback.observe.here import working
from ringback.problems import Failure
from ringback.workflow.model import Step


def perform(walk: Walk, step: Step, path: str, row: Row | None) -> Any:
    """Perform a step, or go on with it where the journal says it stands. Returns its output.

    Raises `Failure`, and the walk's own exceptions.
    """
    action = walk.runtime.catalogue.action(step.uses or "")
    if action is None:
        raise Failure(
            "not_found",
            f"There is no action {step.uses}.",
            "See what there is with: ringback connectors",
        )
    if row is not None and row.state == "uncertain":
        return effects.uncertain(walk, row, row.error)
    inputs = _inputs(walk, step, action)
    now = walk.now
    if row is None:
        row = Row(path, step.id, action.full, "intended", 1, action.effect_for(inputs), now)
        row = row._replace(input=_shown(action, inputs))
        began = False
    else:
        began = True
    job = Job(walk, step, action, inputs, row, began)
    with working(step=path), walk.runtime.traces.step(action.full, path):
        return _perform(job)


def _perform(job: Job) -> Any:
    action = job.action
    if action.engine is not None:
        operation = OPERATIONS.get(action.engine)
        if operation is None:
            raise Failure("not_found", f"{action.full} asks for an operation that is not known.")
        return operation(job)
    return _action(job)


def _inputs(walk: Walk, step: Step, action: Action) -> dict[str, Any]:
    scope = walk.names()
    given = {
        name: value
        if (field := action.inputs.get(name)) is not None and not field.template
        else render(value, scope)
        for name, value in step.with_.items()
    }
    return values.prepare(action.inputs, given, f"step {step.title}")


def _shown(action: Action, inputs: Mapping[str, Any]) -> Any:
    """The inputs as they may be kept: what stands in a secret field is masked."""
    hidden = values.secret_values(action.inputs, inputs)
    return Masks(hidden).value(inputs) if hidden else inputs


def _action(job: Job) -> Any:
    """An action in Python or by request."""
    walk, action, row = job.walk, job.action, job.row
    repeatable = row.effect != "once" or action.idempotent
    name, settings = _connected(job)
    # gateways are told nothing that they do not need
    context = StepContext(
        walk, row.path, settings, tell_trace=action.connector.kind != "sms-gateway"
    )
    if job.began:
        if row.state == "intended" and not repeatable:
            return effects.uncertain(walk, row, effects.CRASHED)
        row = job.next_attempt()
    if row.effect == "once":
        walk.commit(_put(walk, row))
    else:
        walk.before_slow_work()
        walk.rows[row.path] = row
    if row.effect == "once":
        walk.before_effect()
    try:
        with working(connection=name):
            output = effects.careful(
                lambda: invoke.perform(action, job.inputs, context, walk.runtime.transport),
                job.step.timeout_ms,
                job.step.title,
            )
    except Failure as failure:
        context.leave_behind()
        return effects.after_failure(walk, job.step, row, failure, repeatable=repeatable)
    walk.record(
        row._replace(
            state="succeeded", finished_at=walk.now, output=output, error=None, wake_at=None
        ),
        *([drop_wait(walk, row.path)] if job.began else []),
        urgent=row.effect == "once",
    )
    return output


def _put(walk: Walk, row: Row) -> Write:
    lease = walk.lease
    walk.rows[row.path] = row
    kept = row._replace(input=walk.runtime.masks.value(row.input))
    return lambda conn: steps.put(conn, lease, kept)


def _connected(job: Job) -> tuple[str, Mapping[str, Any]]:
    """The connection that an action works through and its settings, where its connector has any."""
    connector = job.action.connector
    if not connector.settings:
        return "", {}
    runtime = job.walk.runtime
    name = job.inputs.get("connection")
    if name is None:
        fitting = [
            one.name for one in runtime.settings.connections.values() if one.uses == connector.id
        ]
        if len(fitting) != 1:
            raise Failure(
                "invalid_input",
                f"{job.action.full} works through a connection of {connector.name}, and "
                + ("none is configured." if not fitting else f"there are {len(fitting)}."),
                "Add one under connections in ringback.yaml."
                if not fitting
                else f"Name one with `connection`: {', '.join(fitting)}.",
            )
        name = fitting[0]
    return str(name), runtime.connection(str(name))[2]


def drop_wait(walk: Walk, path: str) -> Write:
    """What a step waited for is over."""
    run_id = walk.run.id

    def write(conn: Connection) -> None:
        waits.drop_wait(conn, run_id, path)

    return write


def repeat_control(walk: Walk, step: Step, row: Row) -> None:
    """A finished step that ended its run ends it again, when the run is walked anew."""
    action = walk.runtime.catalogue.action(step.uses or "")
    if action is not None and action.engine == "stop":
        repeat_stop(row.output)
