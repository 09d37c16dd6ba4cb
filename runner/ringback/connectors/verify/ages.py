"""How old a signature may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ringback import words
from ringback.connectors.verify.refused import Refused

_DEFAULT_TOLERANCE_MS = 300_000


def tolerance_ms(options: Mapping[str, Any], default: int = _DEFAULT_TOLERANCE_MS) -> int:
    """The tolerance in milliseconds, from words or from a number of milliseconds."""
    given = options.get("tolerance")
    if given is None:
        return default
    return given if isinstance(given, int) else words.duration_ms(str(given))


def check_age(written: str | None, where: str, tolerance: int, now_ms: int) -> None:
    """Raise `Refused` unless the epoch seconds written at a place are within the tolerance of now, both ways."""
    try:
        at_ms = int(written or "") * 1000
    except ValueError:
        raise Refused(f"The {where} does not hold the time of signing.") from None
    check_moment(at_ms, tolerance, now_ms)


def check_moment(at_ms: int, tolerance: int, now_ms: int) -> None:
    """Raise `Refused` unless a moment is within the tolerance of now, both ways."""
    if abs(now_ms - at_ms) > tolerance:
        apart = words.say_duration(abs(now_ms - at_ms))
        raise Refused(
            f"The callback was signed {apart} away from our clock; {words.say_duration(tolerance)} is allowed.",
            "too_old",
        )
