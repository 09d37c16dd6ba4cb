"""Mended lines: edits, the places they came from, and the quotes that are missing most often."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

Place = tuple[int, int]
KEY = re.compile(r"(\s*(?:-\s+)*)([^\s#'\"{}\[\]][^#'\"{}\[\]]*?|'[^']*'|\"[^\"]*\")\s*:(?:\s+|$)")
MARKS = frozenset({"'", '"'})
DASHES = re.compile(r"\s*(?:-\s+)*")


@dataclass(frozen=True)
class Edit:
    """Replace columns `start` to `end` of a line (0-based)."""

    line: int
    start: int
    end: int
    text: str


@dataclass
class Finding:
    """One mistake, everywhere it stands, and the edits that mend it (none: reading cannot go on)."""

    code: str
    message: str
    next: str
    places: list[tuple[Place, Place]]
    edits: list[Edit] = field(default_factory=list)


Rule = Callable[[list[str], Place, Place], Finding | None]
"""Lines, where the parser lost the thread, and where what it was reading began."""


def apply(edits: list[Edit], lines: list[str], origins: dict[int, list[int]]) -> list[str]:
    """The lines with the edits made; `origins` learns where each character of a changed line came from."""
    mended = list(lines)
    for edit in sorted(edits, key=lambda edit: (edit.line, -edit.start)):
        line = mended[edit.line]
        origin = origins.get(edit.line) or list(range(len(line) + 1))
        last = max(edit.end - 1, edit.start)
        grown = [origin[min(edit.start + at, last)] for at in range(len(edit.text))]
        origins[edit.line] = origin[: edit.start] + grown + origin[edit.end :]
        mended[edit.line] = line[: edit.start] + edit.text + line[edit.end :]
    return mended


def quote(line: int, text: str, start: int, end: int) -> list[Edit]:
    """Edits that put columns `start` to `end` of a line into single quotes."""
    inner = [Edit(line, at, at, "'") for at in range(start, end) if text[at] == "'"]
    return [*inner, Edit(line, end, end, "'"), Edit(line, start, start, "'")]


def value_start(text: str) -> int:
    """The column at which the value of a line starts: after its key, else after its dashes."""
    key = KEY.match(text)
    dashes = DASHES.match(text)
    return key.end() if key else dashes.end() if dashes else 0


def value_end(text: str, start: int) -> int:
    """Where a value that starts at `start` ends: before a comment, without trailing blanks."""
    comment = re.search(r"\s#", text[start:])
    return start + len(
        (text[start : start + comment.start()] if comment else text[start:]).rstrip()
    )


def quoted(shown: str) -> str:
    """The text with quotes around it that it does not hold itself."""
    mark = '"' if '"' not in shown and "\\" not in shown else "'"
    return f"{mark}{shown}{mark}" if mark not in shown else "it in quotes"


def unquoted(lines: list[str], place: Place, in_flow: bool) -> Finding:
    """A value that begins with `{{` outside quotes."""
    line, start = place
    text = lines[line]
    end = value_end(text, start)
    if in_flow:
        close = text.find("}}", start)
        stop = re.search(r"[,}\]]", text[close + 2 :]) if close >= 0 else None
        end = close + 2 + (stop.start() if stop else 0) if close >= 0 else end
        end = start + len(text[start:end].rstrip())
    return Finding(
        "unquoted_template",
        f"A value that starts with `{text[start : start + 2]}` must stand in quotes: without them YAML reads the braces as a map.",
        f"Write {quoted(text[start:end])}.",
        [((line, start), (line, end))],
        quote(line, text, start, end),
    )
