"""Reading a PDF: its form fields (pypdf), and its words by their places (pdfplumber), made into lines and tables.

A field's value is put among the words where its box stands on the page, so a label beside it is found whatever
the field's technical name is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pdfplumber
from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError

from ringback.sdk import Failure

from .content import Cell, Content, Control, Line, Table
from .package import refuse
from .pdfbudget import budget

# both tell of every oddity of a broken file, one line each, on the server's standard error
for _library in ("pypdf", "pdfminer"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)

MAX_PAGES = 200
MAX_SECONDS = 30.0
MAX_DRAWN = 3_000
MAX_FIELDS = 5_000
SAME_LINE = 3.0
WIDE = 1.6


@dataclass(slots=True)
class Word:
    """A word, or a form field's value, and its box in points from the page's top left corner."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    control: Control | None = None


@dataclass(slots=True)
class _Page:
    number: int
    words: list[Word] = field(default_factory=list)
    tables: list[Any] = field(default_factory=list)


def read(path: Path) -> Content:
    """A PDF as `Content`.

    Raises:
        Failure: `document_refused`: a password, a scan without text, damage, more than 200 pages, too slow.
    """
    until = time.monotonic() + MAX_SECONDS
    try:
        with budget(until):
            return _read(path, until)
    except Failure:
        raise
    except (FileNotDecryptedError, DependencyError) as error:
        raise refuse("pdf_password") from error
    except Exception as error:
        # neither library has one exception type for what a broken file may do to it, and pdfplumber wraps ours
        for inner in (error.__cause__, error.__context__, *error.args):
            if isinstance(inner, Failure):
                raise inner from None
        raise refuse("pdf_damaged") from error


def _read(path: Path, until: float) -> Content:
    content = Content("pdf")
    with path.open("rb") as stream:
        reader = PdfReader(stream)
        if reader.is_encrypted and not reader.decrypt(""):
            raise refuse("pdf_password")
        content.pages = len(reader.pages)
        if content.pages > MAX_PAGES:
            raise refuse("pdf_pages", pages=content.pages)
        fields = {number: list(_fields(page)) for number, page in enumerate(reader.pages, start=1)}
    said = any(word.control and word.control.text for words in fields.values() for word in words)
    # given a path, pdfplumber leaves the file open where it cannot read it
    with path.open("rb") as stream, pdfplumber.open(stream) as document:
        for number, page in enumerate(document.pages, start=1):
            if time.monotonic() > until:
                raise refuse("pdf_slow", seconds=int(MAX_SECONDS))
            found = _words(page)
            said = said or bool(found)
            made = _Page(number, [*found, *fields.get(number, ())], _tables(page))
            _lay_out(content, made)
            page.close()
    if not said:
        raise refuse("scan")
    return content


def _words(page: Any) -> list[Word]:
    return [
        Word(word["text"], word["x0"], word["x1"], word["top"], word["bottom"])
        for word in page.extract_words(x_tolerance=2, y_tolerance=3)
    ]


def _tables(page: Any) -> list[Any]:
    """The ruled tables of a page; a page full of drawing is not searched, since that takes minutes."""
    if len(page.lines) + len(page.rects) + len(page.curves) > MAX_DRAWN:
        return []
    return [
        table
        for table in page.find_tables()
        if len(table.rows) > 1 and max(len(row.cells) for row in table.rows) > 1
    ]


def _fields(page: Any) -> Iterator[Word]:
    """The form fields of a page as words in their places; an empty one as a blank."""
    top = float(page.mediabox.top)
    left = float(page.mediabox.left)
    for reference in list(page.get("/Annots") or ())[:MAX_FIELDS]:
        annotation = reference.get_object()
        if annotation.get("/Subtype") != "/Widget" or "/Rect" not in annotation:
            continue
        control = _control(annotation)
        if control is None:
            continue
        x0, y0, x1, y1 = (float(edge) for edge in annotation["/Rect"])
        if control.checked is not None:
            shown = "☒" if control.checked else "☐"
        else:
            shown = " ".join(control.text.split()) or "____"
        yield Word(
            shown,
            min(x0, x1) - left,
            max(x0, x1) - left,
            top - max(y0, y1),
            top - min(y0, y1),
            control,
        )


