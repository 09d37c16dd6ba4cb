"""Names for rows: `run_01ks…`, unique, and in order of time."""

from __future__ import annotations

import secrets
import time

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread


def new_id(kind: str) -> str:
    """A new id: the kind, 48 bits of milliseconds and 80 random bits (the layout of a ULID), lower case."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return kind + "_" + "".join([_DIGITS[(number >> shift) & 31] for shift in range(125, -1, -5)])
