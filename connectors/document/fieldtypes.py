"""Field types: a value as written, made into what a workflow can use."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import phonenumbers

from ringback.sdk import Failure

from .amounts import read_money, read_number
from .content import Control
from .dates import read_date
from .fields import Field
from .labels import TICK, fold, fold_map
from .scan import is_ticked
from .setting import Setting

PATTERN_SECONDS = 0.5
MAX_PATTERN_TEXT = 20_000
MAX_SHORT = 500
SHORT = frozenset({"phone", "email", "date", "number", "money", "checkbox"})

YES = frozenset(
    {
        "yes",
        "y",
        "true",
        "x",
        "on",
        "1",
        "agree",
        "agreed",
        "i agree",
        "ja",
        "oui",
        "si",
        "sim",
        "tak",
        "是",
        "はい",
    }
)
NO = frozenset({"no", "n", "false", "off", "0", "disagree", "none", "nein", "non", "nao", "nie", "nee", "否", "いいえ"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """What was found for a field: the text, and the control or tick that it stood in."""

    text: str
    control: Control | None = None
    checked: bool | None = None


Converter = Callable[[Written, Field, Setting], tuple[Any, str]]


def convert(written: Written, field: Field, setting: Setting) -> tuple[Any, str]:
    """The value of a field and a note about it ("" if there is nothing to say).

    Raises:
        ValueError: the value is not of the field's type; the text is ready to follow "which".
        Failure: `invalid_input`, where the field's pattern took too long.
    """
    if field.pattern is not None:
        written = Written(_matched(field, written.text), written.control, written.checked)
    if field.type in SHORT and len(written.text) > MAX_SHORT:
        written = Written(written.text[:MAX_SHORT], written.control, written.checked)
    return CONVERTERS[field.type](written, field, setting)


def _matched(field: Field, text: str) -> str:
    """The part of the text that the pattern matches: its first group, or all of the match."""
    try:
        found = field.pattern.search(tidy(text)[:MAX_PATTERN_TEXT], timeout=PATTERN_SECONDS)
    except TimeoutError as error:
        raise Failure(
            "invalid_input",
            f"The pattern of `{field.name}` took more than half a second.",
            "Make it simpler: avoid a repetition inside a repetition.",
        ) from error
    if found is None:
        raise ValueError(f"does not match {field.pattern.pattern}")
    return str(found[1] if found.re.groups and found[1] is not None else found[0])


def tidy(text: str) -> str:
    """Spaces made plain and single, ends trimmed; lines stay lines."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _text(written: Written, _: Field, __: Setting) -> tuple[Any, str]:
    if written.checked is not None and written.text in ("", "☒", "☐"):
        raise ValueError("is a tick box, not a text")
    return tidy(written.text), ""


_PHONE = re.compile(r"[+＋]?[\s(（]*\d[\d\s()（）.\-/‐-―−\u00a0]{1,}\d")
_REASONS = {
    phonenumbers.ValidationResult.TOO_SHORT: "is too short for a phone number",
    phonenumbers.ValidationResult.TOO_LONG: "is too long for a phone number",
    phonenumbers.ValidationResult.INVALID_LENGTH: "is not a whole phone number",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "is not a whole phone number",
}


def _phone(written: Written, _: Field, setting: Setting) -> tuple[Any, str]:
    """E.164. Possible numbers are taken, since `is_valid_number` denies numbers kept for films, and new ones."""
    text = "".join(
        mark for mark in written.text if mark not in "\u200b\u200e\u200f\u202a\u202c\u202d\ufeff"
    )
    pieces = [text, *re.split(r"[,;\n]|\s/\s|\sor\s", text)] if _PHONE.search(text) else []
    reason, numbers = "is not a phone number", dict[str, Any]()
    for piece in pieces:
        for candidate in _PHONE.findall(piece):
            try:
                parsed = phonenumbers.parse(candidate, setting.country or None)
            except phonenumbers.NumberParseException as error:
                if error.error_type == phonenumbers.NumberParseException.TOO_LONG:
                    reason = _REASONS[phonenumbers.ValidationResult.TOO_LONG]
                continue
            verdict = phonenumbers.is_possible_number_with_reason(parsed)
            if verdict == phonenumbers.ValidationResult.IS_POSSIBLE:
                made = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
                numbers.setdefault(made, parsed)
            else:
                reason = _REASONS.get(verdict, reason)
    if not numbers:
        raise ValueError(reason)
    first, parsed = next(iter(numbers.items()))
    if len(numbers) > 1:
        return first, f"several numbers are written; {first} is the first"
    if not phonenumbers.is_valid_number(parsed):
        return (
            first,
            f"{first} has the length of a phone number but is in no range known to be in use",
        )
    return first, ""


