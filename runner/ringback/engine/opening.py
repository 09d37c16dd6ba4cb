"""An event opens a run: one write, in which the run is also claimed for the executor of this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ringback.engine import claims, concurrency
from ringback.engine.executor import FIRST, Warm, priority_of
from ringback.engine.runtime import Runtime
from ringback.expressions import render
from ringback.ids import new_id
from ringback.journal import definitions, events, files, locks, runs, waits
from ringback.journal.afterwards import once_kept
from ringback.journal.runs import Lease, Run
from ringback.problems import Failure
from ringback.sdk import File
from ringback.workflow.model import Workflow

_CHAIN = "after"


class Event(NamedTuple):
    """Something that came in: `kind` and `data` as the journal keeps them, `key` tells a second copy."""

    kind: str
    source: str
    key: str | None
    data: Any


class Plan(NamedTuple):
    """A run to be opened, worked out before the write so that the writer need not wait for templates."""

    workflow: Workflow
    trigger: int
    inputs: dict[str, Any]
    concurrency_key: str | None
    error: dict[str, Any] | None = None


@dataclass(slots=True)
class Opened:
    """What an event has opened; to be handed to `opened` after the commit.

    `warm` is the run where this process has claimed it; `due` is its priority where it waits in the journal.
    """

    run_id: str
    event_id: str
    duplicate: bool = False
    warm: Warm | None = None
    due: int | None = None
    woken: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    definition: str | None = None


def plan(runtime: Runtime, workflow: Workflow, trigger: int, event: Event) -> Plan:
    """What the run of an event will begin with."""
    said = runtime.settings.workflows.get(workflow.id)
    given = said.inputs if said is not None else {}
    inputs = {name: given.get(name, one.default) for name, one in workflow.inputs.items()}
    missing = [
        name for name, one in workflow.inputs.items() if one.required and inputs[name] in (None, "")
    ]
    if missing:
        failure = Failure(
            "invalid_input",
            f"The workflow's input {missing[0]} has no value.",
            f"Set it in ringback.yaml, under workflows, {workflow.id}, inputs.",
        )
        return Plan(workflow, trigger, inputs, None, runtime.masks.value(failure.as_json()))
    rule = workflow.concurrency
    if rule is None:
        return Plan(workflow, trigger, inputs, None)
    scope = {
        "trigger": event.data,
        "inputs": inputs,
        "project": dict(runtime.settings.project),
        "now": runtime.clock.now().astimezone(runtime.timezone),
    }
    try:
        key = str(render(rule.key, scope))
    except Failure as failure:
        failure.where = failure.where or "concurrency.key"
        return Plan(workflow, trigger, inputs, None, runtime.masks.value(failure.as_json()))
    return Plan(workflow, trigger, inputs, f"{workflow.id}:{key}")


def locks_of(run: Plan) -> list[locks.Lock]:
    """The locks under which a run is opened."""
    return [locks.concurrency(run.concurrency_key)] if run.concurrency_key is not None else []


def open_event(
    conn: Connection,
    runtime: Runtime,
    run: Plan,
    event: Event,
    *,
    uploads: Sequence[File] = (),
    parent: tuple[str, str] | None = None,
    claim: bool = True,
) -> Opened:
    """Keep an event and open its run. A second copy of an event gets the first one's run.

    Without `claim` the run is left to whoever next looks for due runs, so `opened` need not be called. It is also
    where the write is not one of `claims.keep`.
    """
    now = runtime.clock.now_ms()
    locks.hold(conn, *(locks.file(one["sha256"]) for one in uploads), *locks_of(run))
    added = events.add_event(
        conn,
        id=new_id("evt"),
        source=event.source,
        key=event.key,
        workflow=run.workflow.id,
        kind=event.kind,
        data=event.data,
        received_at=now,
    )
    if added.duplicate and added.run is not None:
        return Opened(added.run, added.id, duplicate=True)
    for upload in uploads:
        files.keep_file(conn, runtime.files, upload, now, event_id=added.id)
    return open_run(conn, runtime, run, event, added.id, parent=parent, claim=claim)


def open_run(
    conn: Connection,
    runtime: Runtime,
    run: Plan,
    event: Event,
    event_id: str,
    *,
    parent: tuple[str, str] | None = None,
    claim: bool = True,
) -> Opened:
    """Open one run of an event that is kept: claimed for this process, queued, skipped or failed at once.

    Who watches for failures hears of one that fails at once as of any other: an input that nobody has set stops
    every run of its workflow.
    """
    now, workflow = runtime.clock.now_ms(), run.workflow
    locks.hold(conn, *locks_of(run))
    made = Opened(new_id("run"), event_id)
    if not runtime.is_kept(workflow):
        definitions.add_definition(
            conn,
            definitions.Definition(
                workflow.hash, workflow.id, workflow.name or workflow.id, workflow.source, now
            ),
        )
        made.definition = workflow.hash
    verdict = "go"
    if run.concurrency_key is not None and workflow.concurrency is not None:
        admission = concurrency.admit(conn, workflow.concurrency, run.concurrency_key, now)
        verdict = admission.verdict
        made.ended.extend(admission.ended)
        made.woken.extend(admission.woken)
        for ended in admission.ended:
            once_kept(
                conn, partial(runtime.metrics.count, "runs_finished", workflow.id, "canceled")
            )
            made.woken.extend(wake_callers(conn, ended, now))
    may = claim and claims.may(conn) and runtime.executor.room()
    hold = may and verdict == "go" and run.error is None
    lease = runs.add_run(
        conn,
        id=made.run_id,
        event_id=event_id,
        workflow=workflow.id,
        definition=workflow.hash,
        trigger=run.trigger,
        inputs=run.inputs,
        created_at=now,
        holder=runtime.holder if hold else None,
        wake_at=now if verdict == "go" else None,
        concurrency_key=run.concurrency_key,
        parent_run=parent[0] if parent else None,
        parent_step=parent[1] if parent else None,
    )
    if lease is not None:
        claims.note(conn, lease)
        made.warm = _warm(lease, run, event, event_id, now, parent)
    elif run.error is not None:
        runs.finish_free(conn, made.run_id, "failed", now, error=run.error)
        once_kept(conn, partial(runtime.metrics.count, "runs_finished", workflow.id, "failed"))
        made.ended.append(made.run_id)
        about = Failed(made.run_id, workflow.id, event.kind, event.data, run.error)
        tell_failure(conn, runtime, failure_runs(runtime, about))
    elif verdict == "skip":
        runs.finish_free(conn, made.run_id, "skipped", now)
        once_kept(conn, partial(runtime.metrics.count, "runs_finished", workflow.id, "skipped"))
        made.ended.append(made.run_id)
    elif verdict == "go":
        made.due = priority_of(event.kind)
    return made


class Failed(NamedTuple):
    """A run that ends as failed: what is told of it. `kind` and `data` are those of the event that it began with."""

    run_id: str
    workflow: str
    kind: str
    data: Any
    error: dict[str, Any]


def failure_runs(runtime: Runtime, failed: Failed) -> list[tuple[Plan, Event]]:
    """The runs that a failed run starts.

    A workflow that stands anywhere in the chain of failures which led here is not started again, so two
    that watch each other do not go on for ever.
    """
    watching = runtime.workflows.triggers("failure")
    if not watching:
        return []
    before = failed.data.get(_CHAIN, []) if failed.kind == "failure" else []
    chain = [*before, failed.workflow]
    data = {
        "run": failed.run_id,
        "workflow": failed.workflow,
        "error": failed.error,
        "trigger": failed.data,
        _CHAIN: chain,
    }
    found = []
    for workflow, use in watching:
        wanted = use.with_.get("workflows") or []
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if workflow.id in chain or (wanted and failed.workflow not in wanted):
            continue
        index = workflow.triggers.index(use)
        event = Event("failure", "failure", f"{failed.run_id}:{workflow.id}:{index}", data)
        found.append((plan(runtime, workflow, index, event), event))
    return found


def tell_failure(conn: Connection, runtime: Runtime, several: Sequence[tuple[Plan, Event]]) -> None:
    """Open the runs that a failed run starts: due in the journal, for a write after which nobody calls `opened`."""
    for run, event in several:
        open_event(conn, runtime, run, event, claim=False)
    if several:
        once_kept(conn, partial(runtime.executor.notify, runtime.clock.now_ms()))


def opened(runtime: Runtime, made: Opened) -> None:
    """The commit has succeeded: let the executor know."""
    if made.definition is not None:
        runtime.now_kept([made.definition])
    if made.warm is not None:
        runtime.remember(made.warm.workflow)
        runtime.executor.submit(made.run_id, made.warm)
    elif made.due is not None:
        runtime.executor.submit(made.run_id, None, made.due)
    for run_id in made.ended:
        runtime.ended(run_id)
    woken(runtime, made.woken)


def woken(runtime: Runtime, run_ids: Sequence[str]) -> None:
    """What these runs waited for has come: let the executor know."""
    for run_id in run_ids:
        runtime.executor.submit(run_id, None, FIRST)


def wake_callers(conn: Connection, run_id: str, now: int) -> list[str]:
    """A called run has ended: wake the run that waits for it."""
    return [
        wait.run_id
        for wait in waits.find_waits(conn, "call", run_id)
        if runs.wake(conn, wait.run_id, now)
    ]


def _warm(
    lease: Lease, run: Plan, event: Event, event_id: str, now: int, parent: tuple[str, str] | None
) -> Warm:
    """The run as the journal has it, without reading it back."""
    opened_run = Run(
        id=lease.run_id,
        event_id=event_id,
        workflow=run.workflow.id,
        definition=run.workflow.hash,
        trigger=run.trigger,
        state="running",
        inputs=run.inputs,
        created_at=now,
        started_at=now,
        finished_at=None,
        wake_at=None,
        holder=lease.holder,
        fence=lease.fence,
        concurrency_key=run.concurrency_key,
        cancel=False,
        parent_run=parent[0] if parent else None,
        parent_step=parent[1] if parent else None,
        error=None,
        result=None,
        attempts=1,
    )
    return Warm(lease, opened_run, event.data, event.kind, run.workflow)
