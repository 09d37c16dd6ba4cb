"""Values that stand in a file against the fields that they are for. A text with a template is taken to fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from typing import Any

from jsonschema import Draft202012Validator

from ringback import words
from ringback.expressions import is_template
from ringback.workflow.model import FieldLike
from ringback.workflow.nearest import did_you_mean, nearest
from ringback.workflow.shape import said
from ringback.workflow.surroundings import Place, Surroundings

FREE = "*"
"""The input name under which a manifest describes keys that it cannot know."""

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_ADDRESS = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_PHONE = re.compile(r"\+?[\d\s()./-]+")
_VARIABLE = re.compile(r"\$\{[A-Za-z_]")
_YES_NO = frozenset({"true", "yes", "on", "1", "false", "no", "off", "0"})

Wrong = tuple[str, str]
"""What a value is not (`a number`), and the next step."""


def inputs_problems(
    around: Surroundings,
    taker: str,
    fields: Mapping[str, FieldLike],
    values: Any,
    path: Place,
    lacking: Place,
    kind: str = "an input",
    beside: Iterable[str] = (),
) -> None:
    """Unknown, missing and wrong values for a set of fields.

    `taker` is what takes them (`sms.send`), `path` where they stand, `lacking` where a missing one is said;
    names that stand `beside` the values by mistake are not missing.
    """
    given: Mapping[str, Any] = values if isinstance(values, Mapping) else {}
    names = [name for name in fields if name != FREE]
    for name, value in given.items():
        field = fields.get(name, fields.get(FREE))
        if field is None:
            then = did_you_mean(name, names, f"{taker} takes")
            then = then or f"{taker} takes nothing; remove it."
            around.say(
                "unknown_key", f"`{name}` is not {kind} of {taker}.", then, (*path, name), "key"
            )
        elif value is not None:
            value_problems(around, field, name, value, (*path, name))
    if around.document.broken:
        return
    taken_by = {nearest(name, names) for name in given if name not in fields}.union(beside)
    for name in names:
        field = fields[name]
        absent = given.get(name) is None
        if absent and field.required and field.default is None and name not in taken_by:
            example = (
                f" For example: {name}: {_shown(field.example)}"
                if field.example is not None
                else ""
            )
            place = (*path, name) if name in given else lacking
            message = (
                f"`{name}` of {taker} is empty." if name in given else f"{taker} needs `{name}`."
            )
            around.say("missing_input", message, f"{_sentence(field)}{example}".strip(), place)


def _sentence(field: FieldLike) -> str:
    text = (field.description or field.title).strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"' if is_template(value) or not value[:1].isalpha() else value
    return "true" if value is True else "false" if value is False else str(value)


def value_problems(
    around: Surroundings, field: FieldLike, name: str, value: Any, path: Place
) -> None:
    """What is wrong with one value; templates and `${NAME}` are taken to fit."""
    if isinstance(value, str) and (
        _VARIABLE.search(value) or (field.template and is_template(value))
    ):
        return
    if field.schema is not None:
        _by_schema(around, field.schema, name, value, path)
    elif field.type == "list":
        _list(around, field, name, value, path)
    elif field.type == "object":
        _object(around, field, name, value, path)
    elif field.choices:
        _choice(around, field.choices, name, value, path)
    elif field.type in _NAMES_OF_PROJECT:
        _NAMES_OF_PROJECT[field.type](around, value, path)
    else:
        wrong = _CHECKS[field.type](value) if field.type in _CHECKS else None
        if wrong is not None:
            around.say(
                "wrong_type", f"`{name}` takes {wrong[0]}, not {said(value)}.", wrong[1], path
            )


def _list(around: Surroundings, field: FieldLike, name: str, value: Any, path: Place) -> None:
    if field.items is None:
        if isinstance(value, Mapping):
            around.say(
                "wrong_type",
                f"`{name}` takes a list, not {said(value)}.",
                "Start each entry with a dash: `- `.",
                path,
            )
        return
    if isinstance(value, list):
        for position, entry in enumerate(value):
            value_problems(around, field.items, f"{name}[{position + 1}]", entry, (*path, position))
    else:
        value_problems(around, field.items, name, value, path)


def _object(around: Surroundings, field: FieldLike, name: str, value: Any, path: Place) -> None:
    if not isinstance(value, Mapping):
        around.say(
            "wrong_type",
            f"`{name}` takes names and values, not {said(value)}.",
            "Write them indented below it.",
            path,
        )
    elif field.properties or field.additional is not None:
        free = {} if field.additional is None else {FREE: field.additional}
        inputs_problems(
            around, f"`{name}`", {**field.properties, **free}, value, path, path, "a key"
        )


def _choice(
    around: Surroundings, choices: Iterable[Any], name: str, value: Any, path: Place
) -> None:
    words_of = [str(choice) for choice in choices]
    if str(value).strip().casefold() not in {word.casefold() for word in words_of}:
        then = did_you_mean(str(value), words_of, "It can be")
        around.say("not_a_choice", f"`{name}` cannot be {said(value)}.", then, path)


def _by_schema(
    around: Surroundings, schema: Mapping[str, Any], name: str, value: Any, path: Place
) -> None:
    if _holds_template(value):
        return
    error = next(iter(_validator(schema).iter_errors(value)), None)
    if error is None:
        return
    deepest = error
    while deepest.context:
        fitting = [one for one in deepest.context if one.validator not in {"type", "enum"}] or list(
            deepest.context
        )
        deepest = max(fitting, key=lambda one: len(one.absolute_path))
    where = (*path, *deepest.absolute_path)
    if deepest.validator == "pattern":
        message = f"`{where[-1]}` cannot be {said(deepest.instance)}."
    else:
        message = f"`{where[-1]}`: {deepest.message}."
    around.say(
        "wrong_value", message, f"See what `{name}` takes in the connector's reference.", where
    )


_validators: dict[int, tuple[Mapping[str, Any], Draft202012Validator]] = {}


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """The validator of a field's schema, kept with the schema so that its identity stays taken."""
    kept = _validators.get(id(schema))
    if kept is None:
        kept = _validators[id(schema)] = (schema, Draft202012Validator(schema))
    return kept[1]


