"""Finding the values of labels: every place that could hold one, with a score.

Scores: a control named like the field 1.0 (tag), .99 (title), .98 (form field), .95 (bookmark); a tick beside
the label .92 before and .9 after; the cell to the right .9; the same line .85; the cell below .8; the line
below .6. Headers and footers count .2 less, since a letterhead has a phone number too.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .content import Cell, Content, Control, Line
from .labels import (
    GENERIC,
    START,
    STOP,
    TICK,
    clean,
    fold,
    fold_map,
    looks_like_label,
    pattern,
    squash,
)
from .words import UNTICKED

SIDE = 0.2
MAX_BELOW = 300


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


def find(content: Content, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[Find]]:
    """All places that answer each field. `wanted` maps a field's name to its labels."""
    finds: dict[str, list[Find]] = {name: [] for name in wanted}
    _by_control(content, wanted, finds)
    fields: dict[str, list[str]] = {}
    for name, labels in wanted.items():
        for label in labels:
            fields.setdefault(fold(label), []).append(name)
    known = pattern(fields)
    if known is None:
        return finds
    scan = Scan(content, known)
    for spot in _spots(scan):
        for found in _answers(scan, spot):
            if content.lines[spot.index].side:
                found.score -= SIDE
            for name in fields.get(spot.label, ()):
                finds[name].append(found)
    return finds


_BY_NAME: tuple[tuple[str, float, Callable[[Control], str]], ...] = (
    ("tag", 1.0, lambda control: control.tag),
    ("title", 0.99, lambda control: control.title),
    ("name", 0.98, lambda control: control.name),
)


def _by_control(
    content: Content, wanted: Mapping[str, Sequence[str]], finds: dict[str, list[Find]]
) -> None:
    keys: dict[str, list[str]] = {}
    for name, labels in wanted.items():
        for label in {squash(name), *map(squash, labels)} - {""}:
            keys.setdefault(label, []).append(name)
    for control in content.controls:
        for what, score, get in _BY_NAME:
            key = squash(get(control))
            for name in keys.get(key, ()) if key else ():
                bookmark = control.kind == "bookmark"
                found = Find(
                    clean(control.text),
                    control.kind if bookmark else f"{control.kind} ({what})",
                    control.where,
                    get(control),
                    0.95 if bookmark else score,
                    -1 - id(control),
                    control,
                    control.checked,
                )
                finds[name].append(found)


def _spots(scan: Scan) -> Iterator[Spot]:
    """Every label that stands where a label may."""
    for index, line in enumerate(scan.content.lines):
        if not line.text or line.text.isspace():
            continue
        folded = scan.line(index)[0]
        starts = [found.end() for found in START.finditer(folded)]
        starts.extend(_edges(scan, index, line))
        done = -1
        for start in sorted(set(starts)):
            if start < done:
                continue
            spot = _spot(scan, index, folded, start)
            if spot is None:
                continue
            done = spot.end
            yield spot
            for inner in _run_on(scan, spot, folded):
                done = inner.end
                yield inner


def _spot(scan: Scan, index: int, folded: str, start: int) -> Spot | None:
    match = scan.known.match(folded, start)
    if match is None:
        match = _before_control(scan, index, folded, start)
    if match is None:
        return None
    follows = match.end("colon") if match["colon"] else match.start("blank")
    if follows < 0:
        follows = match.start("tick") if match["tick"] else match.end()
    shown = scan.written(index, match.start("label"), match.end("label"))
    return Spot(
        index, match.start("label"), match.end("label"), follows, match, fold(match["label"]), shown
    )


def _run_on(scan: Scan, spot: Spot, folded: str) -> Iterator[Spot]:
    """ "Name: Jo Park Phone: 07700...": a label asked for, after a value, with a colon of its own."""
    if not spot.match["colon"]:
        return
    at = spot.follows
    while True:
        found = scan.known.search(folded, at)
        if found is None:
            return
        at = found.end()
        before = folded[spot.follows : found.start()]
        if found["colon"] and before.strip() and before[-1:].isspace():
            inner = _spot(scan, spot.index, folded, found.start())
            if inner is not None:
                yield inner


