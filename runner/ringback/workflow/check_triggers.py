"""Triggers, inputs and examples of a workflow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from zoneinfo import available_timezones

from ringback.workflow.check_steps import duration_problem
from ringback.workflow.check_values import inputs_problems
from ringback.workflow.cron import cron_problem
from ringback.workflow.nearest import did_you_mean, nearest
from ringback.workflow.surroundings import (
    Data,
    Place,
    Surroundings,
    all_steps,
    entries,
    mapping,
    triggers,
)
from ringback.yamltext import Document


def triggers_problems(around: Surroundings) -> None:
    """Everything about what starts the workflow."""
    data = around.data
    if "trigger" in data and "triggers" in data:
        around.say(
            "two_triggers",
            "The workflow has both `trigger` and `triggers`.",
            "Keep `triggers` and move the one into it.",
            ("triggers",),
            "key",
        )
    misspelt = [
        key
        for key in data
        if nearest(key, ("trigger", "triggers")) and key not in ("trigger", "triggers")
    ]
    if not {"trigger", "triggers"} & data.keys() and not misspelt and not around.document.broken:
        around.say(
            "missing_key",
            "Nothing starts this workflow: it has no `trigger`.",
            "Add `trigger:`, such as `uses: manual`.",
        )
    seen: dict[str, Place] = {}
    for path, said in triggers(data):
        if isinstance(said.get("uses"), str):
            _trigger(around, said["uses"], said, path, seen)


def _trigger(
    around: Surroundings, uses: str, said: Data, path: Place, seen: dict[str, Place]
) -> None:
    trigger = around.catalogue.trigger(uses)
    place = (*path, "uses")
    if trigger is None:
        if around.catalogue.action(uses) is not None:
            message, then = f"`{uses}` is an action, not a trigger.", "Name it under `steps:`."
        else:
            message = f"There is no trigger `{uses}`."
            then = did_you_mean(uses, around.catalogue.triggers)
        around.say("unknown_trigger", message, then, place)
        return
    given = mapping(said.get("with"))
    inputs_problems(
        around, uses, trigger.inputs, said.get("with"), (*path, "with"), place, beside=said
    )
    if trigger.source == "webhook":
        _webhook(around, given, path, seen)
    if trigger.source == "schedule":
        _schedule(around, given, path)
    if trigger.source == "inbound" and given.get("match") == "pattern":
        _patterns(around, given.get("keywords"), (*path, "with", "keywords"))


def _webhook(around: Surroundings, given: Data, path: Place, seen: dict[str, Place]) -> None:
    place = (*path, "with", "path")
    hook = given.get("path")
    if isinstance(hook, str) and hook:
        name = hook.strip("/")
        other = next((file for file, taken in _hooks_of_siblings(around) if taken == name), None)
        if name in seen:
            other = "the trigger above"
        if other:
            around.say(
                "path_taken",
                f"The path `{name}` is already taken by {other}.",
                "Give one of the two another path.",
                place,
            )
        seen[name] = path
    _hook_secret(around, given, path)


def _hook_secret(around: Surroundings, given: Data, path: Place) -> None:
    secret = mapping(given.get("auth")).get("secret")
    if around.settings is None or not isinstance(secret, str):
        return
    known = around.settings.hook_secrets
    if secret not in known:
        around.say(
            "unknown_secret",
            f"ringback.yaml has no secret named `{secret}`.",
            did_you_mean(secret, known, "It has")
            or f"Add it there: `secrets: {{ {secret}: ${{NAME}} }}`.",
            (*path, "with", "auth", "secret"),
        )


def _hooks_of_siblings(around: Surroundings) -> Iterator[tuple[str, str]]:
    for document in around.siblings.values():
        if isinstance(document.data, Mapping):
            yield from hooks(document, around)


def hooks(document: Document, around: Surroundings) -> Iterator[tuple[str, str]]:
    """The webhook paths of a document, each with the file's name."""
    for _, said in triggers(document.data):
        trigger = around.catalogue.trigger(str(said.get("uses")))
        path = mapping(said.get("with")).get("path")
        if trigger is not None and trigger.source == "webhook" and isinstance(path, str):
            yield document.file, path.strip("/")


