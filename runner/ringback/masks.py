"""Hides secrets in everything that is shown, logged or exported."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "•••"
_SHORTEST = 4
_LISTS = (list, tuple)


def _shapes(secret: str) -> set[str]:
    """The forms in which a secret travels: as it is, in a URL, in JSON, in base64 (basic authentication)."""
    encoded = base64.b64encode(secret.encode()).decode()
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        encoded,
        encoded.rstrip("="),
    }


class Masks:
    """Knows a set of secrets and blacks them out. Secrets under four characters would black out ordinary words and are left."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        shapes = {
            shape for secret in secrets if len(secret) >= _SHORTEST for shape in _shapes(secret)
        }
        longest_first = sorted(shapes, key=len, reverse=True)
        self._found = re.compile("|".join(map(re.escape, longest_first))) if shapes else None

    def text(self, text: str) -> str:
        """The text with each secret replaced."""
        return self._found.sub(HIDDEN, text) if self._found else text

    def value(self, value: Any) -> Any:
        """A JSON-able value with each secret replaced, in keys too; the value itself is left alone."""
        if self._found is None:
            return value
        return self._value(value, self._found.sub)

    def _value(self, value: Any, sub: Callable[[str, str], str]) -> Any:
        if isinstance(value, str):
            return sub(HIDDEN, value)
        if isinstance(value, dict):
            return {
                sub(HIDDEN, str(key)): sub(HIDDEN, inner)
                if isinstance(inner, str)
                else self._value(inner, sub)
                for key, inner in value.items()
            }
        if isinstance(value, _LISTS):
            return [self._value(inner, sub) for inner in value]
        return value


_NUMBER = re.compile(
    r"(?<![\w:.+-])(?:\+\d|0\d)(?:[ ()./-]{0,2}\d){5,14}(?!\w)|(?<![\w:.+-])\d{9,15}(?![\w.])"
)
"""A phone number within a text: international with its plus, national with its zero, or nine and more digits."""


def shorten_number(number: str) -> str:
    """A phone number of which only who knows it is reminded: `+44•••077`."""
    return f"{number[:3]}{HIDDEN}{number[-3:]}" if len(number) > 6 else HIDDEN


def shorten_numbers(value: Any) -> Any:
    """A JSON-able value with each phone number in its texts shortened."""
    if isinstance(value, str):
        return _NUMBER.sub(lambda found: shorten_number(found[0]), value)
    if isinstance(value, dict):
        return {shorten_numbers(str(key)): shorten_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shorten_numbers(inner) for inner in value]
    return value
