"""What a check found."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One thing looked at. `good`, `warn` (it works, but look at it) or `bad` (it does not work).

    `place` is what was looked at, `found` a sentence, `next` what to do about it, empty where it is good.
    """

    kind: Literal["good", "warn", "bad"]
    place: str
    found: str
    next: str = ""


def good(place: str, found: str) -> Finding:
    return Finding("good", place, found)


def warn(place: str, found: str, next_step: str) -> Finding:
    return Finding("warn", place, found, next_step)


def bad(place: str, found: str, next_step: str) -> Finding:
    return Finding("bad", place, found, next_step)
