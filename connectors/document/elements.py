"""The walk over one part's XML: an ordered stream of lines, with the controls and tables met on the way.

The rule that makes it complete: an element that is not known is entered, never skipped. Known ones that
hold no text of the document (properties, deletions, field codes) are left out by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .content import Cell, Content, Control, Table
from .controls import content_control, form_field
from .package import refuse
from .walk import Code, Walk, close, settle
from .words import (
    COMPATIBILITY,
    DRAWING,
    MATH,
    PRIVATE,
    SPACES,
    SYMBOLS,
    attribute,
    local,
    names,
    on,
    symbol,
    whole,
)

MAX_TABLES_IN_TABLES = 40


def story(content: Content, root: Any, name: str = "", side: bool = False, boxes: int = 0) -> int:
    """Read one part (or one note of a part) into `content`; answers the next free box number."""
    walk = Walk(content, name, side, name, boxes + 1, boxes + 1)
    before = len(content.controls)
    visit(walk, root)
    walk.end_line()
    for control in content.controls[before:]:
        settle(content, control)
    return walk.boxes


def visit(walk: Walk, element: Any) -> None:
    """Everything in an element, in order."""
    for child in element:
        handler = HANDLERS.get(child.tag, visit)
        if handler is not None:
            handler(walk, child)


def _paragraph(walk: Walk, element: Any) -> None:
    if walk.buffer and not walk.joined:
        walk.end_line()
    outer, walk.pending = walk.pending, []
    was_inside, walk.inside = walk.inside, True
    walk.joined = False
    visit(walk, element)
    walk.inside = was_inside
    pending, walk.pending = walk.pending, outer
    if not walk.joined:
        walk.end_line()
    for box in pending:
        _box(walk, box)


def _paragraph_properties(walk: Walk, element: Any) -> None:
    """A paragraph whose mark is a tracked deletion runs on into the next one."""
    for child in element:
        if child.tag in RUN_PROPERTIES:
            walk.joined = any(local(mark) in {"del", "moveFrom"} for mark in child)


def _run(walk: Walk, element: Any) -> None:
    for child in element:
        tag = child.tag
        if tag in TEXT:
            walk.say(_private(child.text or ""))
        elif tag in RUN_PROPERTIES:
            if len(child) and any(mark.tag in VANISH and on(mark) for mark in child):
                _hidden(walk, element)
                return
        else:
            handler = HANDLERS.get(tag, visit)
            if handler is not None:
                handler(walk, child)


def _hidden(walk: Walk, element: Any) -> None:
    """Hidden text is no text, but a field's begin and end must still pair up."""
    walk.muted += 1
    for child in element:
        if child.tag in FIELD_CHARS:
            _field_char(walk, child)
    walk.muted -= 1


def _private(text: str) -> str:
    """Symbol-font characters typed as text come as F0xx; those of Wingdings that are boxes become boxes."""
    if text.isascii() or not any(ord(mark) in PRIVATE for mark in text):
        return text
    return "".join(
        SYMBOLS.get(("wingdings", ord(mark) & 0xFF), "•") if ord(mark) in PRIVATE else mark
        for mark in text
    )


def _text(walk: Walk, element: Any) -> None:
    walk.say(_private(element.text or ""))


def _says(text: str) -> Callable[[Walk, Any], None]:
    return lambda walk, _: walk.say(text)


def _break(walk: Walk, _: Any) -> None:
    if not walk.muted:
        walk.end_line()


def _symbol(walk: Walk, element: Any) -> None:
    walk.say(symbol(attribute(element, "font") or "", attribute(element, "char") or ""))


def _ruby(walk: Walk, element: Any) -> None:
    for child in element:
        if local(child) == "rubyBase":
            visit(walk, child)


def _alternate(walk: Walk, element: Any) -> None:
    """The first choice only: the fallback repeats it for older programs."""
    branches = {local(child): child for child in reversed(element)}
    branch = branches.get("Choice", branches.get("Fallback"))
    if branch is not None:
        visit(walk, branch)


def _text_box(walk: Walk, element: Any) -> None:
    if walk.muted:
        return
    if walk.inside:
        walk.pending.append(element)
    else:
        _box(walk, element)


def _box(walk: Walk, element: Any) -> None:
    kept = walk.box, walk.where, walk.cell, walk.table, walk.inside, walk.gap, walk.codes
    walk.boxes += 1
    walk.box, walk.where, walk.inside, walk.gap = (
        walk.boxes,
        walk.place("text box", walk.where),
        False,
        0,
    )
    walk.cell, walk.table, walk.codes = None, None, []
    visit(walk, element)
    walk.end_line()
    walk.box, walk.where, walk.cell, walk.table, walk.inside, walk.gap, walk.codes = kept


def _control(walk: Walk, element: Any) -> None:
    properties = next((child for child in element if local(child) == "sdtPr"), None)
    control, placeholder = content_control(properties, "")
    control.start = walk.here() if not walk.muted else (len(walk.content.lines), walk.length)
    if control.checked is not None:
        walk.say("☒" if control.checked else "☐")
    quiet = placeholder or control.checked is not None
    walk.muted += quiet
    for child in element:
        if local(child) == "sdtContent":
            visit(walk, child)
    walk.muted -= quiet
    close(walk, control)


def _field_char(walk: Walk, element: Any) -> None:
    kind = attribute(element, "fldCharType")
    if kind == "begin":
        _begin(walk, element)
    elif kind == "separate" and walk.codes:
        code = walk.codes[-1]
        if not code.shown:
            code.shown = True
            walk.muted += code.silent - 1
            if code.control is not None and not code.silent:
                code.control.start = walk.here()
    elif kind == "end" and walk.codes:
        code = walk.codes.pop()
        if not code.shown or code.silent:
            walk.muted -= 1
        if code.control is not None and not code.silent:
            if not code.shown:
                code.control.start = walk.here()
            close(walk, code.control)


