"""Where a cursor is in a file that is still being typed, told from its indentation: such a file does not parse."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Place = tuple[str | int, ...]

_KEY = re.compile(r"([A-Za-z_][\w.-]*|'[^']*'|\"[^\"]*\")\s*:(?=\s|$)")
_WORD = re.compile(r"[\w.-]*$")
_NAMES = re.compile(r"[A-Za-z_][\w.]*$")
_BLOCK = re.compile(r"[|>][-+0-9]*\s*(#.*)?$")


@dataclass
class Outline:
    """The keys of a text by path: line (1-based), column of the key (0-based), and the text after its colon."""

    keys: dict[Place, tuple[int, int, str]] = field(default_factory=dict)

    def value(self, path: Place) -> str:
        """The text after a key's colon, without quotes; empty where the key is not there."""
        return self.keys.get(path, (0, 0, ""))[2].split(" #")[0].strip().strip("\"'")

    def beside(self, path: Place) -> set[str]:
        """The keys directly under a path."""
        return {str(key[-1]) for key in self.keys if key[:-1] == path and len(key) == len(path) + 1}


@dataclass(frozen=True)
class Cursor:
    """What stands at a cursor.

    `path` is the place: of the map for a key being typed, of the key for its value. `typed` is the part of
    the word before the cursor, which starts at `start` (0-based column). In a template, `typed` is the dotted
    name, or the filter's name after a bar.
    """

    kind: Literal["key", "value", "name", "filter"]
    path: Place
    typed: str
    start: int


class _Stack:
    """The open keys and entries above a line, each with its column."""

    def __init__(self) -> None:
        self.open: list[tuple[int, str | int]] = []
        self.counts: Counter[Place] = Counter()

    @property
    def path(self) -> Place:
        return tuple(part for _, part in self.open)

    def dash(self, column: int) -> None:
        while self.open and (
            self.open[-1][0] > column
            or (self.open[-1][0] == column and isinstance(self.open[-1][1], int))
        ):
            self.open.pop()
        at = self.counts[self.path]
        self.counts[self.path] += 1
        self.open.append((column, at))

    def down_to(self, column: int) -> None:
        while self.open and self.open[-1][0] >= column:
            self.open.pop()


def _head(line: str) -> tuple[list[int], int]:
    """The columns of a line's dashes, and the column at which its key or value starts."""
    dashes, at = [], len(line) - len(line.lstrip())
    while line[at : at + 2] == "- " or line[at:] == "-":
        dashes.append(at)
        at += 1
        at += len(line[at:]) - len(line[at:].lstrip())
    return dashes, at


def outline(lines: list[str]) -> Outline:
    """Every key of the lines by its path."""
    found, stack = Outline(), _Stack()
    block: int | None = None
    for number, line in enumerate(lines):
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if not text or (block is not None and indent > block):
            continue
        block = None
        if not text.startswith("#"):
            block = _take(found, stack, number, line)
    return found


def _take(found: Outline, stack: _Stack, number: int, line: str) -> int | None:
    """Add one line; the column of its key where a block text starts below it."""
    dashes, at = _head(line)
    for column in dashes:
        stack.dash(column)
    key = _KEY.match(line, at)
    if key is None:
        return None
    stack.down_to(at)
    name = key[1].strip("\"'")
    stack.open.append((at, name))
    value = line[key.end() :].strip()
    found.keys.setdefault(stack.path, (number + 1, at, value))
    return at if _BLOCK.match(value) else None


def cursor(lines: list[str], line: int, column: int) -> Cursor:
    """What stands at a 1-based line and column."""
    number = min(line - 1, max(len(lines) - 1, 0))
    text = lines[number] if lines else ""
    before = text[: column - 1]
    stack, block = _Stack(), None
    scratch = Outline()
    for above in range(number):
        here = lines[above]
        if here.strip() and not (block is not None and len(here) - len(here.lstrip()) > block):
            block = None if here.lstrip().startswith("#") else _take(scratch, stack, above, here)
    dashes, at = _head(before)
    in_block = block is not None and (not text.strip() or len(text) - len(text.lstrip()) > block)
    if in_block:
        return _template(before, stack.path) or Cursor("value", stack.path, "", column - 1)
    for dash in dashes:
        stack.dash(dash)
    key = _KEY.match(before, at)
    stack.down_to(at)
    if key is None:
        word = _WORD.search(before)
        typed = word.group() if word else ""
        return _template(before, stack.path) or Cursor(
            "key", stack.path, typed, len(before) - len(typed)
        )
    return _after_key(before, key.end(), (*stack.path, key[1].strip("\"'")))


def _after_key(before: str, at: int, path: Place) -> Cursor:
    """What stands behind a key on its own line, which may be maps and lists in braces."""
    kind: Literal["key", "value"] = "value"
    opened: list[tuple[str, Place]] = []
    entry: Counter[Place] = Counter()
    quote, start = "", at
    for position in range(at, len(before)):
        letter = before[position]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and not before[start:position].strip():
            quote = letter
        elif (
            letter in "{["
            and not before[start:position].strip()
            and before[position : position + 2] != "{{"
        ):
            opened.append((letter, path))
            kind, start = ("key" if letter == "{" else "value"), position + 1
            path = path if letter == "{" else (*path, 0)
        elif letter == ":" and kind == "key" and opened:
            path = (*opened[-1][1], before[start:position].strip().strip("\"'"))
            kind, start = "value", position + 1
        elif letter == "," and opened:
            outer = opened[-1][1]
            entry[outer] += 1
            is_map = opened[-1][0] == "{"
            kind, path, start = (
                ("key", outer, position + 1)
                if is_map
                else ("value", (*outer, entry[outer]), position + 1)
            )
        elif letter in "}]" and opened:
            path = opened.pop()[1]
            kind, start = "value", position + 1
    template = _template(before[start:], path, start)
    if template is not None:
        return template
    if path and path[-1] == "if":
        return _names(before, path, len(before))
    typed = before[start:].lstrip().lstrip("\"'")
    return Cursor(kind, path, typed, len(before) - len(typed))


def _template(before: str, path: Place, offset: int = 0) -> Cursor | None:
    opens = max(before.rfind("{{"), before.rfind("{%"))
    if opens < 0 or max(before.rfind("}}"), before.rfind("%}")) > opens:
        return None
    return _names(before[opens + 2 :], path, offset + len(before))


def _names(inside: str, path: Place, end: int) -> Cursor:
    word = _NAMES.search(inside)
    typed = word.group() if word else ""
    rest = inside[: len(inside) - len(typed)].rstrip()
    kind: Literal["name", "filter"] = (
        "filter" if rest.endswith("|") and not rest.endswith("||") else "name"
    )
    return Cursor(kind, path, typed, end - len(typed))
