"""How much work one template may do: turns of loops, letters made, milliseconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ringback.problems import Failure


@dataclass(frozen=True, slots=True)
class Bounds:
    """`turns` of all loops together, `letters` in any one text made, `seconds` of wall clock."""

    turns: int = 100_000
    letters: int = 200_000
    seconds: float = 2.0


class _Budget(threading.local):
    turns = 0
    letters = 0
    ends = 0.0


_budget = _Budget()
_WHY = "A template fills in words; put heavy work into an action."


def open_budget(bounds: Bounds) -> None:
    """Start counting for one rendering on this thread."""
    _budget.turns = bounds.turns
    _budget.letters = bounds.letters
    _budget.ends = time.monotonic() + bounds.seconds


def check_time() -> None:
    """Raise `Failure("template")` when the rendering's time is over."""
    if time.monotonic() > _budget.ends:
        raise Failure("template", "The template took too long and was stopped.", _WHY)


def counted(values: Iterable[Any]) -> Iterator[Any]:
    """The same values, each one counted as a turn of a loop."""
    for value in values:
        _budget.turns -= 1
        if _budget.turns < 0:
            raise Failure("template", "The template loops too many times and was stopped.", _WHY)
        check_time()
        yield value


def spend_text(letters: int) -> None:
    """Raise `Failure("template")` when a text of so many letters would be too large to make."""
    if letters > _budget.letters:
        raise Failure(
            "template", f"The template makes a text of over {_budget.letters:,} letters.", _WHY
        )


def spend_object(value: Any) -> None:
    """Raise `Failure("template")` when a made object has more parts than a template may make letters."""
    left = _budget.letters
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        left -= 1
        if left < 0:
            raise Failure(
                "template", f"The template makes an object of over {_budget.letters:,} parts.", _WHY
            )
        if isinstance(inner, dict):
            waiting.extend(inner.values())
        elif isinstance(inner, list | tuple):
            waiting.extend(inner)
