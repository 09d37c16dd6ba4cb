"""A body against its JSON Schema, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import regex
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry

MOST_SHOWN = 50
_PATTERN_SECONDS = 0.2
_SHOWN = 60
_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_SENTENCES: dict[str, str] = {
    "enum": "{value} is not one of: {limit}.",
    "const": "{value} is not {limit}.",
    "pattern": "{value} does not match the pattern {limit}.",
    "format": "{value} is not a valid {limit}.",
    "minLength": "{value} is shorter than {limit} characters.",
    "maxLength": "{value} is longer than {limit} characters.",
    "minimum": "{value} is less than {limit}.",
    "maximum": "{value} is more than {limit}.",
    "exclusiveMinimum": "{value} is not more than {limit}.",
    "exclusiveMaximum": "{value} is not less than {limit}.",
    "multipleOf": "{value} is not a multiple of {limit}.",
    "minItems": "There are fewer than {limit} entries.",
    "maxItems": "There are more than {limit} entries.",
    "uniqueItems": "An entry comes twice.",
}
"""One sentence for each keyword whose meaning needs no more than the value and its limit."""


def compile_schema(schema: Any) -> Callable[[Any], list[tuple[str, str]]]:
    """A function from a body to all its mistakes, as (place, sentence) in the order of the body; at most 50.

    References to other documents are not fetched. The schema itself was checked with the workflow.
    """
    validator = _Validator(schema, format_checker=FormatChecker(), registry=Registry())

    def mistakes(body: Any) -> list[tuple[str, str]]:
        found = sorted(validator.iter_errors(body), key=lambda error: list(map(str, error.path)))
        said = [pair for error in found for pair in _say(error)]
        return list(dict.fromkeys(said))[:MOST_SHOWN]

    return mistakes


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    if not isinstance(value, str):
        return
    try:
        fits = regex.search(pattern, value, timeout=_PATTERN_SECONDS)
    except TimeoutError:
        fits = None
    if not fits:
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_extend: Any = extend  # untyped in jsonschema
_Validator = _extend(Draft202012Validator, {"pattern": _pattern})


def place(path: Iterable[str | int]) -> str:
    """`body.students[0].phone`."""
    made = "body"
    for part in path:
        made += f"[{part}]" if isinstance(part, int) else f".{part}"
    return made


def _say(error: ValidationError) -> list[tuple[str, str]]:
    here, keyword = place(error.absolute_path), str(error.validator)
    limit: Any = error.validator_value
    value: Any = error.instance
    said = "It" if _is_secret(error.schema) else _short(value)
    if keyword == "required" and isinstance(value, dict):
        return [(f"{here}.{name}", "It is missing.") for name in limit if name not in value]
    if keyword == "additionalProperties" and isinstance(value, dict) and limit is False:
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        extra = [name for name in value if name not in known]
        return [(f"{here}.{name}", "There is no such field.") for name in extra]
    if keyword == "type":
        kinds = [limit] if isinstance(limit, str) else list(limit)
        wanted = " or ".join(_KINDS.get(kind, kind) for kind in kinds)
        return [(here, f"{said} is not {wanted}.")]
    if keyword in ("anyOf", "oneOf") and error.context:
        ways = "; or ".join(
            dict.fromkeys(" ".join(text for _, text in _say(inner)) for inner in error.context)
        )
        return [(here, f"{_short(value)} fits none of the allowed forms: {ways}")]
    sentence = _SENTENCES.get(keyword)
    if sentence is None:
        return [(here, f"{error.message}.")]
    shown = ", ".join(map(str, limit)) if isinstance(limit, list) else str(limit)
    return [(here, sentence.format(value=said, limit=shown))]


def _is_secret(schema: Any) -> bool:
    """Whether a schema describes what is never repeated to anybody."""
    return isinstance(schema, dict) and schema.get("format") == "password"


def _short(value: Any) -> str:
    text = f"“{value}”" if isinstance(value, str) else _written(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "An object"
    if isinstance(value, list):
        return "A list"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
