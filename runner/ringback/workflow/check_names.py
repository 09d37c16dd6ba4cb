"""Every name that a template reads: that it is there, that it comes before, and that it has what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ringback.expressions import (
    Comparison,
    Reference,
    comparisons,
    is_template,
    references,
    syntax_problem,
)
from ringback.workflow.check_values import FREE
from ringback.workflow.known import Shape, outputs, unknown_part, words_of
from ringback.workflow.model import ActionLike, FieldLike
from ringback.workflow.nearest import did_you_mean
from ringback.workflow.surroundings import (
    Data,
    Place,
    Surroundings,
    all_steps,
    entries,
    mapping,
    triggers,
)

WEBHOOK_NAMES = ("headers", "query", "body", "form", "files", "method", "path")
"""What a webhook's `dedupe` may read: the request alone, before there is a run."""
RUN = ("id", "workflow", "event", "started_at")
ERROR: Shape = dict.fromkeys(("code", "message", "next", "where", "step", "detail"))
"""What `error` is in the steps of `on_error` and `on_failure`, and `<id>.error` after a failure that was survived."""

_IN_BRANCH = "sits in a branch that may not run"


@dataclass(frozen=True)
class Known:
    """A name that templates may read at some point. `maybe` says in which words it may be absent."""

    shape: Shape = None
    maybe: str = ""


@dataclass
class Scope:
    """The names at one point of a workflow. `hidden` are ids out of reach, with why; `cautious` is set below an `if`."""

    known: dict[str, Known] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)
    later: dict[str, int] = field(default_factory=dict)
    cautious: bool = False

    def copy(self) -> Scope:
        return replace(self, known=dict(self.known), hidden=dict(self.hidden))


def names_problems(around: Surroundings) -> None:
    """Check every template of the workflow."""
    scope = Scope(known=_at_start(around), later=_lines_of_ids(around))
    concurrency = mapping(around.data.get("concurrency"))
    _texts(around, concurrency.get("key"), ("concurrency", "key"), scope)
    walked = _walk(around, around.data.get("steps"), ("steps",), scope)
    failed = walked.copy()
    for name, known in walked.known.items():
        if name not in scope.known:
            failed.known[name] = replace(
                known, maybe=known.maybe or "may not have been reached when the run fails"
            )
    failed.known["error"] = Known(ERROR)
    _walk(around, around.data.get("on_failure"), ("on_failure",), failed)
    for path, trigger in triggers(around.data):
        _trigger(around, trigger, path, walked)


def _at_start(around: Surroundings) -> dict[str, Known]:
    project = None if around.settings is None else dict.fromkeys(around.settings.project)
    inputs = around.data.get("inputs")
    declared = (
        dict.fromkeys(inputs) if isinstance(inputs, Mapping) else {} if inputs is None else None
    )
    return {
        "trigger": Known(_trigger_shape(around)),
        "inputs": Known(declared),
        "project": Known(project),
        "run": Known(dict.fromkeys(RUN)),
        "now": Known(),
    }


def _trigger_shape(around: Surroundings) -> Shape:
    """All that any of the triggers yields: a template may serve several."""
    shapes = []
    for _, said in triggers(around.data):
        trigger = around.catalogue.trigger(str(said.get("uses")))
        shapes.append(outputs(trigger, mapping(said.get("with"))) if trigger else None)
    merged: dict[str, Shape] = {}
    for shape in shapes or [None]:
        if shape is None:
            return None
        for name, inner in shape.items():
            merged[name] = inner if name not in merged or merged[name] == inner else None
    return merged


def _lines_of_ids(around: Surroundings) -> dict[str, int]:
    return {
        step["id"]: around.document.span((*path, "id")).line
        for path, step in all_steps(around.data)
        if isinstance(step.get("id"), str)
    }


def _walk(around: Surroundings, steps: Any, path: Place, scope: Scope) -> Scope:
    """Check a list of steps; the scope after the last of them."""
    scope = scope.copy()
    for position, step in entries(steps):
        _step(around, step, (*path, position), scope)
    return scope


def _step(around: Surroundings, step: Data, path: Place, scope: Scope) -> None:
    """Check one step and add to `scope` what those after it may read."""
    _texts(around, step.get("for_each"), (*path, "for_each"), scope)
    inside = scope.copy()
    if "for_each" in step:
        names = ("item", "index", str(step.get("as", "item")))
        inside.known.update({name: Known() for name in names})
    condition = step.get("if")
    if isinstance(condition, str):
        _text(around, condition, (*path, "if"), inside, expression=True)
        inside.cautious = True
    action = around.catalogue.action(str(step.get("uses")))
    given = mapping(step.get("with"))
    _inputs(around, given, action.inputs if action else {}, (*path, "with"), inside)
    then = _walk(around, step.get("steps"), (*path, "steps"), inside)
    conditional = condition is not None
    _else(around, step, path, inside, then, scope)
    _on_error(around, step, path, inside, then, scope)
    _leave(step, then, inside, scope, conditional)
    if isinstance(step.get("id"), str):
        maybe = "is skipped where its `if` is false" if conditional else ""
        scope.known[step["id"]] = Known(_result(step, action, given, then, inside), maybe)


