"""Labels: how they are compared, and where in a line one may stand.

Text is folded for comparing only; what is answered is always as written.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from .words import TICKED, UNTICKED

_TRANSLATE: dict[int, str] = {
    **dict.fromkeys(map(ord, "：﹕︰∶"), ":"),
    **dict.fromkeys(map(ord, "‘’‚‛′"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    ord("\u3000"): "  ",
    # bidi marks, zero-width characters, soft hyphen, tatweel: invisible or stretching only
    **dict.fromkeys(
        [0xAD, 0x61C, 0x640, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)],
        "",
    ),
}  # fmt: skip
_KEPT = frozenset(TICKED + UNTICKED + "…")


def _fold_mark(mark: str) -> str:
    known = _TRANSLATE.get(ord(mark))
    if known is not None:
        return known
    if mark in _KEPT:
        return mark
    if mark.isspace():
        return "\t" if mark == "\t" else " "
    return unicodedata.normalize("NFKD", mark).casefold()


def fold_map(text: str) -> tuple[str, list[int] | None]:
    """The text folded for comparing, and for each folded character its place in the text (None: the same)."""
    if text.isascii():
        return text.lower(), None
    folded: list[str] = []
    places: list[int] = []
    for place, mark in enumerate(text):
        short = mark.lower() if mark.isascii() else _fold_mark(mark)
        folded.append(short)
        places.extend([place] * len(short))
    places.append(len(text))
    return "".join(folded), places


MAX_LABEL = 300
_TRAILING = re.compile(r"(?:\s|:|\*|\?|\.|_|…|\((?:required|optional)\)|[-=]$)+$")
_LEADING = re.compile(r"^(?:\s|[•*·]|(?:\d{1,2}|[a-z])[.)]\s)+")
_SPACES = re.compile(r"\s+")


def fold(text: str) -> str:
    """A label in the form in which labels are compared: no colon, star or "(required)" at its end."""
    folded = _SPACES.sub(" ", fold_map(text[:MAX_LABEL])[0])
    return _LEADING.sub("", _TRAILING.sub("", folded)).strip()


def squash(text: str) -> str:
    """A label or a technical name with letters and digits only: "Student name" meets `student_name`."""
    return "".join(
        mark for mark in fold_map(text)[0] if mark.isalnum() or unicodedata.combining(mark)
    )


TICK = rf"(?:[{TICKED}{UNTICKED}]|\[\s?[x✓✔]?\s?\]|\((?:\s|x)\))"
_NUMBER = r"(?:(?:\d{1,2}|[a-z])[.)]\s+|[•*·]\s*|-\s+)?"
START = re.compile(rf"(?:^|\t|\s\s+|[;|]|__+|\.\.\.+|…|{TICK})\s*{_NUMBER}")
"""Where a label may begin. Anywhere else "Parent name" would answer to "name"."""

AFTER = (
    r"(?P<extra>\s*(?:[*#]|\([^()\n]{1,60}\)|/\s?[^\W\d_]{2,20}\s?)*)[?.]?\s*"
    rf"(?:(?P<colon>:)|(?P<blank>__+|\.\.\.+|…)|(?P<tick>{TICK})|(?P<gap>(?<=\s)\s+|(?<=\t)|\t)|(?P<dash>(?<=\s)[-=]+\s)|(?P<alone>$))"
)
"""What must follow a label for it to be one."""

STOP = re.compile(r"(?:(?<!\s)\s{2,}+|[;|]\s*|\t)[^\W\d_][^:\t\n]{0,40}:")
"""Where a value ends because another label follows."""

GENERIC = re.compile(
    r"(?P<label>[^\W\d_][^:\t;|_\n]{0,58}?)\s*(?:\*\s*)?(?:(?P<colon>:)(?!//)|(?P<blank>__+|\.{4,}|……+))"
)
"""Anything that looks like a label: words and a colon, or words and a blank to write on."""

BLANKS = re.compile(r"^(?:[\s_.…·-]|\u200b)*$")
_LEAD = re.compile(r"^(?:\s|_{2,}|\.{3,}|…)+")
_INNER = re.compile(r"_{3,}|\.{4,}|…{2,}")


def clean(text: str) -> str:
    """A value as written, without the blank it was written on; empty where there is only a blank."""
    text = _LEAD.sub("", text)
    cut = _INNER.search(text)
    if cut is not None:
        text = text[: cut.start()]
    text = text.strip().rstrip("_").strip()
    return "" if BLANKS.match(text) else text


def looks_like_label(text: str) -> bool:
    """Whether a line begins as a label does: "Words:" or "Words ____"."""
    folded = fold_map(text)[0].strip()
    found = GENERIC.match(folded)
    return found is not None and not re.match(r".*\d$", found["label"])


def pattern(labels: Iterable[str]) -> re.Pattern[str] | None:
    """One expression for all labels, longest first, that demands what must follow a label."""
    folded = sorted({fold(label) for label in labels} - {""}, key=len, reverse=True)
    if not folded:
        return None
    words = "|".join(re.escape(label).replace(r"\ ", r"\s{1,3}") for label in folded)
    return re.compile(rf"(?P<label>{words}){AFTER}")


def opening(labels: Iterable[str]) -> re.Pattern[str] | None:
    """An expression for labels of three words and more, which may open a longer sentence beside a tick box."""
    folded = sorted(
        {one for label in labels if len((one := fold(label)).split()) > 2}, key=len, reverse=True
    )
    if not folded:
        return None
    words = "|".join(re.escape(label).replace(r"\ ", r"\s{1,3}") for label in folded)
    return re.compile(rf"\s*({TICK})\s*({words})(?!\w)")


def nearest(wanted: Iterable[str], there: Iterable[str], most: int = 8) -> list[str]:
    """The document's labels, the likeliest meant first."""
    asked = [fold(label) for label in wanted]

    def likeness(label: str) -> float:
        folded = fold(label)
        words = set(folded.split())
        return max(
            (
                difflib.SequenceMatcher(None, folded, want).ratio()
                + 0.5 * bool(words & set(want.split()))
                for want in asked
            ),
            default=0.0,
        )

    unique = list(dict.fromkeys(there))[:200]
    return sorted(unique, key=likeness, reverse=True)[:most]