def _edges(scan: Scan, index: int, line: Line) -> list[int]:
    """The folded offsets at which controls of a line end: a label may begin there."""
    text = scan.line(index)[0]
    ends = [
        scan.offset(index, control.end[1]) for control in line.controls if control.end[0] == index
    ]
    return [end + len(text[end:]) - len(text[end:].lstrip()) for end in ends]


def _before_control(scan: Scan, index: int, folded: str, start: int) -> re.Match[str] | None:
    """A label directly followed by a control, with nothing but a space between."""
    line = scan.content.lines[index]
    for control in line.controls:
        if control.start[0] != index:
            continue
        at = scan.offset(index, control.start[1])
        if at > start:
            match = scan.known.match(folded, start, at)
            if match is not None and not folded[match.end() : at].strip():
                return match
    return None


def _end_of_value(scan: Scan, spot: Spot) -> int:
    """Where the value on the label's own line ends."""
    folded = scan.line(spot.index)[0]
    start = spot.follows + len(folded[spot.follows :]) - len(folded[spot.follows :].lstrip())
    ends = [len(folded)]
    tab = folded.find("\t", start)
    if tab >= 0:
        ends.append(tab)
    stop = STOP.search(folded, start)
    if stop is not None:
        ends.append(stop.start())
    at = start
    while True:
        found = scan.known.search(folded, at)
        if found is None:
            break
        before = folded[: found.start()]
        named = bool(found["colon"] or found["blank"])
        parted = before.endswith(("  ", "\t", "__", "...", "…", "; ", "| "))
        if (named and before[-1:].isspace()) or (parted and found.start() > start):
            ends.append(found.start())
            break
        at = found.end() if found.end() > at else at + 1
    return max(min(ends), spot.follows)


def _answers(scan: Scan, spot: Spot) -> list[Find]:
    line = scan.content.lines[spot.index]
    ticks = _ticked(scan, spot)
    if ticks is not None:
        return [ticks]
    end = _end_of_value(scan, spot)
    raw = scan.written(spot.index, spot.follows, end)
    text = clean(raw)
    rest = scan.written(spot.index, spot.follows, len(scan.line(spot.index)[0]))
    control = _control_at(scan, spot, line, text)
    if text or raw.strip() or control is not None or rest.strip():
        score = 0.85 if spot.match["colon"] else 0.82
        score -= 0.05 if spot.match["extra"].strip("* ") else 0.0
        return [Find(text, "same line", line.where, spot.shown, score, _origin(spot), control)]
    return _neighbours(scan, spot, line)


def _origin(spot: Spot) -> int:
    return spot.index * 100_000 + spot.start


def _control_at(scan: Scan, spot: Spot, line: Line, text: str) -> Control | None:
    """The control that holds exactly the value found, so that its date or list value can be used."""
    places = scan.line(spot.index)[1]
    after = spot.end if places is None else places[spot.end]
    return next(
        (
            control
            for control in line.controls
            if control.start[0] == spot.index
            and control.start[1] >= after
            and control.kind != "bookmark"
            and (control.text == text or not (control.text or text))
        ),
        None,
    )


_BEFORE_TICK = re.compile(rf"({TICK})\s*$")
_AFTER_TICK = re.compile(rf"\s*({TICK})")


def is_ticked(mark: str) -> bool:
    """Whether a tick mark (☒, ☐, [x], ( )) says yes."""
    inner = mark.strip("[]() \t")
    return bool(inner) and inner not in UNTICKED


def _ticked(scan: Scan, spot: Spot) -> Find | None:
    """A tick box just before or after the label; a line that begins with a box has them before."""
    folded = scan.line(spot.index)[0]
    line = scan.content.lines[spot.index]
    leads = re.match(rf"\s*{TICK}", folded) is not None
    before = _BEFORE_TICK.search(folded[: spot.start])
    if before is not None and leads:
        score, mark, how = 0.92, before[1], "tick before the label"
    else:
        after = _AFTER_TICK.match(folded, spot.follows)
        if after is None:
            return None
        if len(re.findall(TICK, folded[spot.follows : _end_of_value(scan, spot)])) > 1 or (
            folded[after.end() : _end_of_value(scan, spot)].strip()
        ):
            return None
        score, mark, how = 0.9, after[1], "tick after the label"
    shown = "☒" if is_ticked(mark) else "☐"
    return Find(shown, how, line.where, spot.shown, score, _origin(spot), None, is_ticked(mark))