def _result(
    step: Data, action: ActionLike | None, given: Data, then: Scope, before: Scope
) -> Shape:
    """What a step's id stands for after it."""
    if "for_each" in step:
        return {"items": None, "count": None}
    shape = outputs(action, given) if action else None
    if "steps" in step:
        inner = then.known.keys() - before.known.keys()
        shape = {name: then.known[name].shape for name in sorted(inner)}
    if isinstance(shape, Mapping) and step.get("on_error", "stop") != "stop":
        shape = {**shape, "error": ERROR}
    if isinstance(shape, Mapping) and "if" in step:
        shape = {**shape, "skipped": None}
    return shape


def _else(
    around: Surroundings, step: Data, path: Place, before: Scope, then: Scope, after: Scope
) -> None:
    """Check the steps of an `else`, which do not see those of the other branch, and add what they leave."""
    inner = before.copy()
    taken = then.known.keys() - before.known.keys()
    inner.hidden.update(dict.fromkeys(taken, "the other branch of the same step"))
    walked = _walk(around, step.get("else"), (*path, "else"), inner)
    for name in walked.known.keys() - before.known.keys():
        after.known[name] = replace(walked.known[name], maybe=_IN_BRANCH)


def _on_error(
    around: Surroundings, step: Data, path: Place, before: Scope, then: Scope, after: Scope
) -> None:
    """Check the steps that run in a failed step's place; they know the error, and nothing of them is kept."""
    inner = before.copy()
    inner.known["error"] = Known(ERROR)
    if isinstance(step.get("id"), str):
        inner.known[step["id"]] = Known({"error": ERROR})
    failed = then.known.keys() - before.known.keys()
    inner.hidden.update(dict.fromkeys(failed, "the step that failed"))
    walked = _walk(around, step.get("on_error"), (*path, "on_error"), inner)
    gone = walked.known.keys() - inner.known.keys()
    after.hidden.update(dict.fromkeys(gone, "the steps of an `on_error`"))


def _leave(step: Data, then: Scope, before: Scope, after: Scope, conditional: bool) -> None:
    """What the steps held by a step leave to those after it."""
    for name in then.known.keys() - before.known.keys():
        if "for_each" in step:
            after.hidden[name] = "a step that runs once for each entry of a list"
        elif conditional:
            after.known[name] = replace(then.known[name], maybe=_IN_BRANCH)
        else:
            after.known[name] = then.known[name]
    after.hidden.update({name: why for name, why in then.hidden.items() if name not in after.known})


def _trigger(around: Surroundings, said: Data, path: Place, after: Scope) -> None:
    """The templates of a trigger: `dedupe` reads the request alone, an answer reads the finished run."""
    given = mapping(said.get("with"))
    request = Scope(known={name: Known() for name in WEBHOOK_NAMES})
    _texts(around, given.get("dedupe"), (*path, "with", "dedupe"), request)
    answer = after.copy()
    answer.cautious = True
    answer.known["error"] = Known(ERROR, "is there only when the run failed")
    _texts(around, given.get("respond"), (*path, "with", "respond"), answer)


def _inputs(
    around: Surroundings, given: Data, fields: Mapping[str, FieldLike], path: Place, scope: Scope
) -> None:
    for name, value in given.items():
        about = fields.get(name, fields.get(FREE))
        if about is None or about.template:
            _texts(around, value, (*path, name), scope)


