"""WordprocessingML names, transitional and strict, and the few characters that stand for a tick box."""

from __future__ import annotations

from typing import Any

TRANSITIONAL = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
SPACES = (TRANSITIONAL, STRICT)
W14 = "http://schemas.microsoft.com/office/word/2010/wordml"
COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006"
MATH = (
    "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "http://purl.oclc.org/ooxml/officeDocument/math",
)
DRAWING = (
    "http://schemas.openxmlformats.org/drawingml/2006/main",
    "http://purl.oclc.org/ooxml/drawingml/main",
)

TICKED = "☑☒✓✔✗✘🗹🗷🗸🗴"
UNTICKED = "☐□◻◽▢❏❑⬜"

# Wingdings and Webdings code points (the low byte counts; Word writes them as F0xx)
SYMBOLS: dict[tuple[str, int], str] = {
    ("wingdings", 0x6F): "☐",
    ("wingdings", 0x71): "☐",
    ("wingdings", 0x72): "☐",
    ("wingdings", 0xA8): "☐",
    ("wingdings", 0x78): "☒",
    ("wingdings", 0xFB): "✗",
    ("wingdings", 0xFC): "✓",
    ("wingdings", 0xFD): "☒",
    ("wingdings", 0xFE): "☑",
    ("wingdings 2", 0x2A): "☐",
    ("wingdings 2", 0xA3): "☐",
    ("wingdings 2", 0x4F): "✗",
    ("wingdings 2", 0x50): "✓",
    ("wingdings 2", 0x51): "☒",
    ("wingdings 2", 0x52): "☑",
    ("wingdings 2", 0x53): "☒",
    ("webdings", 0x63): "☐",
    ("webdings", 0x61): "✓",
    ("webdings", 0x72): "✗",
}
PRIVATE = range(0xF000, 0xF100)
OFF = frozenset({"0", "false", "off", "none"})


def names(*words: str) -> tuple[str, ...]:
    """The qualified tags of these words in both namespaces."""
    return tuple(f"{{{space}}}{word}" for space in SPACES for word in words)


_ATTRIBUTES = {
    word: (*(f"{{{space}}}{word}" for space in (*SPACES, W14)), word)
    for word in (
        "val", "fullDate", "fldCharType", "displayText", "value", "id", "name",
        "type", "font", "char", "lastValue", "instr",
    )
}  # fmt: skip


def attribute(element: Any, word: str) -> str | None:
    """An attribute in whichever namespace the document uses."""
    get = element.get
    for name in _ATTRIBUTES[word]:
        value = get(name)
        if value is not None:
            return str(value)
    return None


def local(element: Any) -> str:
    """An element's name without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def on(element: Any) -> bool:
    """A toggle: present means on, unless its value says off."""
    return (attribute(element, "val") or "1").lower() not in OFF


def whole(text: str | None, default: int, most: int = 10_000) -> int:
    """A number in an attribute, kept within reason."""
    try:
        return max(0, min(int(text or default), most))
    except ValueError:
        return default


def symbol(font: str, code: str) -> str:
    """The character that a `w:sym` shows: a tick or a box where it is one."""
    try:
        point = int(code, 16)
    except ValueError:
        return ""
    known = SYMBOLS.get((font.strip().lower(), point & 0xFF))
    if known is not None:
        return known
    if point in PRIVATE or not 0x20 <= point < 0xD800:
        return "•" if point in PRIVATE else ""
    return chr(point)
