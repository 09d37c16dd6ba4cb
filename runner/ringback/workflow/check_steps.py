"""Steps, one by one: what they use, what they give it, and their own keys."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Any

from ringback import words
from ringback.expressions import RESERVED
from ringback.problems import CODES
from ringback.workflow.check_values import connection_problems, inputs_problems
from ringback.workflow.model import ActionLike
from ringback.workflow.nearest import did_you_mean, nearest
from ringback.workflow.shape import said, schema
from ringback.workflow.surroundings import Data, Place, Surroundings, all_steps, mapping

TEMPLATE_WORDS = frozenset(
    {
        "and", "else", "error", "false", "for", "if", "in", "index", "is", "loop", "namespace", "none", "not",
        "on_error", "on_failure", "or", "range", "set", "steps", "true",
    }
)  # fmt: skip
"""Words that mean something to a template or to a step's path, and so cannot be a step's id."""

_KEYS = frozenset(schema("workflow")["$defs"]["step"]["properties"])

SENDS = "send_message"
"""The engine's operation that texts through whichever gateway the project has."""


def steps_problems(around: Surroundings) -> None:
    """Everything about steps except the names that their templates read."""
    ids: dict[str, Place] = {}
    for path, step in all_steps(around.data):
        _kind(around, step, path)
        _id(around, step, path, ids)
        _own_keys(around, step, path)
        if isinstance(step.get("uses"), str):
            _uses(around, step["uses"], step, path)


def _kind(around: Surroundings, step: Data, path: Place) -> None:
    if "uses" in step and "steps" in step:
        around.say(
            "uses_and_steps",
            "A step either uses an action or holds steps; this one does both.",
            "Make two steps of it.",
            (*path, "steps"),
            "key",
        )
    if "uses" not in step and "steps" not in step and not around.document.broken:
        unknown = [key for key in step if nearest(key, ("uses", "steps")) in {"uses", "steps"}]
        if not unknown:
            around.say(
                "missing_key",
                "The step does nothing: it has neither `uses` nor `steps`.",
                "Add `uses:` with an action, such as `sms.send`.",
                path,
                "key",
            )
    needs = {"else": "if", "as": "for_each", "with": "uses"}
    for key, other in needs.items():
        if key in step and other not in step and not (key == "with" and "steps" not in step):
            around.say(
                f"{key}_without_{other}",
                f"`{key}` has no `{other}` that it belongs to.",
                f"Add `{other}:` to this step, or line `{key}` up with the step that has it."
                if key != "with"
                else "A step that holds steps takes no inputs; move them to the steps inside.",
                (*path, key),
                "key",
            )


def _id(around: Surroundings, step: Data, path: Place, ids: dict[str, Place]) -> None:
    name = step.get("id")
    if isinstance(step.get("as"), str):
        _name(around, step["as"], (*path, "as"), RESERVED - {"item"})
    if not isinstance(name, str):
        return
    place = (*path, "id")
    if not _name(around, name, place, RESERVED):
        return
    if name in ids:
        line = around.document.span(ids[name]).line
        around.say(
            "duplicate_id",
            f"The id `{name}` is already taken by the step on line {line}.",
            "Give this step another one.",
            place,
        )
    else:
        ids[name] = place


def _name(around: Surroundings, name: str, place: Place, reserved: frozenset[str]) -> bool:
    """Whether a template can read the name; says so where it cannot."""
    if not (name.isidentifier() and name.isascii()):
        fitting = "".join(
            letter if letter.isascii() and letter.isalnum() else "_" for letter in name
        )
        fitting = f"step_{fitting}" if fitting[:1].isdigit() else fitting.strip("_")
        then = f"Use letters, digits and `_`, such as `{fitting.lower()}`." if fitting else ""
        around.say("bad_id", f"`{name}` cannot be an id: templates could not read it.", then, place)
        return False
    if name in reserved | TEMPLATE_WORDS or keyword.iskeyword(name):
        taken = ", ".join(sorted(RESERVED))
        around.say(
            "reserved_id",
            f"`{name}` cannot be an id: it already means something in templates.",
            f"Use another word; taken are {taken}." if name in RESERVED else "Use another word.",
            place,
        )
        return False
    return True


