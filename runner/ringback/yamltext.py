"""YAML with a place for everything: what a file says, where it says it, and what is wrong with it.

The scanner and parser are libyaml's, by pyyaml; the tree is built here from its events, because a place is
needed for every key and value, because reading must go on past a mistake, and because neither nesting nor
aliases may exhaust the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ringback import yamlrepair, yamlscalars
from ringback.problems import Problem, Severity, Span

MAX_SIZE = 1_000_000
"""Characters of one file; the largest workflow worth reading is a hundredth of this."""
MAX_DEPTH = 50
MAX_NODES = 50_000
"""Values in one file, each alias counted as everything it stands for."""

Path_ = tuple[str | int, ...]
Part = Literal["value", "key"]
Place = tuple[int, int]
"""0-based line and column, as libyaml counts them."""

# libyaml's own line breaks: https://github.com/yaml/libyaml/blob/master/src/yaml_private.h (IS_BREAK)
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {"tag:yaml.org,2002:str": "text", "!": "text"}
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "map", "seq")
}


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
        for step in path:
            found = found.children.get(step) if found else None
        return found

    def span(self, path: Path_, part: Part = "value") -> Span:
        """Where a value or its key stands; its nearest existing ancestor's key where the path leads nowhere."""
        node = self.root
        for step in path:
            child = node.children.get(step) if node else None
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


@dataclass
class Unquoted(Exception):
    """A value that begins with `{{` and no quote."""

    place: Place
    in_flow: bool


@dataclass(slots=True)
class _Frame:
    node: Node
    mapping: bool
    flow: bool
    anchor: str | None
    key: tuple[str, Place, Place] | None = None
    is_key: bool = False


