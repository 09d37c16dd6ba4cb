"""Finding the values of labels: every place that could hold one, with a score.

Scores: a control named like the field 1.0 (tag), .99 (title), .98 (form field), .95 (bookmark); a tick beside
the label .92 before and .9 after; the cell to the right .9; the same line .85; the cell below .8; the line
below .6. Headers and footers count .2 less, since a letterhead has a phone number too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from .content import Content, Control, Line
from .labels import START, STOP, TICK, clean, fold, opening, pattern, squash
from .neighbours import neighbours
from .scan import Find, Scan, Spot, is_ticked

SIDE = 0.2
MAX_LABELS = 20_000  # labels taken from one document; what comes after them is said to be unread
MAX_SPOTS = 100  # labels taken from one line: a line that repeats one ten thousand times is no form
MAX_VALUE = 2_000  # how far along its line a value is followed
MAX_CONTROLS = 200
_MANY = f"The labels stand in this document more than {MAX_LABELS:,} times; from {{where}} on they were not read."
_BEFORE_TICK = re.compile(rf"({TICK})\s*$")
_AFTER_TICK = re.compile(rf"\s*({TICK})")


def find(content: Content, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[Find]]:
    """All places that answer each field. `wanted` maps a field's name to its labels.

    A document that repeats the labels more than `MAX_LABELS` times is no form: the rest gets a note in `content`.
    """
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
    for count, spot in enumerate(_spots(scan)):
        if count == MAX_LABELS:
            content.notes.append(
                ("many_labels", _MANY.format(where=content.lines[spot.index].where))
            )
            break
        for found in _answers(scan, spot):
            if content.lines[spot.index].side:
                found.score -= SIDE
            for name in fields.get(spot.label, ()):
                finds[name].append(found)
    _sentences(scan, fields, finds)
    return finds


def _sentences(
    scan: Scan, fields: Mapping[str, Sequence[str]], finds: dict[str, list[Find]]
) -> None:
    """A tick box before a sentence that a label opens: "☒ I agree to receive texts about my classes"."""
    opens = opening(fields)
    for index, line in enumerate(scan.content.lines if opens is not None else ()):
        match = opens.match(scan.line(index)[0]) if opens is not None else None
        if match is None:
            continue
        state = is_ticked(match[1])
        shown = scan.written(index, match.start(2), match.end(2))
        origin = index * 100_000 + match.start(2)
        made = Find(
            "☒" if state else "☐",
            "tick before the label",
            line.where,
            shown,
            0.88,
            origin,
            None,
            state,
        )
        for name in fields.get(fold(match[2]), ()):
            if not any(one.origin == origin for one in finds[name]):
                finds[name].append(made)


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
        done, count = -1, 0
        for start in sorted(set(starts)):
            if start < done:
                continue
            if count >= MAX_SPOTS:
                break
            spot = _spot(scan, index, folded, start)
            if spot is None:
                continue
            done = spot.end
            count += 1
            yield spot
            for inner in _run_on(scan, spot, folded):
                done = inner.end
                count += 1
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
    at, last = spot.follows, spot.follows + MAX_VALUE
    for _ in range(MAX_SPOTS):
        found = scan.known.search(folded, at, last)
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
        scan.offset(index, control.end[1])
        for control in line.controls[:MAX_CONTROLS]
        if control.end[0] == index
    ]
    return [end + len(text[end:]) - len(text[end:].lstrip()) for end in ends]


def _before_control(scan: Scan, index: int, folded: str, start: int) -> re.Match[str] | None:
    """A label directly followed by a control, with nothing but a space between."""
    line = scan.content.lines[index]
    for control in line.controls[:MAX_CONTROLS]:
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
    last = min(len(folded), spot.follows + MAX_VALUE)
    start = last - len(folded[spot.follows : last].lstrip())
    ends = [last]
    tab = folded.find("\t", start, last)
    if tab >= 0:
        ends.append(tab)
    stop = STOP.search(folded, start, last)
    if stop is not None:
        ends.append(stop.start())
    at = start
    while True:
        found = scan.known.search(folded, at, last)
        if found is None:
            break
        before = folded[max(0, found.start() - 3) : found.start()]
        named = bool(found["colon"] or found["blank"])
        if found.start() == start and not spot.match["colon"]:
            named = True
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
    held = _held(scan, spot, line, end)
    if held is not None:
        text = clean(held.text)
    folded = scan.line(spot.index)[0]
    rest = folded[spot.follows : spot.follows + MAX_VALUE]
    control = _control_at(scan, spot, line, text)
    if text or raw.strip() or control is not None or rest.strip():
        score = 0.85 if spot.match["colon"] else 0.82
        score -= 0.05 if spot.match["extra"].strip("* ") else 0.0
        return [Find(text, "same line", line.where, spot.shown, score, spot.origin, control)]
    return neighbours(scan, spot, line)


def _held(scan: Scan, spot: Spot, line: Line, end: int) -> Control | None:
    """The one control that the value begins with: what it holds is the value, whatever follows it."""
    inside = [
        control
        for control in line.controls[:MAX_CONTROLS]
        if control.text
        and control.start[0] == control.end[0] == spot.index
        and spot.follows <= scan.offset(spot.index, control.start[1]) < end
    ]
    if len(inside) != 1:
        return None
    before = scan.line(spot.index)[0][spot.follows : scan.offset(spot.index, inside[0].start[1])]
    return None if clean(before) else inside[0]


def _control_at(scan: Scan, spot: Spot, line: Line, text: str) -> Control | None:
    """The control that holds exactly the value found, so that its date or list value can be used."""
    places = scan.line(spot.index)[1]
    after = spot.end if places is None else places[spot.end]
    return next(
        (
            control
            for control in line.controls[:MAX_CONTROLS]
            if control.start[0] == spot.index
            and control.start[1] >= after
            and control.kind != "bookmark"
            and (control.text == text or not (control.text or text))
        ),
        None,
    )


def _ticked(scan: Scan, spot: Spot) -> Find | None:
    """A tick box just before or after the label; a line that begins with a box has them before."""
    folded = scan.line(spot.index)[0]
    line = scan.content.lines[spot.index]
    leads = re.match(rf"\s*{TICK}", folded) is not None
    before = _BEFORE_TICK.search(folded[max(0, spot.start - 12) : spot.start])
    if before is not None and leads:
        score, mark, how = 0.92, before[1], "tick before the label"
    else:
        after = _AFTER_TICK.match(folded, spot.follows)
        if after is None:
            return None
        alone = not folded[after.end() : _end_of_value(scan, spot)].strip()
        closes = not spot.match["colon"] and _BEFORE_TICK.search(folded[-12:]) is not None
        if not alone and not closes:
            return None
        score, mark, how = 0.9, after[1], "tick after the label"
    shown = "☒" if is_ticked(mark) else "☐"
    return Find(shown, how, line.where, spot.shown, score, spot.origin, None, is_ticked(mark))