_EMAIL = re.compile(r"[^\s<>@,;:()\[\]\"]+@[^\s<>@,;:()\[\]\"]+\.[^\s<>@,;:()\[\]\"]{2,}")


def _email(written: Written, _: Field, __: Setting) -> tuple[Any, str]:
    found = [address.strip(".'") for address in _EMAIL.findall(written.text)]
    if not found:
        raise ValueError("is not an email address")
    name, _at, domain = found[0].rpartition("@")
    address = f"{name}@{domain.lower()}"
    return address, f"several addresses are written; {address} is the first" if len(
        set(found)
    ) > 1 else ""


def _date(written: Written, _: Field, setting: Setting) -> tuple[Any, str]:
    if written.control is not None and written.control.iso is not None:
        return written.control.iso, ""
    return read_date(written.text, setting.day_first, setting.year)


def _number(written: Written, _: Field, setting: Setting) -> tuple[Any, str]:
    return read_number(written.text, setting.decimal_comma), ""


def _money(written: Written, _: Field, setting: Setting) -> tuple[Any, str]:
    return read_money(written.text, setting.decimal_comma, setting.currency), ""


_OPTION = re.compile(rf"({TICK})\s*([^{{}}\n]*?)\s*(?={TICK}|$|\n)", re.MULTILINE)


def options(text: str) -> list[tuple[bool, str]]:
    """The tick boxes in a text with the words after each: `☒ Yes ☐ No`. Words before the boxes work as well."""
    folded, places = fold_map(text)
    found = list(_OPTION.finditer(folded))
    if not found:
        return []
    if folded.lstrip()[: len(found[0][1])] == found[0][1]:
        spans = [(match[1], match.start(2), match.end(2)) for match in found]
    else:
        ends = [0, *(match.end(1) for match in found)]
        spans = [(match[1], ends[at], match.start(1)) for at, match in enumerate(found)]
    written = text if places is None else None
    return [
        (
            is_ticked(mark),
            (written[start:end] if written is not None else _slice(text, places, start, end)).strip(
                " \t\n,;/"
            ),
        )
        for mark, start, end in spans
    ]


def _slice(text: str, places: list[int] | None, start: int, end: int) -> str:
    return text[start:end] if places is None else text[places[start] : places[end]]


def _checkbox(written: Written, _: Field, __: Setting) -> tuple[Any, str]:
    if written.checked is not None:
        return written.checked, ""
    chosen = options(written.text)
    if len(chosen) == 1 and not chosen[0][1]:
        return chosen[0][0], ""
    ticked = [words for state, words in chosen if state]
    if chosen and len(ticked) != 1:
        raise ValueError("has no box ticked" if not ticked else "has more than one box ticked")
    word = fold(ticked[0] if ticked else written.text).rstrip(".!,")
    said = set(re.findall(r"\w+", word))
    if said & YES and said & NO:
        raise ValueError("says both yes and no")
    if word in YES or re.match(r"(?:yes|i agree)\b", word):
        return True, ""
    if word in NO or re.match(r"no\b", word):
        return False, ""
    if len(chosen) == 1:
        return True, ""
    raise ValueError("is neither a tick nor yes or no")


def _choice(written: Written, field: Field, __: Setting) -> tuple[Any, str]:
    boxes = options(written.text)
    ticked = [words for state, words in boxes if state]
    if boxes and len(ticked) != 1:
        raise ValueError("has no box ticked" if not ticked else "has more than one box ticked")
    shown = ticked[0] if ticked else tidy(written.text)
    if not field.choices:
        return shown, ""
    kept = {fold(choice): choice for choice in field.choices}
    behind = written.control.choice if written.control is not None else None
    for word in (shown, behind or ""):
        if fold(word) in kept:
            return kept[fold(word)], ""
    near = difflib.get_close_matches(fold(shown), kept, 1, 0.7)
    hint = f"; perhaps {kept[near[0]]} is meant" if near else ""
    raise ValueError(f"is not one of {', '.join(field.choices)}{hint}")


def _list(written: Written, field: Field, setting: Setting) -> tuple[Any, str]:
    boxes = options(written.text)
    if boxes:
        parts = [words for state, words in boxes if state]
    else:
        several = "\n" in written.text.strip() or ";" in written.text
        parts = re.split(r"[\n;]" if several else r"[,、，]", written.text)
    items = [re.sub(r"^\s*(?:[•*·\-–]|\d{1,2}[.)])\s+", "", part).strip() for part in parts]
    items = [tidy(item) for item in items if item]
    if field.choices:
        items = [_choice(Written(item), field, setting)[0] for item in items]
    return items, ""


CONVERTERS: dict[str, Converter] = {
    "text": _text,
    "phone": _phone,
    "email": _email,
    "date": _date,
    "number": _number,
    "money": _money,
    "checkbox": _checkbox,
    "choice": _choice,
    "list": _list,
}
