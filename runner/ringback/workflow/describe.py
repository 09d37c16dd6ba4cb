"""A workflow in plain English: one sentence for each step, one for the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ringback.words import say_duration
from ringback.workflow.model import CatalogueLike, Step, TriggerUse, Workflow

_SHORT = 60


def describe(workflow: Workflow, catalogue: CatalogueLike) -> str:
    """The whole workflow in one sentence: what starts it, and what it does."""
    starts = " or ".join(describe_trigger(one, catalogue) for one in workflow.triggers) or "nothing"
    does = [_brief(step, catalogue) for step in workflow.steps]
    listed = ", then ".join(does[:6]) + (
        f", and {len(does) - 6} more steps" if len(does) > 6 else ""
    )
    return f"Starts with {starts}; then: {listed}."


def describe_trigger(use: TriggerUse, catalogue: CatalogueLike) -> str:
    """A trigger as part of a sentence: `a webhook is received (path enrolments)`."""
    trigger = catalogue.trigger(use.uses)
    title = (trigger.title if trigger and trigger.title else use.uses.replace(".", " ")).rstrip(".")
    said = [f"{name} {value}" for name, value in use.with_.items() if isinstance(value, str | int)]
    return f"“{title}”" + (f" ({', '.join(said[:2])})" if said else "")


def describe_steps(workflow: Workflow, catalogue: CatalogueLike) -> Iterator[tuple[str, str]]:
    """The path of every step, nested ones too, with a sentence about it."""
    for step in workflow.all_steps():
        yield step.path, describe_step(step, catalogue)


def describe_step(step: Step, catalogue: CatalogueLike) -> str:
    """One step in one sentence, its conditions included."""
    said = _action(step, catalogue)
    if step.for_each is not None:
        said = f"for each {step.as_} of {_value(step.for_each)}: {said}"
    if step.if_ is not None:
        said = f"if {_bare(step.if_)}: {said}"
    notes = []
    if step.retry is not None and step.retry.times:
        notes.append(f"tried again up to {step.retry.times} times")
    if step.timeout_ms is not None:
        notes.append(f"given up after {say_duration(step.timeout_ms)}")
    if step.on_error == "continue":
        notes.append("goes on if it fails")
    elif step.on_error != "stop":
        notes.append("has other steps for when it fails")
    whole = f"{said}{' (' + '; '.join(notes) + ')' if notes else ''}."
    return whole[0].upper() + whole[1:]


def _brief(step: Step, catalogue: CatalogueLike) -> str:
    said = step.name or _title(step, catalogue)
    return f"{said} (if {_bare(step.if_)})" if step.if_ is not None else said


def _title(step: Step, catalogue: CatalogueLike) -> str:
    if step.uses is None:
        return f"{len(step.steps)} step{'s' if len(step.steps) != 1 else ''}"
    action = catalogue.action(step.uses)
    return (action.title if action and action.title else step.uses).rstrip(".")


def _action(step: Step, catalogue: CatalogueLike) -> str:
    if step.uses is None:
        return step.name or _title(step, catalogue)
    action = catalogue.action(step.uses)
    title = _title(step, catalogue)
    needed = [name for name, one in action.inputs.items() if one.required] if action else []
    shown = [name for name in needed if name in step.with_] or list(step.with_)[:2]
    given = ", ".join(f"{name} {_value(step.with_[name])}" for name in shown)
    return f"{title}" + (f": {given}" if given else "")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(str(name) for name in value)
    if isinstance(value, list):
        return f"{len(value)} entries" if len(value) != 1 else "1 entry"
    text = _bare(str(value))
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _bare(text: str) -> str:
    whole = text.strip()
    inner = whole.removeprefix("{{").removesuffix("}}").strip()
    single = whole.startswith("{{") and whole.endswith("}}") and "{{" not in inner
    return inner if single else " ".join(whole.split())
