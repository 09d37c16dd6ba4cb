"""Where the walk over a part's XML stands, and how lines and controls are closed on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .content import Cell, Content, Control, Line, Place, Table

MAX_BOOKMARK_LINES = 20


@dataclass(slots=True)
class Code:
    """A field being read: its code, then (after `separate`) what it shows."""

    shown: bool = False
    control: Control | None = None
    silent: bool = False


@dataclass(slots=True)
class Walk:
    """Where the walk stands. `muted` counts the reasons to drop text."""

    content: Content
    story: str = ""
    side: bool = False
    where: str = ""
    box: int = 0
    boxes: int = 0
    paragraphs: int = 0
    gap: int = 0
    muted: int = 0
    nesting: int = 0
    offset: int = 0
    length: int = 0
    marked: bool = False
    joined: bool = False
    inside: bool = False
    buffer: list[str] = field(default_factory=list)
    pending: list[Any] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    bookmarks: dict[str, tuple[str, Place]] = field(default_factory=dict)
    table: Table | None = None
    cell: Cell | None = None

    def say(self, text: str) -> None:
        if not self.muted:
            self.buffer.append(text)
            self.length += len(text)

    def here(self) -> Place:
        self.marked = True
        return len(self.content.lines), self.length

    def end_line(self) -> None:
        """Close the line being built; an empty one only widens the gap, unless a control stands in it."""
        text = "".join(self.buffer)
        self.buffer.clear()
        self.length = 0
        if self.marked or text.strip():
            where = self.where
            if not where:
                self.paragraphs += bool(text.strip())
                where = f"paragraph {self.paragraphs}"
            line = Line(text, where, self.box, self.gap, self.side, self.cell)
            self.content.lines.append(line)
            self.gap = 0
            self.marked = False
        else:
            self.gap += 1

    def place(self, word: str, inside: str | None = None) -> str:
        outer = self.story if inside is None else inside
        return f"{outer}, {word}" if outer else word


def settle(content: Content, control: Control) -> None:
    """Give a control its text, now that the lines it spans are closed."""
    (first, start), (last, end) = control.start, control.end
    lines = content.lines[first : last + 1]
    if control.kind == "bookmark" and len(lines) > MAX_BOOKMARK_LINES:
        return
    texts = [line.text for line in lines]
    if texts and last < len(content.lines):
        texts[-1] = texts[-1][:end]
    if texts:
        texts[0] = texts[0][start:]
    control.text = control.text or "\n".join(texts).strip()
    if lines and control.kind != "bookmark":
        lines[0].controls.append(control)


def close(walk: Walk, control: Control) -> None:
    """End a control here, and keep it if it is in the text at all."""
    if walk.muted:
        return
    lines = walk.content.lines
    if not walk.length and control.start[0] < len(lines):
        # it held whole paragraphs: it ends with the last of them, and marks nothing on the next
        control.end = len(lines) - 1, len(lines[-1].text)
        control.where = lines[control.start[0]].where
        walk.marked = False
    else:
        control.end = walk.here()
        control.where = walk.where or f"paragraph {walk.paragraphs + 1}"
    walk.content.controls.append(control)
