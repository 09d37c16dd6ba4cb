"""Every label that a document has, asked for or not: for the survey, and for saying what is there instead."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .content import Content, Table
from .finder import find
from .grids import MAX_LENGTH, is_grid
from .labels import GENERIC, START, TICK, fold, fold_map
from .scan import Find

MAX_LABELS = 400


def labels(content: Content) -> list[str]:
    """The labels of a document as written, in reading order, each once."""
    seen: dict[str, str] = {}
    for label in _all(content):
        shown = " ".join(label.split()).strip(" :：*•-–_.")
        key = fold(shown)
        if key and any(mark.isalpha() for mark in key) and len(shown) <= MAX_LENGTH:
            seen.setdefault(key, shown)
        if len(seen) >= MAX_LABELS:
            break
    return list(seen.values())


def _all(content: Content) -> Iterator[str]:
    for control in content.controls:
        if control.kind != "bookmark":
            yield control.title or control.tag or control.name
    by_first = {row[0].first: table for table in content.tables for row in table.rows if row}
    done: set[int] = set()
    for index, line in enumerate(content.lines):
        table = by_first.get(index)
        if table is not None and id(table) not in done:
            done.add(id(table))
            yield from form_labels(content, table)
        yield from _of_line(line.text)


def _of_line(text: str) -> Iterator[str]:
    folded, places = fold_map(text)
    for start in (found.end() for found in START.finditer(folded)):
        found = GENERIC.match(folded, start)
        # "____Jo Park____" is a value on a blank, "____ Date ____" the next label
        if found is not None and not (
            found["blank"] and folded[:start].endswith(("__", "..", "…"))
        ):
            first, last = found.span("label")
            if (
                not re.search(r"\d$", found["label"])
                or folded[found.end() : found.end() + 1].isspace()
            ):
                yield text[first:last] if places is None else text[places[first] : places[last]]
    ticked = re.match(rf"\s*{TICK}\s*([^:☐☑☒\[\n]+)$", folded)
    if ticked is not None:
        first, last = ticked.span(1)
        yield text[first:last] if places is None else text[places[first] : places[last]]


def form_labels(content: Content, table: Table) -> list[str]:
    """The cells of a table that are labels with their value beside them; none for a table with column heads."""
    width = max((len(row) for row in table.rows), default=0)
    if is_grid(content, table) or width < 2:
        return []
    found = []
    for row in table.rows:
        texts = [content.cell_text(cell) for cell in row]
        for at in range(0, len(texts) - 1, 2):
            label = texts[at]
            if (
                label
                and "\n" not in label
                and len(label) <= MAX_LENGTH
                and not re.search(TICK, label)
            ):
                found.append(label)
            elif re.fullmatch(TICK, label.strip().lower()) and texts[at + 1]:
                found.append(texts[at + 1])
    return found


def pairs(content: Content) -> dict[str, list[Find]]:
    """Every label with the places that answer it, filled ones first, best first."""
    there = labels(content)
    finds = {
        label: sorted(found, key=lambda one: (not one.filled, -one.score))
        for label, found in find(content, {label: [label] for label in there}).items()
        if found
    }
    return dict(sorted(finds.items(), key=lambda one: _place(one[1][0])))


def _place(one: Find) -> int:
    return one.origin if one.control is None else one.control.start[0] * 100_000