def _control(annotation: Any) -> Control | None:
    kind = str(_inherited(annotation, "/FT") or "")
    flags = int(_inherited(annotation, "/Ff") or 0)
    value = _inherited(annotation, "/V")
    control = Control(
        "form field",
        title=str(_inherited(annotation, "/TU") or ""),
        name=str(_inherited(annotation, "/T") or ""),
    )
    if kind == "/Btn":
        if flags & 1 << 16:  # a push button (ISO 32000-1, table 226)
            return None
        state = str(annotation.get("/AS") or value or "/Off")
        control.kind, control.checked = "tick box", state != "/Off"
        if flags & 1 << 15:  # a radio button: its group's name is no label of one button
            control.title, control.name = "", ""
    elif kind in {"/Tx", "/Ch"}:
        values = value if isinstance(value, list) else [value]
        control.text = (
            "\n".join(str(one) for one in values if one is not None).replace("\r", "\n").strip()
        )
    else:
        return None
    return control


def _inherited(annotation: Any, key: str) -> Any:
    """An entry of a field or of the nearest field above it."""
    for _ in range(20):
        if key in annotation:
            return annotation[key].get_object()
        if "/Parent" not in annotation:
            return None
        annotation = annotation["/Parent"].get_object()
    return None


def _lay_out(content: Content, page: _Page) -> None:
    """Words into lines from top to bottom, with a tab at each wide gap; ruled tables into tables."""
    boxes = [table.bbox for table in page.tables]
    inside: dict[int, list[Word]] = {at: [] for at in range(len(boxes))}
    free: list[Word] = []
    for word in page.words:
        middle = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
        at = next((n for n, box in enumerate(boxes) if _within(middle, box)), None)
        (free if at is None else inside[at]).append(word)
    starts = sorted([(box[1], at) for at, box in enumerate(boxes)])
    box_number = page.number * 1_000_000
    previous: float | None = None
    for number, line in enumerate(_lines(free), start=1):
        top = min(word.top for word in line)
        while starts and starts[0][0] < top:
            at = starts.pop(0)[1]
            _table(content, page, page.tables[at], inside[at], box_number)
        height = max(word.bottom - word.top for word in line)
        gap = 0 if previous is None else int(max(0.0, top - previous) / max(height, 1.0) / 1.2)
        _add(content, line, f"page {page.number}, line {number}", box_number, min(gap, 9), None)
        previous = max(word.bottom for word in line)
    for _top, at in starts:
        _table(content, page, page.tables[at], inside[at], box_number)


def _within(point: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    return box[0] - 1 <= point[0] <= box[2] + 1 and box[1] - 1 <= point[1] <= box[3] + 1


def _lines(words: list[Word]) -> Iterator[list[Word]]:
    line: list[Word] = []
    level = 0.0
    for word in sorted(words, key=lambda one: (one.top + one.bottom) / 2):
        middle = (word.top + word.bottom) / 2
        if line and middle - level > max(SAME_LINE, (word.bottom - word.top) * 0.4):
            yield sorted(line, key=lambda one: one.x0)
            line = []
        if not line:
            level = middle
        line.append(word)
    if line:
        yield sorted(line, key=lambda one: one.x0)


def _add(
    content: Content, words: list[Word], where: str, box: int, gap: int, cell: Cell | None
) -> None:
    text = ""
    controls: list[Control] = []
    index = len(content.lines)
    for at, word in enumerate(words):
        if at:
            wide = max(8.0, (word.bottom - word.top) * WIDE)
            text += "\t" if word.x0 - words[at - 1].x1 > wide else " "
        if word.control is not None:
            word.control.where = where
            word.control.start, word.control.end = (
                (index, len(text)),
                (index, len(text) + len(word.text)),
            )
            controls.append(word.control)
        text += word.text
    content.lines.append(Line(text, where, box, gap, cell=cell, controls=controls))
    content.controls.extend(controls)


def _table(content: Content, page: _Page, ruled: Any, words: list[Word], box: int) -> None:
    table = Table(f"page {page.number}, table {len(content.tables) + 1}")
    content.tables.append(table)
    for row in ruled.rows:
        cells: list[Cell] = []
        for column, edges in enumerate(row.cells):
            if edges is None:
                if cells:
                    cells[-1].span += 1
                continue
            cell = Cell(
                table,
                len(table.rows),
                len(cells),
                column,
                1,
                box + 1 + len(content.lines) * 100 + column,
            )
            cell.first = len(content.lines)
            held = [
                word
                for word in words
                if _within(((word.x0 + word.x1) / 2, (word.top + word.bottom) / 2), edges)
            ]
            taken = {id(word) for word in held}
            words = [word for word in words if id(word) not in taken]
            for line in _lines(held):
                _add(content, line, f"{table.where}, row {len(table.rows) + 1}", cell.box, 0, cell)
            cell.last = len(content.lines)
            cells.append(cell)
        table.rows.append(cells)