def _holds_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_template(one) for one in value.values())
    if isinstance(value, list):
        return any(_holds_template(one) for one in value)
    return isinstance(value, str) and is_template(value)


def _workflow(around: Surroundings, value: Any, path: Place) -> None:
    if around.settings is None and not around.siblings:
        return
    known = {*around.siblings, around.workflow_id}
    if str(value) not in known:
        then = did_you_mean(str(value), sorted(known), "The project has")
        around.say("unknown_workflow", f"There is no workflow `{value}`.", then, path)


def connection_problems(around: Surroundings, value: Any, path: Place) -> None:
    """A connection's name, or a list of them, that ringback.yaml does not have."""
    if around.settings is None:
        return
    if isinstance(value, list):
        for position, one in enumerate(value):
            connection_problems(around, one, (*path, position))
    elif (
        isinstance(value, str) and not is_template(value) and value not in around.connectors_in_use
    ):
        then = did_you_mean(value, around.connectors_in_use, "ringback.yaml has")
        then = then or "Add it under `connections` of ringback.yaml."
        around.say("unknown_connection", f"The connection `{value}` is not configured.", then, path)


_NAMES_OF_PROJECT: dict[str, Callable[[Surroundings, Any, Place], None]] = {
    "workflow": _workflow,
    "connection": connection_problems,
}


def _text(value: Any) -> Wrong | None:
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return None
    return "a text", "Put quotes around it." if isinstance(value, bool) else ""


def _number(value: Any) -> Wrong | None:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        float(value)
    except ValueError:
        return "a number", ""
    return None


def _integer(value: Any) -> Wrong | None:
    if _number(value) is None and float(value) % 1 == 0:
        return None
    return "a whole number", ""


def _boolean(value: Any) -> Wrong | None:
    return None if str(value).strip().lower() in _YES_NO else ("true or false", "")


def _duration(value: Any) -> Wrong | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and value:
        return "a duration with its unit", f"Write it in words, such as {value} minutes."
    return _in_words(value, words.duration_ms, "a duration", "15 minutes")


def _size(value: Any) -> Wrong | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None
    return _in_words(value, words.size_bytes, "a size", "5 MB")


def _in_words(value: Any, read: Callable[[str], int], noun: str, example: str) -> Wrong | None:
    try:
        if isinstance(value, bool | list | Mapping):
            raise ValueError
        read(str(value))
    except ValueError:
        return noun, f"Write a number and a unit, such as {example}."
    return None


def _phone(value: Any) -> Wrong | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return "a phone number in quotes", f'Write "+{value}" or "{value}".'
    if isinstance(value, str) and _PHONE.fullmatch(value.strip()):
        count = sum(letter.isdigit() for letter in value)
        if 4 <= count <= 15 + 2 * value.strip().startswith("00"):
            return None
        return (
            "a phone number",
            f'This has {count} digits; write it with its country code, such as "+447700900077".',
        )
    return "a phone number", 'Write one such as "+447700900077", or a template.'


def _email(value: Any) -> Wrong | None:
    if isinstance(value, str) and _EMAIL.fullmatch(value.strip()):
        return None
    return "an e-mail address", "Write one such as office@example.org."


def _url(value: Any) -> Wrong | None:
    if isinstance(value, str) and (_ADDRESS.fullmatch(value.strip())):
        return None
    return "an address", "Start it with https:// or http://."


def _date(value: Any) -> Wrong | None:
    return _iso(value, (date.fromisoformat,), "a date", '"2026-06-28"')


def _time(value: Any) -> Wrong | None:
    return _iso(
        value, (_time_of_day, datetime.fromisoformat), "a time", '"14:30" or "2026-06-28 14:30"'
    )


def _time_of_day(text: str) -> time:
    return time.fromisoformat(text.zfill(5))


def _iso(
    value: Any, readers: Iterable[Callable[[str], Any]], noun: str, example: str
) -> Wrong | None:
    for read in readers:
        try:
            read(str(value).strip())
        except ValueError:
            continue
        return None
    return noun, f"Write one such as {example}."


def _file(value: Any) -> Wrong | None:
    return (
        None
        if isinstance(value, Mapping)
        else ("a file", 'Refer to one, such as "{{ trigger.files.agreement }}".')
    )


def _message(value: Any) -> Wrong | None:
    if isinstance(value, Mapping):
        return None
    if isinstance(value, str) and value.isidentifier():
        return "the message that a step sent", f'Write "{{{{ {value} }}}}".'
    return "the message that a step sent", 'Refer to that step, such as "{{ confirmation }}".'


_CHECKS: dict[str, Callable[[Any], Wrong | None]] = {
    "text": _text, "secret": _text, "number": _number, "integer": _integer, "boolean": _boolean,
    "duration": _duration, "size": _size, "phone": _phone, "email": _email, "url": _url,
    "date": _date, "time": _time, "file": _file, "message": _message,
}  # fmt: skip