def _neighbours(scan: Scan, spot: Spot, line: Line) -> list[Find]:
    content = scan.content
    if line.cell is not None and line.box == line.cell.box:
        lines = content.cell_lines(line.cell)
        if len(lines) == 1:
            return _cells(scan, spot, line.cell)
    below = _line_below(scan, spot, line)
    if below is None:
        return [Find("", "same line", line.where, spot.shown, 0.85, _origin(spot))]
    score = 0.8 if line.cell is not None else 0.6
    return [
        Find(
            below,
            "line below",
            line.where,
            spot.shown,
            score,
            _origin(spot),
            _whole(line, content, below),
        )
    ]


def _whole(line: Line, content: Content, text: str) -> Control | None:
    return next(
        (
            control
            for control in content.controls
            if control.kind != "bookmark" and control.text == text and text and control.start[0] < len(content.lines)
            and content.lines[control.start[0]].box == line.box
        ),
        None,
    )  # fmt: skip


def _line_below(scan: Scan, spot: Spot, line: Line) -> str | None:
    """The next line of the same box, unless it is a label itself. Lines of tick boxes come together."""
    taken: list[str] = []
    for other in scan.content.lines[spot.index + 1 : spot.index + 12]:
        if other.box != line.box:
            if taken:
                break
            continue
        if other.gap > 1 or (not other.text.strip() and other.controls):
            break
        if not other.text.strip():
            continue
        ticked = re.match(rf"\s*{TICK}", fold_map(other.text)[0]) is not None
        if taken and not ticked:
            break
        if not ticked and (scan.is_label(other.text) or len(other.text) > MAX_BELOW):
            break
        taken.append(clean(other.text))
        if not ticked:
            break
    return "\n".join(taken) or None


def _cells(scan: Scan, spot: Spot, cell: Cell) -> list[Find]:
    """A label alone in a cell: its value is to the right, else to the left if that is a tick, else below."""
    content, table = scan.content, cell.table
    row = table.rows[cell.row]
    right = row[cell.index + 1] if cell.index + 1 < len(row) else None
    left = row[cell.index - 1] if cell.index else None
    below = content.at(table, cell.row + 1, cell.column)
    if cell.row in table.heads:
        right = None
    where = f"{table.where}, row {cell.row + 1}"

    def made(text: str, how: str, score: float, of: Cell) -> Find:
        place = f"{table.where}, row {of.row + 1}"
        return Find(
            text, how, place, spot.shown, score, _origin(spot), _cell_control(content, of, text)
        )

    finds: list[Find] = []
    if left is not None and (mark := re.fullmatch(TICK, content.cell_text(left).strip().lower())):
        state = is_ticked(mark[0])
        shown = "☒" if state else "☐"
        return [
            Find(
                shown,
                "tick in the cell to the left",
                where,
                spot.shown,
                0.9,
                _origin(spot),
                None,
                state,
            )
        ]
    text = content.cell_text(right) if right is not None else ""
    if right is not None and not _heads(scan, cell, right, text):
        finds.append(made(clean(text), "cell to the right", 0.9, right))
        if cell.row or len(row) < 3 or not text:
            return finds
    if below is not None and not below.continued and not scan.is_label(content.cell_text(below)):
        finds.append(made(clean(content.cell_text(below)), "cell below", 0.8, below))
    return finds or [Find("", "same line", where, spot.shown, 0.85, _origin(spot))]


def _heads(scan: Scan, cell: Cell, right: Cell, text: str) -> bool:
    """Whether the cell to the right is a label too. In a table's first row a label asked for is a column head,
    if there is something under it; elsewhere "Preferred contact | Email" has a value."""
    if looks_like_label(text.split("\n", 1)[0]):
        return True
    found = scan.known.match(fold_map(text.strip())[0])
    if found is None or cell.row:
        return found is not None and bool(found["colon"])
    below = scan.content.at(cell.table, 1, right.column)
    return below is not None


def _cell_control(content: Content, cell: Cell, text: str) -> Control | None:
    for line in content.lines[cell.first : cell.last]:
        for control in line.controls:
            if control.kind != "bookmark" and control.text.strip() == text.strip():
                return control
    return None


__all__ = ["GENERIC", "Find", "find", "is_ticked"]
