"""What content controls (`w:sdt`) and legacy form fields (`w:ffData`) say about themselves."""

from __future__ import annotations

from typing import Any

from .content import Control
from .words import attribute, local, on, whole

KINDS = {
    "checkbox": "tick box",
    "date": "date control",
    "dropDownList": "drop-down",
    "comboBox": "drop-down",
}


def content_control(properties: Any | None, where: str) -> tuple[Control, bool]:
    """A control from its `w:sdtPr`, and whether it shows only its placeholder."""
    control = Control("content control", where=where)
    placeholder = False
    for child in properties if properties is not None else ():
        name = local(child)
        if name == "tag":
            control.tag = attribute(child, "val") or ""
        elif name == "alias":
            control.title = attribute(child, "val") or ""
        elif name == "showingPlcHdr":
            placeholder = on(child)
        elif name in KINDS:
            control.kind = KINDS[name]
            _state(control, child, name)
    # a box, once ticked or not, is an answer; a stale placeholder mark on it means nothing
    return control, placeholder and control.checked is None


def _state(control: Control, element: Any, name: str) -> None:
    if name == "checkbox":
        marks = [child for child in element if local(child) == "checked"]
        control.checked = bool(marks) and on(marks[0])
    elif name == "date":
        full = attribute(element, "fullDate") or ""
        control.iso = full[:10] if len(full) >= 10 else None
    else:
        control.items = tuple(
            (
                attribute(item, "displayText") or attribute(item, "value") or "",
                attribute(item, "value") or "",
            )
            for item in element
            if local(item) == "listItem"
        )


def form_field(data: Any, where: str) -> Control:
    """A control from a legacy field's `w:ffData`. `text` is set for a drop-down only: Word keeps no result for it."""
    control = Control("form field", where=where)
    for child in data:
        name = local(child)
        if name == "name":
            control.name = attribute(child, "val") or ""
        elif name == "checkBox":
            marks = {local(mark): on(mark) for mark in child}
            control.kind, control.checked = (
                "tick box",
                marks.get("checked", marks.get("default", False)),
            )
        elif name == "ddList":
            control.kind = "drop-down"
            entries = [attribute(item, "val") or "" for item in child if local(item) == "listEntry"]
            chosen = {
                local(mark): whole(attribute(mark, "val"), 0)
                for mark in child
                if local(mark) in {"result", "default"}
            }
            index = chosen.get("result", chosen.get("default", 0))
            control.text = entries[index] if index < len(entries) else ""
    return control
