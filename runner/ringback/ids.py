"""Names for rows: `run_01ks…`, unique, and in order of time."""

from __future__ import annotations

import os
import threading
import time

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_SHIFTS = range(120, -1, -10)
_lock = threading.Lock()
_last = 0


def new_id(kind: str) -> str:
    """A new id: the kind, 48 bits of milliseconds and 80 random bits (the layout of a ULID), lower case.

    Later ids of one process sort after earlier ones, also within one millisecond.
    """
    global _last  # noqa: PLW0603  the order is the process's
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    with _lock:
        if number <= _last:
            number = _last + 1 + int.from_bytes(os.urandom(8))
        _last = number
    return _written(kind, number)


def first_id(kind: str, at_ms: int) -> str:
    """What sorts before every id of the kind that is made from this moment on, and after all before it."""
    return _written(kind, max(at_ms, 0) << 80)


def made_at(row_id: str) -> int:
    """When an id was made, milliseconds since the epoch; 0 for what is not one of ours."""
    number = 0
    for letter in row_id.partition("_")[2]:
        value = _DIGITS.find(letter)
        if value < 0:
            return 0
        number = number << 5 | value
    return number >> 80


def _written(kind: str, number: int) -> str:
    pairs = _PAIRS
    return f"{kind}_" + "".join([pairs[(number >> shift) & 1023] for shift in _SHIFTS])
