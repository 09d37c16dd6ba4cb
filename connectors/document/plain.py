"""Reading a text file: lines, and where its lines are evenly separated, a table."""

from __future__ import annotations

import csv
from pathlib import Path

from .content import Cell, Content, Line, Table
from .package import refuse

MAX_TEXT = 5 * 1024 * 1024
MAX_LINES = 200_000
_SEPARATORS = "\t;|,"


def decode(content: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with one, else Windows-1252.

    Raises:
        Failure: `document_refused`, where it is none of them.
    """
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    codes = ["utf-16"] if wide else ["utf-8-sig", "cp1252"]
    for code in codes:
        try:
            text = content.decode(code)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise refuse("text_encoding")


def read(path: Path) -> Content:
    """A text file as `Content`. Raises `document_refused` past 5 MB or in an unknown encoding."""
    size = path.stat().st_size
    if size > MAX_TEXT:
        raise refuse("text_large", size=f"{size / 1024 / 1024:.0f} MB")
    text = decode(path.read_bytes())
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").split("\n")
    content = Content("text")
    if len(lines) > MAX_LINES:
        content.notes.append(
            ("text_cut", f"The text has {len(lines):,} lines; the first {MAX_LINES:,} were read.")
        )
        del lines[MAX_LINES:]
    separator = _separator([line for line in lines if line.strip()])
    if separator:
        _table(content, lines, separator)
        return content
    gap = 0
    for number, line in enumerate(lines, start=1):
        if line.strip():
            content.lines.append(Line(line, f"line {number}", gap=gap))
            gap = 0
        else:
            gap += 1
    return content


def _separator(lines: list[str]) -> str:
    """The mark that parts every line into equally many pieces, if one does and no line reads `Label: value`."""
    if len(lines) < 2:
        return ""
    for mark in _SEPARATORS:
        if mark not in lines[0]:
            continue
        try:
            rows = list(csv.reader(lines, delimiter=mark))
        except csv.Error:  # a cell beyond what the csv module takes: then it is no table
            continue
        width = len(rows[0])
        if width < 2:
            continue
        told = sum(bool(row) and ":" in row[0] for row in rows)
        if all(len(row) == width for row in rows) and told * 2 < len(rows):
            return mark
    return ""


def _table(content: Content, lines: list[str], separator: str) -> None:
    table = Table("table 1")
    content.tables.append(table)
    box = 0
    for row in csv.reader([line for line in lines if line.strip()], delimiter=separator):
        cells: list[Cell] = []
        for index, value in enumerate(row):
            box += 1
            cell = Cell(table, len(table.rows), index, index, 1, box, len(content.lines))
            where = f"table 1, row {len(table.rows) + 1}"
            content.lines.extend(Line(part, where, box, cell=cell) for part in value.split("\n"))
            cell.last = len(content.lines)
            cells.append(cell)
        table.rows.append(cells)
    if len(table.rows[0]) > 2:
        table.heads.add(0)
