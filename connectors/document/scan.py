"""One document looked through for labels: where each stands, and what was found for it."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field

from .content import Content, Control
from .labels import fold_map, looks_like_label
from .words import UNTICKED


@dataclass(slots=True)
class Find:
    """One place that answers a label. `text` is as written, empty where nothing is filled in."""

    text: str
    how: str
    where: str
    label: str
    score: float
    origin: int
    control: Control | None = None
    checked: bool | None = None

    @property
    def filled(self) -> bool:
        return bool(self.text) or self.checked is not None


@dataclass(slots=True)
class Spot:
    """A label met in a line: `line` and folded offsets of the label and of what follows it."""

    index: int
    start: int
    end: int
    follows: int
    match: re.Match[str]
    label: str
    shown: str

    @property
    def origin(self) -> int:
        """The same for all that one label's place answers."""
        return self.index * 100_000 + self.start


@dataclass(slots=True)
class Scan:
    """One document with all the labels asked of it."""

    content: Content
    known: re.Pattern[str]
    folded: dict[int, tuple[str, list[int] | None]] = field(default_factory=dict)

    def line(self, index: int) -> tuple[str, list[int] | None]:
        if index not in self.folded:
            self.folded[index] = fold_map(self.content.lines[index].text)
        return self.folded[index]

    def written(self, index: int, start: int, end: int) -> str:
        places = self.line(index)[1]
        text = self.content.lines[index].text
        return text[start:end] if places is None else text[places[start] : places[end]]

    def offset(self, index: int, place: int) -> int:
        """The folded offset of a place in a line's text."""
        places = self.line(index)[1]
        return place if places is None else bisect_left(places, place)

    def is_label(self, text: str) -> bool:
        """Whether a text is, or begins with, a label that was asked for, or is plainly some other label."""
        first = text.split("\n", 1)[0]
        folded = fold_map(first.strip())[0]
        return self.known.match(folded) is not None or looks_like_label(first)


def is_ticked(mark: str) -> bool:
    """Whether a tick mark (☒, ☐, [x], ( )) says yes."""
    inner = mark.strip("[]() \t")
    return bool(inner) and inner not in UNTICKED