def _own_keys(around: Surroundings, step: Data, path: Place) -> None:
    duration_problem(around, step.get("timeout"), "timeout", (*path, "timeout"))
    retry = mapping(step.get("retry"))
    for key in ("delay", "max_delay"):
        duration_problem(around, retry.get(key), key, (*path, "retry", key))
    codes = retry.get("on")
    known = [code for code, about in CODES.items() if about.retry]
    for position, code in enumerate(codes if isinstance(codes, list) else [codes]):
        place = (
            (*path, "retry", "on", position) if isinstance(codes, list) else (*path, "retry", "on")
        )
        if isinstance(code, str) and code not in CODES:
            then = did_you_mean(code, CODES, "There is")
            around.say("unknown_code", f"`{code}` is not a failure code.", then, place)
        elif isinstance(code, str) and code not in known:
            then = f"Trying again can help with {', '.join(known)}."
            around.say(
                "no_retry",
                f"Trying again does not help with `{code}`.",
                then,
                place,
                severity="warning",
            )


def duration_problem(around: Surroundings, value: Any, name: str, path: Place) -> None:
    """A duration among a workflow's own keys, which hold no templates."""
    if value is None or isinstance(value, list | Mapping | bool):
        return
    try:
        words.duration_ms(str(value))
    except ValueError:
        unit = f"{value} seconds" if isinstance(value, int | float) else "30 seconds"
        around.say(
            "wrong_type",
            f"`{name}` takes a duration, not {said(value)}.",
            f"Write a number and a unit, such as {unit}.",
            path,
        )


def _uses(around: Surroundings, uses: str, step: Data, path: Place) -> None:
    action = around.catalogue.action(uses)
    place = (*path, "uses")
    if action is None:
        if around.catalogue.trigger(uses) is not None:
            then = "Name it under `trigger:`; a step uses an action, such as `sms.send`."
            around.say("unknown_action", f"`{uses}` is a trigger, not an action.", then, place)
            return
        prefix = f"{uses.split('.')[0]}."
        names = list(around.catalogue.actions)
        family = [name for name in names if name.startswith(prefix)]
        then = (
            did_you_mean(uses, family, f"{prefix[:-1]} has")
            if family
            else did_you_mean(uses, names)
        )
        around.say("unknown_action", f"There is no action `{uses}`.", then, place)
        return
    misspelt = [key for key in step if key not in _KEYS and nearest(key, _KEYS) == "with"]
    given = step[misspelt[0]] if misspelt else step.get("with")
    inputs_problems(
        around, uses, action.inputs, given, (*path, *(misspelt[:1] or ["with"])), place, beside=step
    )
    _connection(around, action, mapping(step.get("with")), path)


def _connection(around: Surroundings, action: ActionLike, given: Data, path: Place) -> None:
    """That the project has a connection through which the action can work."""
    if around.settings is None:
        return
    place = (*path, "uses")
    in_use = around.connectors_in_use
    if action.engine == SENDS:
        connection_problems(around, given.get("send_through"), (*path, "with", "send_through"))
        kinds = {name: one.kind for name, one in around.catalogue.connectors.items()}
        gateways = [name for name, uses in in_use.items() if kinds.get(uses) == "sms-gateway"]
        if not gateways and not given.get("send_through"):
            around.say(
                "no_connection",
                f"{action.full} has no gateway to send through.",
                "Add a connection that uses a gateway under `connections` of ringback.yaml.",
                place,
            )
        return
    needed = any(
        field.required and field.default is None for field in action.connector.settings.values()
    )
    if needed and not given.get("connection") and action.connector.id not in in_use.values():
        around.say(
            "no_connection",
            f"No connection of this project uses {action.connector.id}, which {action.full} needs.",
            f"Add one with `uses: {action.connector.id}` under `connections` of ringback.yaml.",
            place,
        )
