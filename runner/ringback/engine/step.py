"""Steps: one after the other, in groups, in turns, and each one's way through `if`, errors and results."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from ringback.engine import perform
from ringback.engine.walk import Walk
from ringback.expressions import evaluate, references, render
from ringback.journal.steps import Step as Row
from ringback.problems import Failure
from ringback.workflow.model import Step

_MOST_TURNS = 10_000
_UNDER_WAY = ("intended", "waiting", "uncertain", "skipped")
_SKIPPED: dict[str, Any] = {"skipped": True}


def walk_steps(walk: Walk, several: tuple[Step, ...], place: str, above: str) -> Any:
    """Walk steps in order; the result of the last one that was not skipped.

    `place` is where their parent stands in this run (with its turns), `above` where it stands in the file.
    """
    last = None
    for step in several:
        made = do_step(walk, step, place + step.path[len(above) :])
        if made is not _SKIPPED:
            last = made
    return last


def do_step(walk: Walk, step: Step, path: str) -> Any:
    """Do one step, or take its result from the journal. Returns its output.

    Raises `Failure` when it failed and its `on_error` says stop, and the walk's own exceptions.
    """
    row = walk.rows.get(path)
    walk.count_step(row)
    if row is None or row.state in _UNDER_WAY:
        try:
            if row is not None and row.state == "skipped":
                output = _skipped(walk, step, path)
            else:
                output = _attempt(walk, step, path, row)
        except Failure as failure:
            row = _record_failure(walk, step, path, failure)
            output = _after_failure(walk, step, path, row)
    elif row.state in ("failed", "handled"):
        output = _after_failure(walk, step, path, row)
    else:
        output = _again(walk, step, path, row)
    if step.id is not None and "[" not in path.rsplit("/", 1)[-1]:
        walk.scope[step.id] = output
    return output


def _attempt(walk: Walk, step: Step, path: str, row: Row | None) -> Any:
    each = step.for_each is not None
    before_turns = step.if_ is not None and not (each and _asks_about_turn(step.if_, step.as_))
    if row is None and before_turns and not evaluate(step.if_ or "", walk.names()):
        walk.record(_row(walk, step, path, "skipped", finished=True))
        return _skipped(walk, step, path)
    if each:
        output: Any = _turns(walk, step, path, row)
    elif step.steps:
        output = _group(walk, step, path, row)
    else:
        output = perform.perform(walk, step, path, row)
    return _with_error(step, output)


def _skipped(walk: Walk, step: Step, path: str) -> Any:
    if step.else_:
        return walk_steps(walk, step.else_, path, step.path)
    return _SKIPPED


def _again(walk: Walk, step: Step, path: str, row: Row) -> Any:
    """The result of a step that the journal holds; what its inner steps made is taken up with it."""
    if step.for_each is None and step.steps:
        return _group(walk, step, path, row)
    if step.for_each is None:
        perform.repeat_control(walk, step, row)
    return _with_error(step, row.output)


def _with_error(step: Step, output: Any) -> Any:
    """Where a failure would be survived, `<id>.error` can be asked for when there was none."""
    if step.on_error != "stop" and isinstance(output, dict) and output is not _SKIPPED:
        return {"error": None, **output}
    return output


def _group(walk: Walk, step: Step, path: str, row: Row | None) -> dict[str, Any]:
    if row is None:
        row = walk.record(_row(walk, step, path, "intended"))
    if step.timeout_ms is not None:
        walk.deadlines.append(row.started_at + step.timeout_ms)
    try:
        walk_steps(walk, step.steps, path, step.path)
    finally:
        if step.timeout_ms is not None:
            walk.deadlines.pop()
    if row.state != "succeeded":
        walk.record(row._replace(state="succeeded", finished_at=walk.now))
    return {inner.id: walk.scope[inner.id] for inner in step.steps if inner.id in walk.scope}


def _turns(walk: Walk, step: Step, path: str, row: Row | None) -> dict[str, Any]:
    if row is None:
        entries = _entries(render(step.for_each, walk.names()))
        row = walk.record(_row(walk, step, path, "intended", input={"items": entries}))
    turn = _turn(step)
    outer = walk.scope
    made = []
    for index, entry in enumerate(row.input["items"]):
        walk.scope = {**outer, "item": entry, step.as_: entry, "index": index}
        try:
            made.append(do_step(walk, turn, f"{path}[{index}]"))
        finally:
            walk.scope = outer
    output = {"items": made, "count": len(made)}
    walk.record(row._replace(state="succeeded", finished_at=walk.now, output=output))
    return output


def _entries(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = [{"key": key, "value": inner} for key, inner in value.items()]
    if value is None:
        value = []
    if not isinstance(value, list | tuple):
        raise Failure(
            "invalid_input",
            f"`for_each` needs a list, and this is {type(value).__name__}.",
            "Name a list, such as {{ trigger.body.students }}.",
        )
    if len(value) > _MOST_TURNS:
        raise Failure(
            "refused",
            f"`for_each` has {len(value)} entries; at most {_MOST_TURNS} are taken.",
            "Split the list into several runs.",
        )
    return list(value)


@lru_cache(maxsize=1024)
def _asks_about_turn(condition: str, name: str) -> bool:
    asked = {one.path[0] for one in references(condition, expression=True) if one.path}
    return bool(asked & {name, "item", "index"})


_made_turns: dict[int, tuple[Step, Step]] = {}


def _turn(step: Step) -> Step:
    """One turn of a step: the same without its loop, and without an `if` that was answered before the loop."""
    known = _made_turns.get(id(step))
    if known is not None and known[0] is step:
        return known[1]
    ask = step.if_ if step.if_ is not None and _asks_about_turn(step.if_, step.as_) else None
    turn = replace(step, for_each=None, if_=ask, else_=step.else_ if ask else ())
    if len(_made_turns) > 1000:
        _made_turns.clear()
    _made_turns[id(step)] = (step, turn)
    return turn


def _record_failure(walk: Walk, step: Step, path: str, failure: Failure) -> Row:
    error = failure.as_json()
    inner = failure.detail.get("_step") if failure.detail else None
    if inner is not None:
        error["detail"] = {key: value for key, value in failure.detail.items() if key != "_step"}
        if not error["detail"]:
            del error["detail"]
    error["step"] = inner or step.id or path
    if not error["where"]:
        error["where"] = f"step {step.title}"
    if step.uses:
        walk.runtime.metrics.count("step_failures", step.uses, failure.code)
    before = walk.rows.get(path) or _row(walk, step, path, "failed")
    return walk.record(
        before._replace(state="failed", finished_at=walk.now, error=error, wake_at=None),
        perform.drop_wait(walk, path),
    )


def _after_failure(walk: Walk, step: Step, path: str, row: Row) -> Any:
    if step.on_error == "stop":
        raise failure_of(row.error)
    output = {"error": row.error}
    if isinstance(step.on_error, tuple) and row.state == "failed":
        outer = walk.scope
        walk.scope = {**outer, "error": row.error}
        if step.id is not None:
            walk.scope[step.id] = output
        try:
            walk_steps(walk, step.on_error, path, step.path)
        finally:
            walk.scope = outer
    if row.state == "failed":
        walk.record(row._replace(state="handled"))
    return output


def failure_of(error: Any) -> Failure:
    """A failure as it was kept."""
    return Failure(
        error.get("code", "internal"),
        error.get("message", ""),
        error.get("next", ""),
        error.get("where", ""),
        detail={**error.get("detail", {}), "_step": error.get("step")},
    )


def _row(
    walk: Walk,
    step: Step,
    path: str,
    state: str,
    *,
    finished: bool = False,
    input: Any = None,  # noqa: A002
) -> Row:
    now = walk.now
    uses = step.uses or ("for_each" if step.for_each is not None else "steps")
    return Row(path, step.id, uses, state, 1, "none", now, now if finished else None, input)
