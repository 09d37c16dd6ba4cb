"""How a text is cut into SMS segments, which are what a gateway charges for.

GSM-7 (3GPP TS 23.038, 6.2.1): 160 septets fit in one message, and 153 in each part of a longer one,
whose header takes the rest (3GPP TS 23.040, 9.2.3.24.1). One character outside of that alphabet turns the
whole message to UCS-2, of which 70 or 67 code units of 16 bits fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ringback.expressions.filters import plain

Encoding = Literal["GSM-7", "UCS-2"]

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet, without the escape: one septet each."""
EXTENDED = "\f^{}\\[~]|€"
"""The extension table: an escape and a septet each."""

_FOREIGN = re.compile(f"[^{re.escape(BASIC + EXTENDED)}]")
_DOUBLE = {
    "GSM-7": re.compile(f"[{re.escape(EXTENDED)}]"),
    "UCS-2": re.compile("[\U00010000-\U0010ffff]"),
}
_SIZES = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text takes.

    `units` are septets or UTF-16 code units; `count` is how many segments they fill. `offenders` are the
    characters that forced UCS-2, each once, in the order in which they come: empty for GSM-7.
    """

    encoding: Encoding
    units: int
    count: int
    offenders: tuple[str, ...]


@lru_cache(maxsize=256)  # one send asks several times
def segments(text: str) -> Segments:
    """Measure a text. An empty one still takes a segment."""
    offenders = tuple(dict.fromkeys(_FOREIGN.findall(text)))
    encoding: Encoding = "UCS-2" if offenders else "GSM-7"
    doubles = [found.start() for found in _DOUBLE[encoding].finditer(text)]
    units = len(text) + len(doubles)
    whole, part = _SIZES[encoding]
    if units <= whole:
        count = 1
    elif not doubles:
        count = -(-units // part)
    else:
        count = _parts(len(text), set(doubles), part)
    return Segments(encoding, units, count, offenders)


def pieces(text: str) -> list[str]:
    """The text as it is cut into its segments: as many as `segments` counts, and together the text again."""
    if segments(text).count == 1:
        return [text]
    encoding: Encoding = "UCS-2" if _FOREIGN.search(text) else "GSM-7"
    doubles = {found.start() for found in _DOUBLE[encoding].finditer(text)}
    made, used = [""], 0
    for index, character in enumerate(text):
        size = 2 if index in doubles else 1
        if used + size > _SIZES[encoding][1]:
            made, used = [*made, ""], 0
        made[-1] += character
        used += size
    return made


def plain_quotes(text: str) -> str:
    """The text with typographic quotes, dashes and spaces made plain: what `| plain` does in a template.

    Compare its `segments` with the text's own to say what a curly quote costs.
    """
    return plain(text)


def _parts(length: int, doubles: set[int], part: int) -> int:
    """Parts for so many characters: one that takes two units is not cut in half, but goes to the next part whole."""
    parts, used = 1, 0
    for index in range(length):
        size = 2 if index in doubles else 1
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts
