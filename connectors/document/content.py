"""What a document holds, in one shape for every format.

A reader (`docx`, `pdf`, `plain`) fills a `Content`; the finder and the survey read nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_MERGED = 200
Place = tuple[int, int]
"""An index into `Content.lines` and an offset into that line's text."""


@dataclass(slots=True)
class Control:
    """A place made for an answer: a content control, a form field, a bookmark.

    `text` is what it shows, empty where it shows its placeholder. `checked` is the state of a tick box;
    `iso` the date that a date picker keeps; `choice` the value behind a drop-down's shown words.
    """

    kind: str
    tag: str = ""
    title: str = ""
    name: str = ""
    where: str = ""
    start: Place = (0, 0)
    end: Place = (0, 0)
    text: str = ""
    checked: bool | None = None
    iso: str | None = None
    items: tuple[tuple[str, str], ...] = ()

    @property
    def choice(self) -> str | None:
        return next((value for shown, value in self.items if shown == self.text.strip()), None)


@dataclass(slots=True)
class Line:
    """One line of text. `box` names what it stands in (a story, a cell, a text box): only lines of one
    box are neighbours. `gap` counts the empty lines before it. `side` is true in headers and footers."""

    text: str
    where: str
    box: int = 0
    gap: int = 0
    side: bool = False
    cell: Cell | None = None
    controls: list[Control] = field(default_factory=list)


@dataclass(slots=True)
class Cell:
    """A table cell: its lines are `lines[first:last]` of the content, nested tables included."""

    table: Table
    row: int
    index: int
    column: int
    span: int
    box: int
    first: int = 0
    last: int = 0
    continued: bool = False


@dataclass(slots=True)
class Table:
    """Rows of cells. `heads` holds the rows that are marked as heading rows."""

    where: str
    rows: list[list[Cell]] = field(default_factory=list)
    heads: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Content:
    """A document. `kind` is docx, pdf or text; `notes` are (code, sentence) about what was left unread."""

    kind: str
    lines: list[Line] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pages: int | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)

    def cell_lines(self, cell: Cell) -> list[Line]:
        """The lines of a cell that say something: its own, or those of what is nested in it."""
        lines = [line for line in self.lines[cell.first : cell.last] if line.text.strip()]
        return [line for line in lines if line.box == cell.box] or lines

    def cell_text(self, cell: Cell) -> str:
        """A cell's text, lines joined by newlines. A cell merged with the one above has that one's text."""
        for _ in range(MAX_MERGED):
            if not cell.continued or cell.row == 0:
                break
            above = self.at(cell.table, cell.row - 1, cell.column)
            if above is None:
                break
            cell = above
        return "\n".join(line.text.strip() for line in self.cell_lines(cell))

    @staticmethod
    def at(table: Table, row: int, column: int) -> Cell | None:
        """The cell that covers a grid column of a row."""
        if not 0 <= row < len(table.rows):
            return None
        for cell in table.rows[row]:
            if cell.column <= column < cell.column + cell.span:
                return cell
        return None

    def text(self) -> str:
        """All text in reading order, a line each."""
        return "\n".join(line.text for line in self.lines if line.text.strip())
