"""Tokens: 256 random bits that a program shows instead of a password. Only their hash is kept.

They look like `rb_…` (a program's) or `rbs_…` (of somebody signed in), and end in a checksum: so a scanner for
leaked secrets finds them, and a mistyped one is refused without a look into the journal.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib

PROGRAM, SESSION = "rb_", "rbs_"
PATTERN = r"rbs?_[0-9A-Za-z]{49}"
"""What a scanner for leaked secrets looks for."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM, _CHECK = 43, 6  # digits of base 62 that 256 bits and 32 bits take


def make(prefix: str) -> str:
    """A fresh token that begins with `PROGRAM` or `SESSION`."""
    body = prefix + _in_base_62(secrets.randbits(256), _RANDOM)
    return body + _checksum(body)


def is_whole(text: str) -> bool:
    """Whether a text is a token as `make` makes them, by its form and its checksum."""
    return re.fullmatch(PATTERN, text) is not None and _checksum(text[:-_CHECK]) == text[-_CHECK:]


def hash_of(token: str) -> str:
    """What is kept of a token. It is random throughout, so a quick hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def hint_of(token: str) -> str:
    """The beginning of a token, to tell it from others."""
    return token[:9] + "…"


def _checksum(body: str) -> str:
    return _in_base_62(zlib.crc32(body.encode()), _CHECK)


def _in_base_62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
