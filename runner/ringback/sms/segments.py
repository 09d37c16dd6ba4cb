"""How a text is cut into SMS segments.

GSM 03.38 (3GPP TS 23.038): 160 septets fit in one message, 153 in each part of a longer one; a character outside
that alphabet turns the whole message to UCS-2, of which 70 or 67 code units fit.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "\f^{}\\[~]|€"  # each takes an escape and a septet
_GSM = re.compile(f"[{re.escape(_BASIC + _EXTENDED)}]*")
_TWO_SEPTETS = re.compile(f"[{re.escape(_EXTENDED)}]")


class Segments(NamedTuple):
    """`encoding` is `GSM-7` or `UCS-2`; `units` are septets or UTF-16 code units."""

    parts: int
    encoding: str
    units: int


def measure(text: str) -> Segments:
    """The number of segments a text takes, and what forced its encoding. An empty text takes one."""
    if _GSM.fullmatch(text):
        sizes = (
            [2 if char in _EXTENDED else 1 for char in text] if _TWO_SEPTETS.search(text) else None
        )
        units = sum(sizes) if sizes else len(text)
        return Segments(_parts(units, sizes, 160, 153), "GSM-7", units)
    sizes = [2 if ord(char) > 0xFFFF else 1 for char in text]
    units = sum(sizes)
    return Segments(_parts(units, sizes, 70, 67), "UCS-2", units)


def _parts(units: int, sizes: list[int] | None, single: int, part: int) -> int:
    """Parts for that many units; a character of two units is not cut in half."""
    if units <= single:
        return 1
    if sizes is None:
        return -(-units // part)
    parts, used = 1, 0
    for size in sizes:
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts


def foreign(text: str) -> list[str]:
    """The characters that do not fit GSM-7, each once, in order: what made a message long."""
    return list(dict.fromkeys(char for char in text if not _GSM.fullmatch(char)))
