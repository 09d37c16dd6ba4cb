"""Builds the tree of one text from libyaml's events, and keeps what was read when they end early."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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

from ringback.problems import Problem, Severity
from ringback.yamltext import scalars
from ringback.yamltext.document import Document, Node, Place

MAX_DEPTH = 50
MAX_NODES = 50_000
"""Values in one file, each alias counted as everything it stands for."""

_TAGS = {"tag:yaml.org,2002:str", "!"}
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "map", "seq")
}


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


class Reading:
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
            node.data = scalars.resolve(event.value)
            trouble = scalars.pitfall(event.value)
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
        if plain and not isinstance(scalars.resolve(name), str):
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