class _Reading:
    """One pass over the events of one text; keeps what was read when the parser stops."""

    def __init__(self, document: Document, lines: list[str]) -> None:
        self.document = document
        self.lines = lines
        self.frames: list[_Frame] = []
        self.anchors: dict[str, Node | None] = {}
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.count = 0
        self.stopped = False

    def run(self, text: str) -> Exception | None:
        """Read everything; the exception that ended it early, if one did."""
        documents = 0
        try:
            for event in _events(text):
                if isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self.say(
                            "second_document",
                            "The file holds a second document after `---`; only the first is read.",
                            "Put it into a file of its own.",
                            _place(event.start_mark),
                            _place(event.end_mark),
                        )
                        break
                else:
                    self.take(event)
                if self.stopped:
                    break
        except (yaml.MarkedYAMLError, Unquoted) as fault:
            self.close_all()
            return fault
        self.close_all()
        return None

    def say(
        self,
        code: str,
        message: str,
        then: str,
        start: Place,
        end: Place,
        severity: Severity = "error",
    ) -> None:
        span = self.document.between(start, end)
        self.problems.append(self.document.problem_at(code, message, then, span, severity))

    def take(self, event: Event) -> None:
        if isinstance(event, ScalarEvent):
            self.scalar(event)
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self.open(event)
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            self.close(_place(event.end_mark))
        elif isinstance(event, AliasEvent):
            self.alias(event)

    def open(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        start = _place(event.start_mark)
        mapping = isinstance(event, MappingStartEvent)
        flow = bool(event.flow_style)
        if mapping and flow and self.lines[start[0]].startswith("{{", start[1]):
            raise Unquoted(start, in_flow=bool(self.frames and self.frames[-1].flow))
        if event.tag and event.tag not in _PLAIN_TAGS:
            self.bad_tag(event.tag, start)
        frame = _Frame(
            Node(start, _place(event.end_mark), {} if mapping else []), mapping, flow, event.anchor
        )
        frame.is_key = self.awaits_key()
        if event.anchor:
            self.anchors[event.anchor] = None
        self.frames.append(frame)
        self.grow(1, start)
        if len(self.frames) > MAX_DEPTH:
            self.say(
                "too_deep",
                f"The file is nested more than {MAX_DEPTH} levels deep.",
                "Split it into several workflows.",
                start,
                _place(event.end_mark),
            )
            self.stopped = True

    def awaits_key(self) -> bool:
        return bool(self.frames) and self.frames[-1].mapping and self.frames[-1].key is None

    def close(self, end: Place) -> None:
        frame = self.frames.pop()
        node = frame.node
        node.end = end if frame.flow or not node.children else list(node.children.values())[-1].end
        node.count += sum(child.count for child in node.children.values())
        if frame.anchor:
            self.anchors[frame.anchor] = node
        if frame.is_key:
            self.say(
                "key_not_text",
                "A list or a map cannot be a key.",
                "Use a word as the key, or put quotes around it.",
                node.start,
                node.end,
            )
            self.frames[-1].key = (f"(line {node.start[0] + 1})", node.start, node.end)
        else:
            self.add(node)

    def close_all(self) -> None:
        while self.frames:
            frame = self.frames[-1]
            if frame.key is not None:
                self.add(Node(frame.key[2], frame.key[2]))
            frame.flow = False
            self.close(frame.node.end)

    def scalar(self, event: ScalarEvent) -> None:
        start, end = _place(event.start_mark), _place(event.end_mark)
        self.grow(1, start)
        plain = bool(event.implicit[0]) and not event.style
        if self.awaits_key():
            self.key(event, plain, start, end)
            return
        node = Node(start, end, event.value, event.style or "")
        if event.tag and event.tag not in _TAGS:
            if event.tag in _PLAIN_TAGS:
                plain = True
            else:
                self.bad_tag(event.tag, start)
        if plain:
            node.data = yamlscalars.resolve(event.value)
            trouble = yamlscalars.pitfall(event.value)
            if trouble is not None:
                self.say(trouble.code, trouble.message, trouble.next, start, end, trouble.severity)
            self.cut_off(node)
        if event.anchor:
            self.anchors[event.anchor] = node
        self.add(node)

    def cut_off(self, node: Node) -> None:
        """An unquoted text ends at ` #`; where the rest holds a template, that was not meant as a comment."""
        line, column = node.end
        rest = self.lines[line][column:] if line < len(self.lines) else ""
        if node.data is not None and rest.lstrip().startswith("#") and "{{" in rest:
            self.say(
                "cut_off",
                "The text ends before ` #`: what follows is a comment and is not sent.",
                "Put quotes around the whole text if it belongs to it.",
                (line, column + 1),
                (line, len(self.lines[line])),
                "warning",
            )

    def key(self, event: ScalarEvent, plain: bool, start: Place, end: Place) -> None:
        frame, name = self.frames[-1], event.value
        if plain and not isinstance(yamlscalars.resolve(name), str):
            shown = f"`{name}`" if name else "Nothing"
            self.say(
                "key_not_text",
                f"{shown} is not text and cannot be a key as it stands.",
                f'Write "{name}".' if name else "Write a word before the colon.",
                start,
                end if end > start else (end[0], end[1] + 1),
                "warning" if name else "error",
            )
        if event.anchor:
            self.anchors[event.anchor] = Node(start, end, name)
        if name in frame.node.children:
            first = frame.node.children[name].key_start or frame.node.start
            self.say(
                "duplicate_key",
                f"`{name}` stands here a second time; it is already on line {first[0] + 1}.",
                "Keep one of the two.",
                start,
                end,
            )
        frame.key = (name, start, end)

    def alias(self, event: AliasEvent) -> None:
        start, end = _place(event.start_mark), _place(event.end_mark)
        name = event.anchor
        target = self.anchors.get(name or "")
        node = Node(start, end)
        if target is not None:
            node = Node(
                start, end, target.data, target.style, None, None, target.children, target.count
            )
            self.grow(target.count, start)
        elif name in self.anchors:
            self.say(
                "alias_loop",
                f"`*{name}` stands inside the value that it names.",
                "Write the value out.",
                start,
                end,
            )
        else:
            self.say(
                "unknown_alias",
                f"`*{name}` refers to an anchor `&{name}` that is not above it.",
                f'If it is text, put quotes around it: "*{name}".',
                start,
                end,
            )
        if self.awaits_key():
            key = node.data if isinstance(node.data, str) else f"*{name}"
            self.frames[-1].key = (key, start, end)
        else:
            self.add(node)

    def bad_tag(self, tag: str, start: Place) -> None:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        self.say(
            "tag",
            f"`{shown}` is a YAML tag; tags mean nothing here.",
            "Remove it; secrets are named in ringback.yaml as ${NAME}."
            if "secret" in tag
            else "Remove it, or put quotes around the text.",
            start,
            (start[0], start[1] + len(shown)),
        )

    def grow(self, by: int, start: Place) -> None:
        self.count += by
        if self.count > MAX_NODES and not self.stopped:
            self.stopped = True
            self.say(
                "too_large",
                f"With its aliases written out the file holds more than {MAX_NODES:,} values.",
                "Write shorter lists, and use fewer anchors (`&name`) and aliases (`*name`).",
                start,
                (start[0], start[1] + 1),
            )

    def add(self, node: Node) -> None:
        if not self.frames:
            self.root = node
            return
        frame = self.frames[-1]
        parent = frame.node
        if not frame.mapping:
            parent.children[len(parent.data)] = node
            parent.data.append(node.data)
        elif frame.key is not None:
            name, node.key_start, node.key_end = frame.key
            parent.children[name] = node
            parent.data[name] = node.data
            frame.key = None


def _place(mark: Any) -> Place:
    return mark.line, mark.column


def _events(text: str) -> Iterator[Event]:
    # CBaseLoader resolves nothing, which is all that is wanted of a loader here.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    yield from yaml.parse(text, Loader=loader)


def read(text: str, file: str) -> Document:
    """Read one YAML text.

    Never raises: whatever is wrong is in `problems`, in reading order, and `data` holds as much as could
    be read. `file` is the name that problems show.
    """
    text = text.removeprefix("\ufeff")
    document = Document(file, text, _BREAK.split(text[:MAX_SIZE]))
    if document.lines[-1] == "":
        document.lines.pop()
    if len(text) > MAX_SIZE:
        document.broken = True
        document.problems = [
            document.problem_at(
                "too_large",
                f"The file has {len(text):,} characters; {MAX_SIZE:,} is the most that is read.",
                "Split it into several files.",
                Span(1, 1, 1, 1),
            )
        ]
        return document
    lines, found = _control_characters(document)
    reading = _read_on(document, lines, found)
    document.root = reading.root
    document.data = reading.root.data if reading.root else None
    document.problems = sorted(found + reading.problems, key=_order)
    document.broken = document.broken or reading.stopped
    return document


def _read_on(document: Document, lines: list[str], found: list[Problem]) -> _Reading:
    """Read; at a mistake, say it, mend it as its writer most likely meant, and read again."""
    whole = document.text if lines is document.lines else "\n".join(lines)
    for _ in range(yamlrepair.MOST):
        reading = _Reading(document, lines)
        fault = reading.run(whole)
        if fault is None:
            return reading
        finding = (
            yamlrepair.unquoted(lines, fault.place, fault.in_flow)
            if isinstance(fault, Unquoted)
            else yamlrepair.explain(fault, lines)
        )
        for start, end in finding.places:
            span = document.between(start, end)
            found.append(document.problem_at(finding.code, finding.message, finding.next, span))
        if not finding.edits:
            break
        lines = yamlrepair.apply(finding.edits, lines, document.origins)
        whole = "\n".join(lines) + "\n"
    document.broken = True
    return reading


def _control_characters(document: Document) -> tuple[list[str], list[Problem]]:
    """Lines without the characters that YAML does not allow, and a problem for each line that had one."""
    if not _NOT_ALLOWED.search(document.text):
        return document.lines, []
    found = []
    for number, line in enumerate(document.lines):
        bad = _NOT_ALLOWED.search(line)
        if bad:
            found.append(
                document.problem_at(
                    "control_character",
                    f"There is an invisible character here (U+{ord(bad.group()):04X}) that YAML does not allow.",
                    "Delete it.",
                    Span(number + 1, bad.start() + 1, number + 1, bad.end() + 1),
                )
            )
    return [_NOT_ALLOWED.sub(" ", line) for line in document.lines], found


def _order(problem: Problem) -> tuple[int, int]:
    return (problem.span.line, problem.span.column) if problem.span else (0, 0)


def read_file(path: Path, file: str) -> Document:
    """Read a YAML file; `file` is the name that problems show. A file that cannot be read is a problem too."""
    try:
        raw = path.read_bytes()
        return read(raw.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        said = f"The file is not UTF-8 text: the byte 0x{raw[error.start]:02x} on line {line} is something else."
        then = "Save it as UTF-8; every editor offers that."
        document = Document(file, "", [], broken=True)
        document.problems = [Problem("not_utf8", said, then, file, Span(line, 1, line, 1))]
        return document
    except OSError as error:
        document = Document(file, "", [], broken=True)
        said = f"The file cannot be read: {error.strerror or error}."
        document.problems = [Problem("unreadable", said, "Check its name and permissions.", file)]
        return document


def plain(value: Any) -> Any:
    """A copy of `Document.data` that shares nothing, for callers that change it."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