def _begin(walk: Walk, element: Any) -> None:
    code = Code()
    data = next((child for child in element if local(child) == "ffData"), None)
    if data is not None and not walk.muted:
        code.control = form_field(data, "")
        if code.control.kind != "form field":
            code.silent = True
            code.control.start = walk.here()
            walk.say(
                code.control.text
                if code.control.checked is None
                else "☒"
                if code.control.checked
                else "☐"
            )
            close(walk, code.control)
    walk.codes.append(code)
    walk.muted += 1


def _bookmark_start(walk: Walk, element: Any) -> None:
    name = attribute(element, "name") or ""
    if name and not name.startswith("_") and not walk.muted:
        walk.bookmarks[attribute(element, "id") or ""] = (name, walk.here())


def _bookmark_end(walk: Walk, element: Any) -> None:
    name, start = walk.bookmarks.pop(attribute(element, "id") or "", ("", (0, 0)))
    end = len(walk.content.lines), walk.length
    if name and start != end:
        control = Control("bookmark", name=name, start=start, end=end)
        control.where = walk.where or f"paragraph {walk.paragraphs + 1}"
        walk.content.controls.append(control)


def _table(walk: Walk, element: Any) -> None:
    if walk.buffer:
        walk.end_line()
    walk.nesting += 1
    if walk.nesting > MAX_TABLES_IN_TABLES:
        raise refuse("depth")
    kept = walk.table, walk.where, walk.box, walk.cell, walk.inside, walk.gap
    number = len(walk.content.tables) + 1
    walk.table, walk.inside = Table(walk.place(f"table {number}")), False
    walk.content.tables.append(walk.table)
    visit(walk, element)
    walk.table, walk.where, walk.box, walk.cell, walk.inside, walk.gap = kept
    walk.nesting -= 1


def _row(walk: Walk, element: Any) -> None:
    table = walk.table
    if table is None:
        visit(walk, element)
        return
    walk.offset = 0
    for child in element:
        if child.tag in ROW_PROPERTIES:
            marks = {local(mark): mark for mark in child}
            if "del" in marks:
                return
            if "gridBefore" in marks:
                walk.offset = whole(attribute(marks["gridBefore"], "val"), 0)
            if "tblHeader" in marks and on(marks["tblHeader"]):
                table.heads.add(len(table.rows))
    table.rows.append([])
    visit(walk, element)


def _cell(walk: Walk, element: Any) -> None:
    table = walk.table
    if table is None or not table.rows:
        visit(walk, element)
        return
    row = table.rows[-1]
    column = row[-1].column + row[-1].span if row else walk.offset
    walk.boxes += 1
    cell = Cell(table, len(table.rows) - 1, len(row), column, 1, walk.boxes)
    for child in element:
        if child.tag in CELL_PROPERTIES:
            for mark in child:
                word = local(mark)
                if word == "gridSpan":
                    cell.span = max(1, whole(attribute(mark, "val"), 1))
                elif word == "vMerge":
                    cell.continued = (attribute(mark, "val") or "continue") == "continue"
                elif word == "cellDel":
                    return
    row.append(cell)
    kept = walk.cell, walk.box, walk.where, walk.gap, walk.joined
    walk.cell, walk.box, walk.gap, walk.joined = cell, cell.box, 0, False
    walk.where = f"{table.where}, row {cell.row + 1}"
    cell.first = len(walk.content.lines)
    visit(walk, element)
    if walk.buffer or walk.marked:
        walk.end_line()
    cell.last = len(walk.content.lines)
    walk.cell, walk.box, walk.where, walk.gap, walk.joined = kept


def _elsewhere(walk: Walk, _: Any) -> None:
    note = ("embedded_file", "The document embeds another file (altChunk) that is not read.")
    if note not in walk.content.notes:
        walk.content.notes.append(note)


TEXT = frozenset(names("t"))
RUN_PROPERTIES = frozenset(names("rPr"))
ROW_PROPERTIES = frozenset(names("trPr"))
CELL_PROPERTIES = frozenset(names("tcPr"))
FIELD_CHARS = frozenset(names("fldChar"))
VANISH = frozenset(names("vanish"))

Handler = Callable[[Walk, Any], None]
_BY_WORD: dict[str, Handler | None] = {
    "p": _paragraph,
    "pPr": _paragraph_properties,
    "r": _run,
    "t": _text,
    "tab": _says("\t"),
    "ptab": _says("\t"),
    "noBreakHyphen": _says("-"),
    "br": _break,
    "cr": _break,
    "sym": _symbol,
    "ruby": _ruby,
    "txbxContent": _text_box,
    "sdt": _control,
    "fldChar": _field_char,
    "bookmarkStart": _bookmark_start,
    "bookmarkEnd": _bookmark_end,
    "tbl": _table,
    "tr": _row,
    "tc": _cell,
    "altChunk": _elsewhere,
    **dict.fromkeys(
        (
            "rPr", "tblPr", "trPr", "tcPr", "sectPr", "sdtPr", "sdtEndPr", "tblGrid", "tblPrEx",
            "del", "moveFrom", "delText", "instrText", "delInstrText", "fldData", "softHyphen",
            "ffData", "rt", "customXmlPr", "smartTagPr",
        )
    ),
}  # fmt: skip
HANDLERS: dict[Any, Handler | None] = {
    **{f"{{{space}}}{word}": handler for space in SPACES for word, handler in _BY_WORD.items()},
    **{f"{{{space}}}t": _text for space in (*MATH, *DRAWING)},
    f"{{{COMPATIBILITY}}}AlternateContent": _alternate,
}