def _schedule(around: Surroundings, given: Data, path: Place) -> None:
    line = given.get("cron")
    if isinstance(line, str):
        wrong = cron_problem(line)
        if wrong is not None:
            message, part = wrong
            start = max(line.find(part), 0)
            then = "For example: 0 8 * * mon is Mondays at 8:00."
            around.say_inside(
                "cron", message, then, (*path, "with", "cron"), start, start + len(part)
            )
    zone = given.get("timezone")
    if isinstance(zone, str):
        zone_problem(around, zone, (*path, "with", "timezone"))


def _patterns(around: Surroundings, keywords: object, path: Place) -> None:
    """Keywords that are to be regular expressions, and are none."""
    for inner, written in _leaves(keywords):
        try:
            re.compile(str(written))
        except re.error as error:
            message = f"“{written}” is not a regular expression: {error}."
            then = "For example: ^[0-9]{6}$ is six digits and nothing else."
            around.say("pattern", message, then, (*path, *inner))


def _leaves(value: object, path: Place = ()) -> Iterator[tuple[Place, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*path, number))
    else:
        yield path, value


def zone_problem(around: Surroundings, zone: str, path: Place) -> None:
    """A time zone that the IANA database does not have."""
    known = available_timezones()
    if zone not in known:
        then = did_you_mean(zone, sorted(known), "For example").split(", Africa")[0]
        then = then if then.startswith("Did") else "Write one such as Europe/London."
        around.say("unknown_timezone", f"“{zone}” is not a time zone.", then, path)


def examples_problems(around: Surroundings) -> None:
    """Examples that name what the workflow does not have."""
    files = _files_asked_for(around)
    ids = None
    inputs = mapping(around.data.get("inputs"))
    for position, example in entries(around.data.get("examples")):
        path: Place = ("examples", position)
        given = mapping(example.get("given"))
        for name in mapping(given.get("files")):
            if files and name not in files:
                then = did_you_mean(name, files, "It takes")
                place = (*path, "given", "files", name)
                around.say(
                    "unknown_file", f"The trigger takes no file `{name}`.", then, place, "key"
                )
        for name in mapping(example.get("inputs")):
            if name not in inputs:
                then = did_you_mean(name, inputs, "It declares") or "Declare it under `inputs:`."
                around.say(
                    "unknown_key",
                    f"The workflow declares no input `{name}`.",
                    then,
                    (*path, "inputs", name),
                    "key",
                )
        for number, reply in entries(mapping(example.get("gateway")).get("replies")):
            place = (*path, "gateway", "replies", number, "after")
            duration_problem(around, reply.get("after"), "after", place)
        for place, file in _files_of(given, path):
            if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts:
                around.say(
                    "outside",
                    "The file is outside the workflow's folder.",
                    "Put it beside the workflow.",
                    place,
                )
        ids = _expected_steps(around, example, path, ids)


def _files_of(given: Data, path: Place) -> Iterator[tuple[Place, str]]:
    for name, file in mapping(given.get("files")).items():
        if isinstance(file, str):
            yield (*path, "given", "files", name), file


def _files_asked_for(around: Surroundings) -> set[str]:
    return {
        name
        for _, said in triggers(around.data)
        for name in mapping(mapping(said.get("with")).get("files"))
    }


def _expected_steps(
    around: Surroundings, example: Data, path: Place, ids: set[str] | None
) -> set[str]:
    known = (
        ids
        if ids is not None
        else {str(step["id"]) for _, step in all_steps(around.data) if "id" in step}
    )
    for position, expected in entries(example.get("expect")):
        for name in mapping(expected.get("step")):
            if name not in known:
                then = did_you_mean(name, sorted(known), "The steps are")
                place = (*path, "expect", position, "step", name)
                around.say("unknown_name", f"There is no step `{name}`.", then, place, "key")
    return known
