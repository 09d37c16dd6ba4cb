"""What a file's JSON Schema says against it, in sentences with places.

The schemas are the files that editors are served. Nothing here knows a key: a new one is added there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal

from jsonschema import Draft202012Validator

from ringback import paths
from ringback.problems import Problem
from ringback.workflow.nearest import did_you_mean, nearest
from ringback.yamltext import Document

Place = tuple[str | int, ...]
Error = Any
"""A `jsonschema.ValidationError`, whose attributes its types call possibly unset; those of a raised one never are."""
Hint = Callable[[Place, str], str | None]
"""What to do about an unknown key at a path, where more is known than the schema says."""

_KINDS = {
    "string": "a text",
    "object": "names and values",
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "empty",
}


@cache
def schema(name: Literal["workflow", "project"]) -> Mapping[str, Any]:
    """The JSON Schema of a workflow or of ringback.yaml."""
    text = (paths.shelf("schemas") / f"{name}.schema.json").read_text("utf-8")
    read: Mapping[str, Any] = json.loads(text)
    return read


@cache
def _validator(name: Literal["workflow", "project"]) -> Draft202012Validator:
    return Draft202012Validator(schema(name))


def shape_problems(
    document: Document, name: Literal["workflow", "project"], hint: Hint | None = None
) -> list[Problem]:
    """Everything that the schema finds in a document, in no particular order."""
    if document.data is None:
        if document.broken:
            return []
        return [
            document.problem(
                "empty",
                "The file is empty.",
                "Start with a `trigger` and `steps`." if name == "workflow" else "",
            )
        ]
    found: list[Problem] = []
    for error in _validator(name).iter_errors(document.data):
        found.extend(_translate(document, error, hint))
    return found


def said(value: Any) -> str:
    """A value as a sentence names it: `the number 5`, `the text “yes”`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text “{value if len(value) <= 60 else value[:59] + '…'}”"
    return "names and values" if isinstance(value, Mapping) else "a list"


