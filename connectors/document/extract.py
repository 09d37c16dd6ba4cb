"""`document.extract`: named fields out of a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ringback.sdk import Context, Failure

from .content import Content
from .fields import Field, declare
from .fieldtypes import Written, convert
from .finder import find
from .labels import nearest
from .pairs import labels
from .reader import read_document
from .scan import Find
from .setting import Setting, setting
from .tables import read_table

NEAR = 0.1
MAX_FINDS = 200
_NEXT = "Put the document's own word in the field's `label`, make the field optional, or set `when_missing: continue`."


@dataclass(slots=True)
class Reading:
    """What came of reading: the values, where each was found, and what was wrong."""

    values: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    absent: list[Field] = field(default_factory=list)
    lacking: list[Field] = field(default_factory=list)

    def problem(self, code: str, message: str, following: str = "", name: str = "") -> None:
        self.problems.append({"code": code, "message": message, "next": following, "field": name})


def extract(inputs: dict[str, Any], context: Context) -> dict[str, Any]:
    """Read the fields that a step asks for.

    Returns:
        Each field's value by its name, and `found` and `problems`.

    Raises:
        Failure: `document_refused`; `invalid_input` for a wrong declaration; `field_missing` where required
            fields are not there, empty, of the wrong type or there twice with different values (all in one),
            unless `when_missing` is `continue`.
    """
    fields = declare(inputs.get("fields") or {})
    content = read_document(context.path(inputs["file"]), bool(inputs.get("comments")))
    place = setting(context.project, context.now().year, str(inputs.get("country") or ""))
    reading = read_fields(content, fields, place)
    if reading.lacking and inputs.get("when_missing", "fail") != "continue":
        raise _failure(content, reading)
    return {**reading.values, "found": reading.found, "problems": reading.problems}


def read_fields(content: Content, fields: Sequence[Field], place: Setting) -> Reading:
    """Read every field; what is missing is recorded, not raised."""
    reading = Reading()
    finds = find(content, {one.name: one.labels for one in fields if one.type != "table"})
    for code, sentence in content.notes:
        reading.problem(code, sentence)
    for asked in fields:
        if asked.type == "table":
            _table(content, asked, place, reading)
        else:
            _value(finds[asked.name], asked, place, reading)
    return reading


def _table(content: Content, asked: Field, place: Setting, reading: Reading) -> None:
    rows = read_table(content, asked, place)
    if rows is None or not rows.values:
        heads = ", ".join(column.labels[0] for column in asked.columns if column.required)
        message = (
            f"The document has no table with the columns {heads} (`{asked.name}`)."
            if rows is None
            else f"The table for `{asked.name}` ({rows.where}) has no row that can be read."
        )
        _missing(asked, "missing" if rows is None else "empty", message, reading)
    else:
        reading.values[asked.name] = rows.values
    if rows is not None:
        reading.found[asked.name] = {
            "value": f"{len(rows.values)} rows",
            "how": "table",
            "where": rows.where,
            "label": ", ".join(rows.heads),
            "score": 0.9,
        }
        for code, message in rows.problems:
            reading.problem(
                code, message, "Correct the document, or the column's type.", asked.name
            )


@dataclass(slots=True)
class _Read:
    find: Find
    value: Any
    note: str


def _value(finds: list[Find], asked: Field, place: Setting, reading: Reading) -> None:
    """Choose among the finds of one field: filled before empty, of the right type before others, best first."""
    filled = sorted((one for one in finds if one.filled), key=lambda one: -one.score)[:MAX_FINDS]
    read: list[_Read] = []
    wrong: list[tuple[Find, str]] = []
    for one in filled:
        try:
            read.append(
                _Read(one, *convert(Written(one.text, one.control, one.checked), asked, place))
            )
        except ValueError as error:
            wrong.append((one, str(error)))
    if not read:
        _nothing(finds, wrong, asked, reading)
        return
    best = read[0]
    rival = next(
        (
            other
            for other in read[1:]
            if best.find.score - other.find.score <= NEAR
            and other.find.origin != best.find.origin
            and not _same(other.value, best.value)
        ),
        None,
    )
    reading.found[asked.name] = _found(best.find, best.note)
    if rival is not None:
        reading.found[asked.name]["other"] = _found(rival.find, rival.note)
        message = f"{best.find.label} (`{asked.name}`) is there twice: {_quoted(best.find)} and {_quoted(rival.find)}."
        _missing(asked, "ambiguous", message, reading)
        return
    reading.values[asked.name] = best.value


def _same(one: Any, other: Any) -> bool:
    """Whether two values say the same; in texts, case and spacing say nothing."""
    if isinstance(one, str) and isinstance(other, str):
        return " ".join(one.casefold().split()) == " ".join(other.casefold().split())
    return bool(one == other)


def _nothing(
    finds: list[Find], wrong: list[tuple[Find, str]], asked: Field, reading: Reading
) -> None:
    if wrong:
        one, reason = wrong[0]
        reading.found[asked.name] = _found(one, "")
        _missing(
            asked,
            "bad_value",
            f"{one.label} (`{asked.name}`) is {_quoted(one)}, which {reason}.",
            reading,
        )
    elif finds:
        one = max(finds, key=lambda each: each.score)
        reading.found[asked.name] = _found(one, "")
        message = f"{one.label} (`{asked.name}`) is there ({one.where}), but nothing is filled in."
        _missing(asked, "empty", message, reading)
    else:
        reading.absent.append(asked)
        _missing(
            asked,
            "missing",
            f"The document has no {_either(asked.labels)} (`{asked.name}`).",
            reading,
        )


def _missing(asked: Field, code: str, message: str, reading: Reading) -> None:
    """Record what a field lacks. One with a default takes it; an optional one is None, and only a wrong or
    doubtful value is worth a word."""
    reading.values[asked.name] = asked.default
    if asked.required and asked.default is None:
        reading.lacking.append(asked)
        reading.problem(code, message, _NEXT, asked.name)
    elif code in {"bad_value", "ambiguous"}:
        following = "Correct the document, or the field's label or type."
        reading.problem(code, message, following, asked.name)


def _failure(content: Content, reading: Reading) -> Failure:
    """One failure for all fields: what each lacks, and which labels the document does have, nearest first."""
    names = {asked.name for asked in reading.lacking}
    told = [one["message"] for one in reading.problems if one["field"] in names]
    detail: dict[str, Any] = {
        "fields": {asked.name: list(asked.labels) for asked in reading.lacking},
        "problems": [one for one in reading.problems if one["field"] in names],
    }
    if reading.absent:
        wanted = [
            label for asked in reading.absent if asked in reading.lacking for label in asked.labels
        ]
        there = labels(content)
        if wanted:
            near = nearest(wanted, there)
            detail["labels"] = near
            told.append(_there(near, len(there)))
    count = f"{len(names)} fields are missing. " if len(names) > 1 else ""
    return Failure("field_missing", count + " ".join(dict.fromkeys(told)), _NEXT, detail=detail)


def _there(near: list[str], count: int) -> str:
    if not near:
        return "It has no labels that can be read at all."
    more = f" and {count - len(near)} more" if count > len(near) else ""
    return f"It has these labels: {', '.join(near)}{more}."


def _found(one: Find, note: str) -> dict[str, Any]:
    value: Any = one.checked if one.checked is not None else one.text
    made = {
        "value": value,
        "how": one.how,
        "where": one.where,
        "label": one.label.strip(),
        "score": round(one.score, 2),
    }
    return {**made, "note": note} if note else made


def _quoted(one: Find) -> str:
    text = " ".join(one.text.split())
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"“{text}” ({one.where})"


def _either(words: Iterable[str]) -> str:
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"
