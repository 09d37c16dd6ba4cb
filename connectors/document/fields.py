"""What an operator asks for: field declarations, in all the short forms, made into one shape."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import regex

from ringback.sdk import Failure

TYPES = ("text", "phone", "email", "date", "number", "money", "checkbox", "choice", "list", "table")
KEYS = frozenset(
    {"label", "type", "required", "optional", "pattern", "default", "choices", "table"}
)
RESERVED = frozenset({"found", "problems"})
_SHOWN = "label, type, required, optional, pattern, default, choices, table"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to read. `labels` are synonyms; `columns` are set for a table only."""

    name: str
    labels: tuple[str, ...]
    type: str = "text"
    required: bool = False
    pattern: Any = None
    default: Any = None
    choices: tuple[str, ...] = ()
    columns: tuple[Field, ...] = field(default=())


def declare(fields: Mapping[str, Any]) -> tuple[Field, ...]:
    """Read the `fields` of a step.

    Raises:
        Failure: `invalid_input`, naming every mistake.
    """
    mistakes: list[str] = []
    declared = [_field(str(name), given, mistakes, "fields") for name, given in fields.items()]
    if not declared:
        mistakes.append("`fields` names no field.")
    mistakes.extend(
        f"`{name}` is taken by the step's own output." for name in sorted(RESERVED & set(fields))
    )
    if mistakes:
        raise Failure("invalid_input", " ".join(mistakes), "Correct the `fields` of the step.")
    return tuple(declared)


def _field(name: str, given: Any, mistakes: list[str], where: str, column: bool = False) -> Field:
    place = f"{where}.{name}"
    if given is None or given == "":
        given = {}
    if isinstance(given, str):
        given = {"label": [given]}
    elif isinstance(given, Sequence):
        given = {"label": list(given)}
    if not isinstance(given, Mapping):
        mistakes.append(f"`{place}` is neither a label, a list of labels nor a declaration.")
        return Field(name, (name,))
    for key in given:
        if key not in KEYS:
            hint = _meant(str(key), KEYS) or f"It takes {_SHOWN}."
            mistakes.append(f"`{place}` has no `{key}`. {hint}")
    columns = _columns(place, given.get("table"), mistakes, column)
    kind = (
        "table" if columns else str(given.get("type", "choice" if given.get("choices") else "text"))
    )
    if kind not in TYPES:
        hint = _meant(kind, TYPES) or f"The types are {', '.join(TYPES)}."
        mistakes.append(f"`{place}.type` is `{kind}`, which is no type. {hint}")
    elif kind == "table" and not columns:
        mistakes.append(f"`{place}` is a table without `table:`, which names its columns.")
    choices = given.get("choices") or ()
    if not isinstance(choices, (list, tuple)):
        mistakes.append(f"`{place}.choices` is not a list.")
        choices = ()
    optional = bool(given.get("optional", not column))
    return Field(
        name,
        _labels(place, name, given.get("label"), mistakes),
        kind,
        bool(given.get("required", not optional)),
        _pattern(place, given.get("pattern"), mistakes),
        given.get("default"),
        tuple(str(choice) for choice in choices),
        columns,
    )


def _meant(word: str, words: Iterable[str]) -> str:
    """The nearest right word as a question; one with the same first letter goes before an equally near one."""
    near = difflib.get_close_matches(word, sorted(words), 3)
    near.sort(key=lambda one: one[:1] != word[:1])
    return f"Did you mean `{near[0]}`?" if near else ""


def _labels(place: str, name: str, given: Any, mistakes: list[str]) -> tuple[str, ...]:
    """The labels; a field without one is looked for by its name, `start_date` as "start date"."""
    if given is None or given in ("", []):
        return (name.replace("_", " ").replace("-", " ").strip(),)
    labels = [given] if isinstance(given, str) else given
    if not isinstance(labels, (list, tuple)) or not all(
        isinstance(one, (str, int)) for one in labels
    ):
        mistakes.append(f"`{place}.label` is neither a text nor a list of texts.")
        return (name,)
    return tuple(str(label) for label in labels)


def _columns(place: str, given: Any, mistakes: list[str], nested: bool) -> tuple[Field, ...]:
    if given is None:
        return ()
    if nested or not isinstance(given, Mapping) or not given:
        mistakes.append(f"`{place}.table` is not a set of columns, each a name and its label.")
        return ()
    return tuple(
        _field(str(name), one, mistakes, f"{place}.table", True) for name, one in given.items()
    )


def _pattern(place: str, given: Any, mistakes: list[str]) -> Any:
    if given is None:
        return None
    if len(str(given)) > 1_000:
        mistakes.append(f"`{place}.pattern` is longer than 1,000 characters.")
        return None
    try:
        return regex.compile(str(given))
    except (regex.error, RecursionError, OverflowError) as error:
        mistakes.append(f"`{place}.pattern` is not a regular expression: {error}.")
        return None
