"""Reading a .docx: its main part, and the headers, footers, notes and comments that belong to it.

A walk of our own over the XML, since the usual libraries lose text silently: content controls, text boxes,
tracked insertions, smart tags, strict files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .content import Content
from .elements import story
from .package import Package, Relation, open_package, refuse
from .words import SPACES, attribute, local, whole

MAX_SIDE_PARTS = 60
_ROOTS = frozenset(f"{{{space}}}document" for space in SPACES)
_OTHERS = {"xl": "excel", "ppt": "powerpoint"}
_FETCHED = frozenset({"attachedTemplate", "image", "oleObject", "subDocument", "frame", "aFChunk"})
_SIDES = {"headerReference": "header", "footerReference": "footer"}
_WHICH = {"first": "first-page ", "even": "even-page "}


def read(path: Path, comments: bool = False) -> Content:
    """Everything that a .docx says, in order: headers, the text, footers, notes, and comments on request.

    Raises:
        Failure: `document_refused`, with the reason in one sentence.
    """
    with open_package(path) as package:
        main, root = _main(package)
        relations = package.relations(main)
        content = Content("docx")
        sides = _sides(root, relations)
        boxes = 0
        for name, target in sides:
            if name.endswith("header") and package.has(target):
                boxes = story(content, package.xml(target), name, True, boxes)
        boxes = story(content, root, boxes=boxes)
        for name, target in sides:
            if name.endswith("footer") and package.has(target):
                boxes = story(content, package.xml(target), name, True, boxes)
        kinds = ["footnotes", "endnotes", *(["comments"] if comments else [])]
        for kind in kinds:
            boxes = _notes(package, relations, kind, content, boxes)
        content.pages = _pages(package)
        _external(package, main, relations, content)
    return content


def _main(package: Package) -> tuple[str, Any]:
    """The main part's name and root, found by relationship, in transitional and strict files alike."""
    if package.has("mimetype") and b"opendocument" in package.read("mimetype"):
        raise refuse("opendocument")
    if not package.parts:
        raise refuse("zip")
    targets = [
        relation.target
        for relation in package.relations("")
        if relation.kind == "officeDocument"
        and not relation.external
        and package.has(relation.target)
    ]
    if not targets:
        raise refuse("not_docx" if package.has("[Content_Types].xml") else "zip")
    main = targets[0]
    kind = _content_type(package, main)
    if "macroenabled" in kind or package.has("word/vbaProject.bin"):
        raise refuse("macros" if "template" not in kind else "template")
    if "template" in kind and "wordprocessing" in kind:
        raise refuse("template")
    folder = main.split("/", 1)[0].lower()
    if folder in _OTHERS:
        raise refuse(_OTHERS[folder])
    root = package.xml(main)
    if root.tag not in _ROOTS:
        raise refuse("not_docx")
    return main, root


def _content_type(package: Package, part: str) -> str:
    if not package.has("[Content_Types].xml"):
        return ""
    wanted = "/" + part.lower()
    for element in package.xml("[Content_Types].xml"):
        if local(element) == "Override" and element.get("PartName", "").lower() == wanted:
            return str(element.get("ContentType", "")).lower()
    return ""


def _sides(root: Any, relations: list[Relation]) -> list[tuple[str, str]]:
    """(name, part) of the headers and footers that a section refers to, each part once."""
    targets = {
        relation.id: relation for relation in relations if relation.kind in {"header", "footer"}
    }
    found: dict[str, str] = {}
    if not targets:
        return []
    tags = [f"{{{space}}}{word}" for space in SPACES for word in _SIDES]
    for reference in root.iter(*tags):
        relation = targets.get(_relation_id(reference))
        if relation is None or relation.external or len(found) >= MAX_SIDE_PARTS:
            continue
        which = _WHICH.get(attribute(reference, "type") or "", "")
        found.setdefault(relation.target, which + _SIDES[local(reference)])
    return [(name, target) for target, name in found.items()]


def _relation_id(element: Any) -> str:
    return next(
        (str(value) for name, value in element.items() if name.endswith("relationships}id")), ""
    )


def _notes(
    package: Package, relations: list[Relation], kind: str, content: Content, boxes: int
) -> int:
    for relation in relations:
        if relation.kind != kind or relation.external or not package.has(relation.target):
            continue
        number = 0
        for note in package.xml(relation.target):
            if local(note) == kind[:-1] and attribute(note, "type") in (None, "normal"):
                number += 1
                boxes = story(content, note, f"{kind[:-1]} {number}", boxes=boxes)
    return boxes


def _pages(package: Package) -> int | None:
    """The page count that the writing program left behind, if it did."""
    if not package.has("docProps/app.xml"):
        return None
    for element in package.xml("docProps/app.xml"):
        if local(element) == "Pages":
            return whole((element.text or "").strip(), 0, 100_000) or None
    return None


def _external(package: Package, main: str, relations: list[Relation], content: Content) -> None:
    """Say what the document would have Word fetch; nothing here ever does."""
    folder = main.rpartition("/")[0]
    linked = [*relations, *package.relations(f"{folder}/settings.xml".lstrip("/"))]
    for relation in linked:
        if (
            relation.external
            and relation.kind in _FETCHED
            and not relation.target.startswith("file:///")
        ):
            content.notes.append(
                (
                    "external_content",
                    f"The document points to {relation.target[:120]} ({relation.kind}), which is not fetched.",
                )
            )
