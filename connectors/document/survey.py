"""`document.survey`: every label and value that the reader sees, nothing asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ringback.sdk import Context

from .content import Content
from .fieldtypes import tidy
from .grids import grid, is_grid
from .pairs import pairs
from .reader import read_document
from .scan import Find


def survey(inputs: dict[str, Any], context: Context) -> dict[str, Any]:
    """The pairs of a stored document, as `survey_file` gives them. Raises `document_refused`."""
    return survey_file(context.path(inputs["file"]), bool(inputs.get("comments")))


def survey_file(path: Path, comments: bool = False) -> dict[str, Any]:
    """`{"values": {label: value}, "found": {label: {...}}, "problems": [...]}` of any document.

    A value is text as written, true or false for a tick box, or rows (`table 2`) for a table with column heads.
    Raises `document_refused`.
    """
    content = read_document(path, comments)
    values: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for label, finds in pairs(content).items():
        taken: list[Any] = []
        for one in finds:
            value = one.checked if one.checked is not None else tidy(one.text)
            if value in taken or (taken and not one.filled):
                continue
            taken.append(value)
            name = label if len(taken) == 1 else f"{label} ({len(taken)})"
            values[name] = value
            found[name] = _found(one, value)
    _tables(content, values, found)
    problems = [
        {"code": code, "message": sentence, "next": "", "field": ""}
        for code, sentence in content.notes
    ]
    return {"values": values, "found": found, "problems": problems}


def _found(one: Find, value: Any) -> dict[str, Any]:
    return {
        "value": value,
        "how": one.how,
        "where": one.where,
        "label": one.label.strip(),
        "score": round(one.score, 2),
    }


def _tables(content: Content, values: dict[str, Any], found: dict[str, Any]) -> None:
    for table in content.tables:
        if not is_grid(content, table):
            continue
        rows = grid(content, table)
        if not rows:
            continue
        values[table.where] = rows
        found[table.where] = {
            "value": f"{len(rows)} rows",
            "how": "table",
            "where": table.where,
            "label": ", ".join(rows[0]),
            "score": 0.9,
        }
