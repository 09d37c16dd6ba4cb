"""A label alone in its line or cell: the value stands beside it or below."""

from __future__ import annotations

import re

from .content import Cell, Content, Control, Line
from .grids import is_grid
from .labels import TICK, clean, fold_map, looks_like_label
from .scan import Find, Scan, Spot, is_ticked

MAX_BELOW = 300
MAX_ROWS = 50


def neighbours(scan: Scan, spot: Spot, line: Line) -> list[Find]:
    content = scan.content
    if line.cell is not None and line.box == line.cell.box:
        lines = content.cell_lines(line.cell)
        if len(lines) == 1:
            return _cells(scan, spot, line.cell)
    taken = _lines_below(scan, spot, line)
    if not taken:
        return [Find("", "same line", line.where, spot.shown, 0.85, spot.origin)]
    text = "\n".join(clean(one.text) for one in taken)
    score = 0.8 if line.cell is not None else 0.6
    control = next(
        (one for one in taken[0].controls if one.kind != "bookmark" and one.text == text), None
    )
    return [Find(text, "line below", taken[0].where, spot.shown, score, spot.origin, control)]


def _lines_below(scan: Scan, spot: Spot, line: Line) -> list[Line]:
    """The next line of the same box, unless it is a label itself. Lines of tick boxes come together."""
    taken: list[Line] = []
    for other in scan.content.lines[spot.index + 1 : spot.index + 12]:
        if other.box != line.box:
            if taken:
                break
            continue
        if other.gap > 1 or (not other.text.strip() and other.controls):
            break
        if not other.text.strip():
            continue
        ticked = re.match(rf"\s*{TICK}", fold_map(other.text)[0]) is not None
        if taken and not ticked:
            break
        if not ticked and (scan.is_label(other.text) or len(other.text) > MAX_BELOW):
            break
        taken.append(other)
        if not ticked:
            break
    return taken


def _cells(scan: Scan, spot: Spot, cell: Cell) -> list[Find]:
    """A label alone in a cell: its value is to the right, else to the left if that is a tick, else below."""
    content, table = scan.content, cell.table
    row = table.rows[cell.row]
    right = row[cell.index + 1] if cell.index + 1 < len(row) else None
    left = row[cell.index - 1] if cell.index else None
    below = content.at(table, cell.row + 1, cell.column)
    if cell.row in table.heads or _column_head(content, cell):
        right = None
    if right is not None and _spacer(content, right):
        right = row[right.index + 1] if right.index + 1 < len(row) else None
    where = f"{table.where}, row {cell.row + 1}"

    def made(text: str, how: str, score: float, of: Cell) -> Find:
        place = f"{table.where}, row {of.row + 1}"
        return Find(
            text, how, place, spot.shown, score, spot.origin, _cell_control(content, of, text)
        )

    finds: list[Find] = []
    if left is not None and (mark := re.fullmatch(TICK, content.cell_text(left).strip().lower())):
        state = is_ticked(mark[0])
        shown = "☒" if state else "☐"
        return [
            Find(
                shown,
                "tick in the cell to the left",
                where,
                spot.shown,
                0.9,
                spot.origin,
                None,
                state,
            )
        ]
    text = content.cell_text(right) if right is not None else ""
    if right is not None and not _heads(scan, cell, right, text):
        finds.append(made(clean(text), "cell to the right", 0.9, right))
        if cell.row or len(row) < 3 or not text:
            return finds
    if below is not None and not below.continued and not scan.is_label(content.cell_text(below)):
        finds.append(made(clean(content.cell_text(below)), "cell below", 0.8, below))
    return finds or [Find("", "same line", where, spot.shown, 0.85, spot.origin)]


def _column_head(content: Content, cell: Cell) -> bool:
    """A cell of a first row that names columns. An even number of cells may as well be labels and values in turn."""
    return cell.row == 0 and len(cell.table.rows[0]) % 2 == 1 and is_grid(content, cell.table)


def _spacer(content: Content, cell: Cell) -> bool:
    """A cell that only parts label and value: a colon, or one of a column that is empty all the way down."""
    text = content.cell_text(cell).strip()
    if text:
        return text in {":", "：", "-", "–"}
    rows = range(min(len(cell.table.rows), MAX_ROWS))
    column = [content.at(cell.table, row, cell.column) for row in rows]
    return len(column) > 1 and not any(one is not None and content.cell_text(one) for one in column)


def _heads(scan: Scan, cell: Cell, right: Cell, text: str) -> bool:
    """Whether the cell to the right is a label too. In a table's first row a label asked for is a column head,
    if there is something under it; elsewhere "Preferred contact | Email" has a value."""
    if looks_like_label(text.split("\n", 1)[0]):
        return True
    found = scan.known.match(fold_map(text.strip())[0])
    if found is None or cell.row:
        return found is not None and bool(found["colon"])
    below = scan.content.at(cell.table, 1, right.column)
    return below is not None


def _cell_control(content: Content, cell: Cell, text: str) -> Control | None:
    for line in content.lines[cell.first : cell.last]:
        for control in line.controls:
            if control.kind != "bookmark" and control.text.strip() == text.strip():
                return control
    return None
