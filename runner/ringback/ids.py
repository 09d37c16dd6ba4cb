"""Names for rows: `run_01ks…`, unique, and in order of time."""

from __future__ import annotations

import secrets
import threading
import time

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread


_lock = threading.Lock()
_last = 0


def new_id(kind: str) -> str:
    """A new id: the kind, 48 bits of milliseconds and 80 random bits (the layout of a ULID), lower case.

    Later ids of one process sort after earlier ones, also within one millisecond.
    """
    global _last  # noqa: PLW0603  the order is the process's
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    with _lock:
        if number <= _last:
            number = _last + 1 + secrets.randbits(64)
        _last = number
    return _written(kind, number)


def first_id(kind: str, at_ms: int) -> str:
    """What sorts before every id of the kind that is made from this moment on, and after all before it."""
    return _written(kind, max(at_ms, 0) << 80)


def _written(kind: str, number: int) -> str:
    return kind + "_" + "".join([_DIGITS[(number >> shift) & 31] for shift in range(125, -1, -5)])