def _strings(value: Any, path: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _strings(inner, (*path, name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _strings(inner, (*path, position))


def _texts(around: Surroundings, value: Any, path: Place, scope: Scope) -> None:
    for place, text in _strings(value, path):
        if is_template(text):
            _text(around, text, place, scope)


def _text(
    around: Surroundings, text: str, path: Place, scope: Scope, expression: bool = False
) -> None:
    wrong = _syntax_problem(text, expression)
    if wrong is not None:
        message, offset = wrong
        end = _end_of_template(text, offset)
        message, _, then = message.partition(" Did you mean")
        then = f"Did you mean{then}" if then else "Mend the template."
        around.say_inside(
            "template", f"The template cannot be read: {message}", then, path, offset, end
        )
        return
    for reference in references(text, expression=expression):
        _reference(around, reference, path, scope)
    for compared in comparisons(text, expression=expression):
        _comparison(around, compared, path, scope)


def _comparison(around: Surroundings, compared: Comparison, path: Place, scope: Scope) -> None:
    """A word that can never be what it is compared with."""
    known = scope.known.get(compared.path[0])
    words = words_of(known.shape, compared.path[1:]) if known is not None else ()
    if words and compared.word not in words:
        whole = ".".join(compared.path)
        around.say_inside(
            "never_equal",
            f"`{whole}` is never “{compared.word}”.",
            did_you_mean(compared.word, words, "It can be"),
            path,
            compared.start,
            compared.end,
            "warning",
        )


@lru_cache(maxsize=4096)
def _syntax_problem(text: str, expression: bool) -> tuple[str, int] | None:
    """Kept, because an editor asks about the same texts again at every key that is pressed."""
    return syntax_problem(text, expression=expression)


def _end_of_template(text: str, offset: int) -> int:
    closes = [at + 2 for mark in ("}}", "%}") if (at := text.find(mark, offset)) >= 0]
    line_end = text.find("\n", offset)
    return min([*closes, len(text) if line_end < 0 else line_end])


def _reference(around: Surroundings, reference: Reference, path: Place, scope: Scope) -> None:
    name = reference.path[0]
    known = scope.known.get(name)
    if known is None:
        code, message, then = _absent(around, name, scope)
        around.say_inside(code, message, then, path, reference.start, reference.start + len(name))
        return
    unknown = unknown_part(known.shape, reference.path, 1)
    if unknown is not None:
        _no_such_part(around, reference, unknown.at, unknown.names, path)
    elif known.maybe and not reference.guarded:
        whole = ".".join(reference.path)
        in_branch = "branch" in known.maybe
        move = ", or move this step into the same branch" if in_branch else ""
        around.say_inside(
            "maybe_absent",
            f"`{name}` {known.maybe}.",
            f"Allow for that: {{{{ {whole} | default('') }}}}{move}.",
            path,
            reference.start,
            reference.end,
            "warning" if scope.cautious or not in_branch else "error",
        )


def _absent(around: Surroundings, name: str, scope: Scope) -> tuple[str, str, str]:
    if name in scope.hidden:
        return (
            "out_of_reach",
            f"The step `{name}` cannot be read here: it is inside {scope.hidden[name]}.",
            "Read it inside that step.",
        )
    if name in scope.later:
        line = scope.later[name]
        return (
            "comes_later",
            f"The step `{name}` has not run yet at this point: it is on line {line}.",
            "Move it above this step.",
        )
    if name == "error":
        then = (
            "Read it in the steps of an `on_error` or of `on_failure`; after a step, as `id.error`."
        )
        return "unknown_name", "`error` is known only where something failed.", then
    if name in {"item", "index"}:
        return (
            "unknown_name",
            f"`{name}` is known only inside a step with `for_each`.",
            "Add `for_each:` to this step.",
        )
    if name == "secrets":
        return (
            "unknown_name",
            "Templates cannot read secrets.",
            "Put the secret into a connection of ringback.yaml; the connection's actions use it.",
        )
    inputs = mapping(around.data.get("inputs"))
    if name in inputs:
        return (
            "unknown_name",
            f"There is no step `{name}`.",
            f"The input is read as `inputs.{name}`.",
        )
    known = [*scope.known]
    return (
        "unknown_name",
        f"There is no step `{name}`.",
        did_you_mean(name, known, "A template can read"),
    )


_WHOLES = {
    "inputs": ("The workflow declares no input `{part}`.", "Declare it under `inputs:`."),
    "project": (
        "ringback.yaml says nothing of `{part}`.",
        "Add it under `project:` of ringback.yaml.",
    ),
}


def _no_such_part(
    around: Surroundings, reference: Reference, at: int, names: tuple[str, ...], path: Place
) -> None:
    part, parent = reference.path[at], ".".join(reference.path[:at])
    message, otherwise = _WHOLES.get(parent, (f"`{parent}` has no `{{part}}`.", ""))
    then = did_you_mean(part, names, f"`{parent}` has") or otherwise or "It yields nothing."
    if otherwise and not then.startswith("Did"):
        then = otherwise
    start, end = _part_place(around, reference, at, path)
    around.say_inside("unknown_field", message.format(part=part), then, path, start, end)


def _part_place(
    around: Surroundings, reference: Reference, at: int, path: Place
) -> tuple[int, int]:
    """Where one name of a reference stands in its text."""
    node = around.document.node(path)
    text = node.data if node is not None and isinstance(node.data, str) else ""
    here = reference.start
    for name in reference.path[: at + 1]:
        found = text.find(name, here)
        if found < 0 or found > reference.end:
            return reference.start, reference.end
        start, here = found, found + len(name)
    return start, here