def a(noun: str) -> str:
    """The noun with its article: `an example`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _one_of(kinds: Iterable[str]) -> str:
    names = list(dict.fromkeys(kinds))
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _translate(document: Document, error: Error, hint: Hint | None) -> Iterator[Problem]:
    path: Place = tuple(error.absolute_path)
    translate = _BY_KEYWORD.get(str(error.validator))
    if error.validator == "additionalProperties":
        yield from _unknown_keys(document, error, path, hint)
    elif error.validator == "required":
        yield _missing(document, error, path)
    elif translate is not None:
        code, message, then = translate(error)
        yield document.problem(code, message, then, path)
    else:
        yield document.problem(
            "wrong_value", f"{_subject(path)} is not right: {error.message}.", "", path
        )


def _unknown_keys(
    document: Document, error: Error, path: Place, hint: Hint | None
) -> Iterator[Problem]:
    known = list(error.schema.get("properties", ()))
    whole = _whole(error, path)
    for key in error.instance:
        if key in known:
            continue
        then = (hint(path, key) if hint and nearest(key, known) is None else None) or did_you_mean(
            key, known, f"{whole[:1].upper()}{whole[1:]} has"
        )
        if key == "<<":
            then = "Merging with `<<` is not read here; write the keys out."
        yield document.problem(
            "unknown_key", f"`{key}` is not a key of {whole}.", then, (*path, key), "key"
        )


def _whole(error: Error, path: Place) -> str:
    """What a schema describes: `a step` where its title is a noun (in small letters), else the key it stands under."""
    title = str(error.schema.get("title", ""))
    if title[:1].islower() and "." not in title:
        return a(title)
    return f"`{path[-1]}`" if path else title


def _missing(document: Document, error: Error, path: Place) -> Problem:
    lacking = next(key for key in error.validator_value if f"'{key}'" in error.message)
    whole = _whole(error, path).replace("a ", "The ", 1).replace("an ", "The ", 1)
    about = error.schema.get("properties", {}).get(lacking, {})
    return document.problem(
        "missing_key",
        f"{whole} has no `{lacking}`." if path else f"The file has no `{lacking}`.",
        f"Add `{lacking}:` {_for_example(about)}".rstrip(),
        path,
        "key",
    )


def _for_example(about: Mapping[str, Any]) -> str:
    examples = about.get("examples")
    if not examples or isinstance(examples[0], Mapping | list):
        return f"({about['description'].rstrip('.')})." if "description" in about else ""
    return (
        f"such as `{json.dumps(examples[0], ensure_ascii=False)}`."
        if isinstance(examples[0], str) and "{" in examples[0]
        else f"such as `{examples[0]}`."
    )


def _subject(path: Place) -> str:
    if not path:
        return "The file"
    if isinstance(path[-1], int):
        parent = next((str(part) for part in reversed(path) if isinstance(part, str)), "list")
        return f"Entry {path[-1] + 1} of `{parent}`"
    return f"`{path[-1]}`"


def _wrong_type(error: Error) -> tuple[str, str, str]:
    wanted = error.validator_value
    kinds = [wanted] if isinstance(wanted, str) else list(wanted)
    subject = _subject(tuple(error.absolute_path))
    if error.instance is None:
        return (
            "empty",
            f"{subject} is empty.",
            f"Give it {_one_of(_KINDS[kind] for kind in kinds)}, or remove it.",
        )
    example = error.schema.get("examples")
    then = ""
    if isinstance(error.instance, str) and kinds == ["boolean"]:
        then = "Write true or false, without quotes."
    elif example and not isinstance(example[0], Mapping | list):
        then = f"For example: {json.dumps(example[0], ensure_ascii=False)}."
    elif kinds == ["array"]:
        then = "Start each entry with a dash: `- `."
    elif kinds == ["object"]:
        then = "Write names and values, indented below it."
    wants = _one_of(
        _KINDS[kind] for kind in kinds if not ({"integer", "number"} >= {kind} and len(kinds) > 1)
    )
    return "wrong_type", f"{subject} takes {wants}, not {said(error.instance)}.", then


def _not_a_choice(error: Error) -> tuple[str, str, str]:
    choices = [str(choice) for choice in error.validator_value]
    subject = _subject(tuple(error.absolute_path))
    return (
        "not_a_choice",
        f"{subject} cannot be {said(error.instance)}.",
        did_you_mean(str(error.instance), choices, "It can be"),
    )


def _too_few(error: Error) -> tuple[str, str, str]:
    return "empty", f"{_subject(tuple(error.absolute_path))} is empty.", "Fill it in, or remove it."


def _too_many(error: Error) -> tuple[str, str, str]:
    noun = str(error.schema.get("title", "this")).lower()
    keys = ", ".join(f"`{key}`" for key in error.instance)
    return (
        "too_many",
        f"One {noun} has {keys}; it can have only one of them.",
        "Write an entry for each, with a dash.",
    )


def _limit(error: Error) -> tuple[str, str, str]:
    word = "at least" if error.validator == "minimum" else "at most"
    subject = _subject(tuple(error.absolute_path))
    return (
        "wrong_value",
        f"{subject} is {error.instance}; it can be {word} {error.validator_value}.",
        "",
    )


def _name_pattern(error: Error) -> tuple[str, str, str]:
    path = tuple(error.absolute_path)
    if isinstance(error.instance, str) and "propertyNames" in error.absolute_schema_path:
        return (
            "bad_name",
            f"`{error.instance}` cannot be a name in `{path[-1] if path else 'the file'}`.",
            "Use letters, digits and `_`, and start with a letter.",
        )
    return "wrong_value", f"{_subject(path)} cannot be {said(error.instance)}.", ""


_BY_KEYWORD: dict[str, Callable[[Error], tuple[str, str, str]]] = {
    "type": _wrong_type,
    "enum": _not_a_choice,
    "minItems": _too_few,
    "minProperties": _too_few,
    "maxProperties": _too_many,
    "minimum": _limit,
    "maximum": _limit,
    "pattern": _name_pattern,
}
