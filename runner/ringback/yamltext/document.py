"""A file as read: its data, and the place of every key and value in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ringback.problems import Problem, Severity, Span

Path_ = tuple[str | int, ...]
Part = Literal["value", "key"]
Place = tuple[int, int]
"""0-based line and column, as libyaml counts them."""


@dataclass(slots=True)
class Node:
    """One value of a file. `start` and `end` are its own, `key_start` and `key_end` its key's."""

    start: Place
    end: Place
    data: Any = None
    style: str = ""
    key_start: Place | None = None
    key_end: Place | None = None
    children: dict[str | int, Node] = field(default_factory=dict)
    count: int = 1


@dataclass
class Document:
    """A file as read.

    `data` is plain Python; dates and clock times are text. `problems` are those of the YAML itself;
    `broken` says that reading had to end before the file did, so what is missing may only be unread.
    """

    file: str
    text: str
    lines: list[str]
    data: Any = None
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False
    origins: dict[int, list[int]] = field(default_factory=dict)

    def node(self, path: Path_) -> Node | None:
        """The node at exactly this path."""
        found = self.root
        for name in path:
            found = found.children.get(name) if found else None
        return found

    def span(self, path: Path_, part: Part = "value") -> Span:
        """Where a value or its key stands; its nearest existing ancestor's key where the path leads nowhere."""
        node = self.root
        for name in path:
            child = node.children.get(name) if node else None
            if child is None:
                part = "key"
                break
            node = child
        if node is None:
            return Span(1, 1, 1, 1)
        if part == "key":
            if node.key_start is not None and node.key_end is not None:
                return self.between(node.key_start, node.key_end)
            return self._first_key(node)
        if node.start == node.end and node.key_start is not None and node.key_end is not None:
            return self.between(node.key_start, node.key_end)
        return self.between(node.start, node.end)

    def _first_key(self, node: Node) -> Span:
        first = next(iter(node.children.values()), None)
        if first is not None and first.key_start is not None and first.key_end is not None:
            return self.between(first.key_start, first.key_end)
        return self.between(node.start, (node.start[0], node.start[1] + 1))

    def inside(self, path: Path_, start: int, end: int) -> Span:
        """Where characters `start` to `end` of the text at `path` stand; the whole text where that is unclear."""
        node = self.node(path)
        if node is None or not isinstance(node.data, str):
            return self.span(path)
        fragment = node.data[start:end]
        written = self._written(node)
        if not fragment.strip() or "\n" in fragment:
            return self.span(path)
        before = node.data[: start + len(fragment) - 1].count(fragment)
        at = -1
        for _ in range(before + 1):
            at = written.find(fragment, at + 1)
            if at < 0:
                return self.span(path)
        head = written[:at].split("\n")
        line = node.start[0] + len(head) - 1
        column = len(head[-1]) + (node.start[1] if len(head) == 1 else 0)
        return self.between((line, column), (line, column + len(fragment)))

    def _written(self, node: Node) -> str:
        """The characters of the file that a node is written with, in the coordinates of `node`."""
        (first, column), (last, end) = node.start, node.end
        taken = [
            self._current(number) for number in range(first, min(last, len(self.lines) - 1) + 1)
        ]
        if last < len(self.lines):
            taken[-1] = taken[-1][:end]
        taken[0] = taken[0][column:]
        return "\n".join(taken)

    def _current(self, number: int) -> str:
        """A line in the coordinates of nodes: as written, or stretched to what a repair made of it."""
        line, origin = self.lines[number], self.origins.get(number)
        if origin is None:
            return line
        return "".join(line[at : at + 1] or " " for at in origin)

    def between(self, start: Place, end: Place) -> Span:
        line, column = self._original(start)
        end_line, end_column = self._original(end)
        while end_line > line and (
            end_column == 0 or not self._line(end_line)[:end_column].strip()
        ):
            end_line -= 1
            end_column = len(self._line(end_line).rstrip())
        return Span(
            line + 1,
            column + 1,
            end_line + 1,
            max(end_column, column if end_line == line else 0) + 1,
        )

    def _line(self, number: int) -> str:
        return self.lines[number] if number < len(self.lines) else ""

    def _original(self, place: Place) -> Place:
        line, column = place
        origin = self.origins.get(line)
        if origin is None:
            return place
        if column < len(origin):
            return line, origin[column]
        return line, len(self._line(line))

    def problem(
        self,
        code: str,
        message: str,
        next: str = "",  # noqa: A002
        path: Path_ = (),
        part: Part = "value",
        severity: Severity = "error",
    ) -> Problem:
        """A problem of the value or key at `path`."""
        return self.problem_at(code, message, next, self.span(path, part), severity)

    def problem_at(
        self,
        code: str,
        message: str,
        next: str,  # noqa: A002
        span: Span,
        severity: Severity = "error",
    ) -> Problem:
        """A problem at a place of this file."""
        text = self._line(span.line - 1)
        return Problem(code, message, next, self.file, span, text, severity)
