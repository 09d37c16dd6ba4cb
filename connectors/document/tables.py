"""Tables by their column heads: the rows of the table whose head row has the columns asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .content import Content, Table
from .fields import Field
from .fieldtypes import Written, convert
from .labels import clean, fold
from .setting import Setting

MAX_HEAD_ROWS = 10
_TOTALS = re.compile(r"(?:grand )?(?:sub-?)?totals?\b|sum\b|summe\b|total(?:e|es)?\b")
_REMARK = re.compile(r"\s*\([^()]*\)$")


@dataclass(slots=True)
class Rows:
    """The rows of one table field, and (code, sentence) for each row or cell that could not be read."""

    where: str
    heads: tuple[str, ...]
    values: list[dict[str, Any]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Match:
    table: Table
    row: int
    columns: dict[str, int]


def read_table(content: Content, asked: Field, setting: Setting) -> Rows | None:
    """The rows of the table that has all required columns, and most of the others; None where none has.

    Tables with the same head, as after a page break, are read as one.
    """
    matches = [
        match for table in content.tables if (match := _match(content, table, asked)) is not None
    ]
    if not matches:
        return None
    best = max(matches, key=lambda match: len(match.columns))
    rows = Rows(best.table.where, _heads(content, best))
    for match in matches:
        if _heads(content, match) == rows.heads:
            _read(content, match, asked, setting, rows)
    return rows


def _match(content: Content, table: Table, asked: Field) -> _Match | None:
    best: _Match | None = None
    for number, row in enumerate(table.rows[:MAX_HEAD_ROWS]):
        heads = {cell.column: fold(content.cell_text(cell)) for cell in row}
        columns: dict[str, int] = {}
        for column in asked.columns:
            wanted = {fold(label) for label in column.labels}
            for at, head in heads.items():
                if at not in columns.values() and (
                    head in wanted or _REMARK.sub("", head) in wanted
                ):
                    columns[column.name] = at
                    break
        complete = all(column.name in columns for column in asked.columns if column.required)
        if columns and complete and (best is None or len(columns) > len(best.columns)):
            best = _Match(table, number, columns)
    return best


def _heads(content: Content, match: _Match) -> tuple[str, ...]:
    return tuple(content.cell_text(cell) for cell in match.table.rows[match.row])


def _read(content: Content, match: _Match, asked: Field, setting: Setting, rows: Rows) -> None:
    for number, row in enumerate(match.table.rows[match.row + 1 :], start=match.row + 1):
        texts: dict[str, str] = {}
        for column in asked.columns:
            cell = content.at(match.table, number, match.columns.get(column.name, -1))
            texts[column.name] = clean(content.cell_text(cell)) if cell is not None else ""
        first = next((text for cell in row if (text := content.cell_text(cell))), "")
        if not any(texts.values()) or _TOTALS.match(fold(first)):
            continue
        where = f"{match.table.where}, row {number + 1}"
        value = _row(texts, asked, setting, where, rows)
        if value is not None:
            rows.values.append(value)


def _row(
    texts: dict[str, str], asked: Field, setting: Setting, where: str, rows: Rows
) -> dict[str, Any] | None:
    made: dict[str, Any] = {}
    for column in asked.columns:
        text = texts[column.name]
        made[column.name] = column.default
        if not text:
            if column.required and column.default is None:
                rows.problems.append(
                    (
                        "row_incomplete",
                        f"{where} has no {column.labels[0]}, so the row is left out.",
                    )
                )
                return None
            continue
        try:
            made[column.name] = convert(Written(text), column, setting)[0]
        except ValueError as error:
            fate = ", so the row is left out" if column.required else ""
            rows.problems.append(
                (
                    "bad_value",
                    f"{column.labels[0]} in {where} is “{_short(text)}”, which {error}{fate}.",
                )
            )
            if column.required:
                return None
    return made


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."
