"""Durations and sizes as people write them: `15 minutes`, `5 MB`."""

from __future__ import annotations

import re
from functools import lru_cache

_SECOND = 1000
_UNITS_MS = {
    "ms": 1, "millisecond": 1, "milliseconds": 1,
    "s": _SECOND, "sec": _SECOND, "secs": _SECOND, "second": _SECOND, "seconds": _SECOND,
    "m": 60 * _SECOND, "min": 60 * _SECOND, "mins": 60 * _SECOND, "minute": 60 * _SECOND, "minutes": 60 * _SECOND,
    "h": 3600 * _SECOND, "hour": 3600 * _SECOND, "hours": 3600 * _SECOND,
    "d": 86400 * _SECOND, "day": 86400 * _SECOND, "days": 86400 * _SECOND,
    "w": 604800 * _SECOND, "week": 604800 * _SECOND, "weeks": 604800 * _SECOND,
}  # fmt: skip
_SIZES = {"b": 1, "byte": 1, "bytes": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3,
          "kib": 1024, "mib": 1024**2, "gib": 1024**3}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_SEPARATOR = re.compile(r"[\s,]*(?:and\b)?[\s,]*")
_LONGEST_MS = 10 * 366 * 86400 * _SECOND


@lru_cache(maxsize=1024)
def duration_ms(words: str) -> int:
    """`15 minutes`, `1 hour 30 minutes`, `2h30m` or `0` as milliseconds.

    Raises ValueError with a sentence when it is not a duration, has no unit, or exceeds ten years.
    """
    text = str(words).strip().lower()
    if text == "0":
        return 0
    total, at = 0.0, 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or part[2] not in _UNITS_MS:
            raise ValueError(
                f"“{words}” is not a duration. Write a number and a unit, such as 15 minutes."
            )
        total += float(part[1]) * _UNITS_MS[part[2]]
        gap = _SEPARATOR.match(text, part.end())
        at = gap.end() if gap else part.end()
    if not text:
        raise ValueError("A duration is empty. Write a number and a unit, such as 15 minutes.")
    if total > _LONGEST_MS:
        raise ValueError(f"“{words}” is longer than ten years.")
    return round(total)


@lru_cache(maxsize=1024)
def size_bytes(words: str) -> int:
    """`5 MB`, `500 KB` or `1 GiB` as bytes. Raises ValueError with a sentence when it is not a size."""
    part = _PART.fullmatch(str(words).strip().lower())
    if part is None or part[2] not in _SIZES:
        raise ValueError(f"“{words}” is not a size. Write a number and a unit, such as 5 MB.")
    return round(float(part[1]) * _SIZES[part[2]])


def say_duration(milliseconds: int) -> str:
    """Milliseconds in at most two units: `1 hour 30 minutes`, `350 ms`."""
    if abs(milliseconds) < _SECOND:
        return f"{milliseconds} ms"
    said = []
    left = milliseconds
    for name in ("week", "day", "hour", "minute", "second"):
        count, left = divmod(left, _UNITS_MS[name])
        if count:
            said.append(f"{count} {name}" + ("s" if count != 1 else ""))
        if len(said) == 2:
            break
    return " ".join(said)


def say_size(size: int) -> str:
    """Bytes in the largest unit that keeps a number above 1: `4.1 MB`, `512 bytes`."""
    for name, unit in (("GB", 1000**3), ("MB", 1000**2), ("KB", 1000)):
        if size >= unit:
            return f"{size / unit:.1f}".rstrip("0").rstrip(".") + f" {name}"
    return f"{size} byte" + ("s" if size != 1 else "")
