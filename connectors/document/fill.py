"""`document.fill`: a .docx made from a template."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docx
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from ringback.sdk import Context, Failure

from . import docx as reader
from .package import REFUSALS, repack
from .template import MARK, failure, parse, show

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MAX_ROWS = 5_000
_TEXT, _ROW, _TABLE, _BOX = qn("w:t"), qn("w:tr"), qn("w:tbl"), qn("w:txbxContent")
_PARAGRAPH = qn("w:p")
_PARTS = ("header", "footer")
_ONCE = (qn("w:bookmarkStart"), qn("w:bookmarkEnd"))


@dataclass(slots=True)
class _Filling:
    values: Mapping[str, Any]
    mistakes: list[str] = field(default_factory=list)


def fill(inputs: dict[str, Any], context: Context) -> dict[str, Any]:
    """Fill in a template and store the document; equal templates and values make equal bytes.

    Raises:
        Failure: `document_refused` for a template that is no .docx; `template` naming every mistake in it.
    """
    content = fill_file(context.path(inputs["template"]), inputs["values"])
    name = str(inputs.get("name") or "document.docx").replace("/", "-").replace("\\", "-").strip()
    if not name.lower().endswith(".docx"):
        name += ".docx"
    return {"file": context.save(name, content, MEDIA_TYPE)}


def fill_file(path: Path, values: Mapping[str, Any]) -> bytes:
    """The bytes of a filled template. Raises as `fill` does."""
    document = _open(path)
    filling = _Filling(values)
    for root in _roots(document):
        _rows(root, filling)
        for paragraph in list(root.iter(_PARAGRAPH)):
            _paragraph(paragraph, filling.values, filling)
    if filling.mistakes:
        raise failure(filling.mistakes)
    out = io.BytesIO()
    document.save(out)
    return repack(out.getvalue())


def _open(path: Path) -> Any:
    reader.read(path)  # the guard: python-docx itself has no limits
    try:
        return docx.Document(str(path))
    except Exception as error:
        # python-docx has no exception type of its own for what it cannot read
        message, following = REFUSALS["not_docx"]
        raise Failure(
            "document_refused",
            "The template can be read, but not filled in: it is not written as Word itself writes documents.",
            following,
            detail={"reason": "not_fillable", "message": message},
        ) from error


def _roots(document: Any) -> Iterator[Any]:
    """The XML of the body, then of each header and footer."""
    yield document.element
    for relation in document.part.rels.values():
        if relation.is_external or not relation.reltype.rsplit("/", 1)[-1].startswith(_PARTS):
            continue
        part = relation.target_part
        if hasattr(part, "element"):
            yield part.element


def _rows(root: Any, filling: _Filling) -> None:
    """Repeat each row that names a part of a list, and fill the copies; innermost rows first."""
    for row in reversed(list(root.iter(_ROW))):
        names = {
            name
            for paragraph in _own_paragraphs(row)
            for text in MARK.findall(_joined(paragraph))
            for name, _part in _parts(text)
            if isinstance(filling.values.get(name), list)
        }
        if len(names) > 1:
            filling.mistakes.append(
                f"one table row names several lists: {', '.join(sorted(names))}"
            )
        elif names:
            _repeat(row, names.pop(), filling)


def _parts(text: str) -> frozenset[tuple[str, str]]:
    try:
        return parse(text)[1]
    except ValueError:
        return frozenset()  # the paragraph itself reports it, with the sentence


def _own_paragraphs(row: Any) -> Iterator[Any]:
    """The paragraphs of a row that are not in a row of a table inside it."""
    for paragraph in row.iter(_PARAGRAPH):
        nearest = next((above for above in paragraph.iterancestors(_ROW)), None)
        if nearest is row:
            yield paragraph


def _repeat(row: Any, name: str, filling: _Filling) -> None:
    items = filling.values[name]
    if len(items) > MAX_ROWS:
        filling.mistakes.append(f"{name} has {len(items)} rows; the most is {MAX_ROWS}")
        return
    table = row.getparent()
    pattern = copy.deepcopy(row)
    for mark in list(pattern.iter(*_ONCE)):
        mark.getparent().remove(mark)
    last = None
    for number, item in enumerate(items, start=1):
        made = row if last is None else copy.deepcopy(pattern)
        if last is not None:
            last.addnext(made)
        last = made
        one = (
            {"number": number, **item}
            if isinstance(item, Mapping)
            else {"number": number, "value": item}
        )
        scope = {**filling.values, name: one}
        for paragraph in list(made.iter(_PARAGRAPH)):
            _paragraph(paragraph, scope, filling)
    if not items:
        table.remove(row)
        if table.tag == _TABLE and next(table.iter(_ROW), None) is None:
            table.getparent().replace(table, OxmlElement("w:p"))


def _texts(paragraph: Any) -> list[Any]:
    """The text elements of a paragraph, without those of a text box that hangs on it."""
    return [
        text
        for text in paragraph.iter(_TEXT)
        if next(text.iterancestors(_PARAGRAPH), None) is paragraph
    ]


def _joined(paragraph: Any) -> str:
    return "".join(text.text or "" for text in _texts(paragraph))


def _paragraph(paragraph: Any, scope: Mapping[str, Any], filling: _Filling) -> None:
    """Put values in place of expressions, however Word has split them over runs.

    A value takes the formatting of the run in which its braces open.
    """
    texts = _texts(paragraph)
    joined = "".join(text.text or "" for text in texts)
    if "{{" not in joined:
        return
    marks = list(MARK.finditer(joined))
    if joined.count("{{") != len(marks):
        filling.mistakes.append(f"“{joined.strip()[:60]}” opens {{{{ without closing it")
    for found in reversed(marks):
        try:
            value = show(found[1], scope)
        except ValueError as error:
            filling.mistakes.append(f"{{{{ {found[1].strip()} }}}}: {error}")
            continue
        _replace(texts, found.start(), found.end(), value)
    for text in texts:
        _breaks(text)


def _replace(texts: list[Any], start: int, end: int, value: str) -> None:
    at = 0
    for text in texts:
        held = text.text or ""
        first, last = max(start - at, 0), min(end - at, len(held))
        if first < last:
            opening = at <= start
            text.text = held[:first] + (value if opening else "") + held[last:]
            text.set(qn("xml:space"), "preserve")
            _no_placeholder(text)
        at += len(held)


def _no_placeholder(text: Any) -> None:
    """A content control that has been given a value does not show its placeholder any more."""
    for control in text.iterancestors(qn("w:sdt")):
        for mark in list(control.iterfind(f"{qn('w:sdtPr')}/{qn('w:showingPlcHdr')}")):
            mark.getparent().remove(mark)


def _breaks(text: Any) -> None:
    """New lines and tabs of a value as Word's own elements."""
    held = text.text or ""
    if "\n" not in held and "\t" not in held:
        return
    pieces = held.replace("\t", "\n\t").split("\n")
    text.text = pieces[0]
    after = text
    for piece in pieces[1:]:
        mark = OxmlElement("w:tab" if piece.startswith("\t") else "w:br")
        more = OxmlElement("w:t")
        more.text = piece.lstrip("\t")
        more.set(qn("xml:space"), "preserve")
        after.addnext(mark)
        mark.addnext(more)
        after = more
