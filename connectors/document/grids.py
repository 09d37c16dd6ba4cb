"""Tables whose first row names their columns."""

from __future__ import annotations

import re

from .content import Content, Table
from .labels import fold

MAX_LENGTH = 60


def is_grid(content: Content, table: Table) -> bool:
    """Whether the first row of a table names its columns."""
    if 0 in table.heads:
        return True
    if len(table.rows) < 2 or len(table.rows[0]) < 3:
        return False
    width = len(table.rows[0])
    heads = [content.cell_text(cell) for cell in table.rows[0]]
    if len({fold(head) for head in heads}) < width or not all(heads):
        return False
    if not all(any(mark.isalpha() for mark in head) for head in heads):
        return False
    if any(
        len(head) > MAX_LENGTH or head.rstrip().endswith((":", "：")) or re.search(r"\d{2}|@", head)
        for head in heads
    ):
        return False
    firsts = [content.cell_text(row[0]) for row in table.rows[1:] if row]
    return not any(first.rstrip().endswith((":", "：")) for first in firsts)


def grid(content: Content, table: Table) -> list[dict[str, str]]:
    """The rows of a table by its column heads, empty rows left out."""
    heads = [
        content.cell_text(cell) or f"column {at}" for at, cell in enumerate(table.rows[0], start=1)
    ]
    rows = []
    for row in table.rows[1:]:
        made = {
            head: content.cell_text(cell)
            if (cell := content.at(table, row[0].row, top.column))
            else ""
            for head, top in zip(heads, table.rows[0], strict=True)
            if row
        }
        if any(made.values()):
            rows.append(made)
    return rows
