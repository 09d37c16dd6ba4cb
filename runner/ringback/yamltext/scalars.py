"""What an unquoted YAML word means here, and which words other YAML readers take for something else.

The meaning is YAML 1.2's core schema with two things left out: dates and clock times stay text, and so
does any number that would lose something by becoming one (a leading zero or plus, infinity, a thousand
digits). https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from ringback.problems import Severity

Scalar = str | int | float | bool | None

WORDS: dict[str, Scalar] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}

YES_NO = {
    word: meaning
    for meaning, words in {"true": "yes on y", "false": "no off n"}.items()
    for low in words.split()
    for word in (low, low.capitalize(), low.upper())
    if low not in "yn"
}

_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)\Z", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?\Z", re.ASCII)
_HEX_OCTAL = re.compile(r"0x[0-9a-fA-F]+\Z|0o[0-7]+\Z", re.ASCII)
_DIGITS = re.compile(r"[-+]?\d+\Z", re.ASCII)
_PHONE = re.compile(r"\+\d{7,15}\Z|00[1-9]\d{6,14}\Z|0[1-9]\d{8,13}\Z", re.ASCII)
_BASE_60 = re.compile(r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z", re.ASCII)
_LONGEST_NUMBER = 300


class Pitfall(NamedTuple):
    """A word that may not be what its writer meant; the parts of a `Problem`."""

    code: str
    message: str
    next: str
    severity: Severity


def resolve(word: str) -> Scalar:
    """The value of an unquoted word."""
    if word in WORDS:
        return WORDS[word]
    if word[0] not in "+-.0123456789" or len(word) > _LONGEST_NUMBER:
        return word
    if _INTEGER.match(word):
        return int(word)
    if _HEX_OCTAL.match(word):
        return int(word, 0)
    if _DIGITS.match(word):
        return word
    if _FLOAT.match(word):
        number = float(word)
        return number if math.isfinite(number) else word
    return word


def pitfall(word: str) -> Pitfall | None:
    """What to say of an unquoted value that other YAML readers, or a hasty writer, read otherwise."""
    if word in YES_NO:
        return Pitfall(
            "yes_no",
            f"`{word}` without quotes is text here, but many YAML readers take it for {YES_NO[word]}.",
            f'Write "{word}" if you mean the word, or {YES_NO[word]} if you mean a switch.',
            "warning",
        )
    if not word or word[0] not in "+-0123456789":
        return None
    if _PHONE.match(word):
        return Pitfall(
            "phone_number",
            f"The phone number {word} is read as a number and loses its "
            f"{'plus' if word[0] == '+' else 'zeros' if word[:2] == '00' else 'zero'}.",
            f'Put quotes around it: "{word}".',
            "error",
        )
    if _DIGITS.match(word) and not _INTEGER.match(word):
        return Pitfall(
            "leading_zero",
            f"{word} without quotes is text here, but many YAML readers take it for a number.",
            f'Write "{word}" to keep it as it stands.',
            "warning",
        )
    if _BASE_60.match(word):
        return Pitfall(
            "base_60",
            f"{word} without quotes is text here, but many YAML readers take it for a number in base 60.",
            f'Write "{word}".',
            "warning",
        )
    return None
