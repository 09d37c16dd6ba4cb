"""One phone number in every way it is written: found in texts, JSON and bytes, and taken out of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

ERASED = "[erased]"
"""What stands where something personal stood."""

_GAP = r"(?:[\s().\-/\u00a0\u2010-\u2013]|%(?:25)*20|\+|&nbsp;)"
_BETWEEN = _GAP + "{0,3}"
_GAPS = re.compile(_GAP + "+")
_PLUS = r"(?:\+|%(?:25)*2[Bb]|\\+u002[Bb]|&#43;)"
# Where a run of digits begins: after anything but a digit, or after an escape that ends in one (%20, \u00a0).
_BEGINS = r"(?:(?<![0-9])|(?<=%[0-9A-Fa-f][0-9])|(?<=\\u[0-9A-Fa-f]{3}[0-9]))"
_BARE_FROM = 9
"""Digits that a national number has at least to be found without anything before it."""


class Spellings:
    """Where a number shows.

    Args:
        number: in E.164.
        code: its country code, digits.
        rest: the digits after the country code.
        trunk: what is dialled before them at home (`0`), where there is such a thing.
        at_home: the project is in the number's country, where it is told without its code.
    """

    def __init__(
        self, number: str, code: str, rest: str, trunk: str = "", *, at_home: bool = False
    ) -> None:
        self.number = number
        self.exact = tuple(
            dict.fromkeys(
                (number, code + rest, f"00{code}{rest}", trunk + rest, f"011{code}{rest}")
            )
        )
        abroad = (
            rf"{_PLUS}?{_BETWEEN}(?:00|011)?{_BETWEEN}{_spaced(code)}{_BETWEEN}(?:\(0\){_BETWEEN})?"
        )
        before = [abroad]
        if trunk and (at_home or len(rest) >= _BARE_FROM):
            before.append(_spaced(trunk) + _BETWEEN)
        bare = "?" if at_home or len(rest) >= _BARE_FROM else ""
        pattern = rf"{_BEGINS}(?:{'|'.join(before)}){bare}{_spaced(rest)}(?![0-9])"
        self._text = re.compile(pattern)
        self._rest = rest

    def in_text(self, text: str | None) -> bool:
        """Whether a text holds the number."""
        # most texts do not have the digits at all, which is told ten times faster
        if text is None or self._rest not in _GAPS.sub("", text):
            return False
        return self._text.search(text) is not None

    def in_bytes(self, content: bytes) -> bool:
        """Whether bytes hold the number, as UTF-8 or as UTF-16."""
        if self.in_text(content.decode("utf-8", "replace")):
            return True
        return b"\0" in content and self.in_text(content.replace(b"\0", b"").decode("latin-1"))

    def out_of(self, text: str) -> str:
        """The text without the number."""
        return self._text.sub(ERASED, text)

    def out_of_value(self, value: Any) -> Any:
        """A JSON value without the number: in texts, in keys, and as a number."""
        if isinstance(value, str):
            return self.out_of(value)
        if isinstance(value, dict):
            return {self.out_of(key): self.out_of_value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.out_of_value(inner) for inner in value]
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and self.in_text(str(value))
        ):
            return ERASED
        return value

    def among(self, numbers: Iterable[str | None]) -> set[str]:
        """Those of the numbers that are this one, however written."""
        return {one for one in numbers if one and self.in_text(one)}


def _spaced(digits: str) -> str:
    return _BETWEEN.join(digits)
