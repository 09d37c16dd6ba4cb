"""What a YAML syntax error means in plain words, and how to read on past it.

libyaml says where it lost the thread, not what its writer did. Each rule here recognises one way of losing
it, names the mistake, and mends the lines as the writer most likely meant, so that the mistakes further
down are found in the same pass. A mended line is never written back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml

MOST = 25
"""Syntax mistakes said of one file; after that many, reading ends."""

Place = tuple[int, int]


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


def apply(edits: list[Edit], lines: list[str], origins: dict[int, list[int]]) -> list[str]:
    """The lines with the edits made; `origins` learns where each character of a changed line came from."""
    mended = list(lines)
    for edit in sorted(edits, key=lambda edit: (edit.line, -edit.start)):
        line = mended[edit.line]
        origin = origins.get(edit.line) or list(range(len(line) + 1))
        here = origin[min(edit.start, len(origin) - 1)]
        grown = [
            origin[min(edit.start + at, edit.end, len(origin) - 1)] for at in range(len(edit.text))
        ]
        if (
            not edit.text.startswith(line[edit.start : edit.end])
            and len(edit.text) != edit.end - edit.start
        ):
            grown = [here] * len(edit.text) if edit.start == edit.end else grown
        origins[edit.line] = origin[: edit.start] + grown + origin[edit.end :]
        mended[edit.line] = line[: edit.start] + edit.text + line[edit.end :]
    return mended


def quote(line: int, text: str, start: int, end: int) -> list[Edit]:
    """Edits that put columns `start` to `end` of a line into single quotes."""
    inner = [Edit(line, at, at, "'") for at in range(start, end) if text[at] == "'"]
    return [Edit(line, start, start, "'"), *inner, Edit(line, end, end, "'")]


def _value_end(text: str, start: int) -> int:
    """Where an unquoted value that starts at `start` ends: before a comment, without trailing blanks."""
    comment = re.search(r"\s#", text[start:])
    return start + len(
        (text[start : start + comment.start()] if comment else text[start:]).rstrip()
    )


def unquoted(lines: list[str], place: Place, in_flow: bool) -> Finding:
    """A value that begins with `{{` outside quotes."""
    line, start = place
    text = lines[line]
    end = _value_end(text, start)
    if in_flow:
        close = text.find("}}", start)
        stop = re.search(r"[,}\]]", text[close + 2 :]) if close >= 0 else None
        end = close + 2 + (stop.start() if stop else 0) if close >= 0 else end
        end = start + len(text[start:end].rstrip())
    shown = text[start:end]
    mark = '"' if '"' not in shown else "'"
    return Finding(
        "unquoted_template",
        "A value that starts with `{{` must stand in quotes: without them YAML reads the braces as a map.",
        f"Write {mark}{shown}{mark}.",
        [((line, start), (line, end))],
        quote(line, text, start, end),
    )


Rule = Callable[[yaml.MarkedYAMLError, list[str], Place], "Finding | None"]


def explain(fault: Exception, lines: list[str]) -> Finding:
    """The finding for a parser's error."""
    assert isinstance(fault, yaml.MarkedYAMLError)
    mark = fault.problem_mark or fault.context_mark
    place = (mark.line, mark.column) if mark else (0, 0)
    if place[0] >= len(lines):
        last = max(len(lines) - 1, 0)
        place = (last, len(lines[last]) if lines else 0)
    said = f"This is not valid YAML: {fault.problem or 'it cannot be read from here on'}."
    return Finding(
        "syntax",
        said,
        "Look at this line and the one above it.",
        [(place, (place[0], place[1] + 1))],
    )
