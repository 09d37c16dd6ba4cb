"""One field of what a gateway says: as text, phone number, whole number, flag or moment; None where it is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import phonenumbers

from ringback.connectors import timestamps
from ringback.connectors.fieldpaths import Pick, as_list

_MOST_DIGITS = 18  # what a column of 64 bits surely holds
_TRUE = frozenset({"true", "1", "yes"})
Sources = Mapping[str, Any]


def text(pick: Pick | None, sources: Sources) -> str | None:
    """The field as text without spaces around it; lists and mappings as JSON."""
    value = pick.read(sources) if pick else None
    if value is None:
        return None
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return plain(str(value)).strip()


def plain(said: str) -> str:
    """The text without NUL, which no column of PostgreSQL holds."""
    return said.replace("\0", "\ufffd") if "\0" in said else said


def number(pick: Pick | None, sources: Sources) -> str | None:
    """The field, or the first of its list, as a phone number is written; in E.164 where the field has the format `digits`."""
    value = pick.read(sources) if pick else None
    if pick is None or value is None:
        return None
    said = plain(str(as_list(value)[0]))
    digits = said.strip()
    # A raw plus in a form or a query reads as a space.
    if said[:1] == " " and digits.isdigit():
        return f"+{digits}"
    return _with_plus(digits) if pick.format == "digits" else digits


def _with_plus(digits: str) -> str:
    """International digits in E.164; what cannot be such a number (short codes, names) as it is."""
    if not digits.isdigit():
        return digits
    full = f"+{digits.removeprefix('00')}"
    try:
        possible = phonenumbers.is_possible_number(phonenumbers.parse(full))
    except phonenumbers.NumberParseException:
        return digits
    return full if possible else digits


def whole(pick: Pick | None, sources: Sources) -> int | None:
    """The field as a whole number from 0 on."""
    said = text(pick, sources)
    counts = said is not None and len(said) <= _MOST_DIGITS and said.isascii() and said.isdigit()
    return int(said) if said is not None and counts else None


def flag(pick: Pick | None, sources: Sources) -> bool | None:
    """Whether the field says `true`, `1` or `yes`."""
    said = text(pick, sources)
    return None if said is None else said.casefold() in _TRUE


def moment(pick: Pick | None, sources: Sources) -> int | None:
    """The field as a time (ms), by its format and zone."""
    if pick is None:
        return None
    return timestamps.parse(pick.read(sources), pick.format, pick.zone)
