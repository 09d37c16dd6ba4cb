"""The five fields of a cron line: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/crontab.html"""

from __future__ import annotations

from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: dict[str, int]


FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {name: at + 1 for at, name in enumerate(_MONTHS)}),
    _Field("day of the week", 0, 7, {name: at for at, name in enumerate(_DAYS)}),
)


def cron_problem(line: str) -> tuple[str, str] | None:
    """What is wrong with a cron line: a sentence and the part that it is about, or None."""
    parts = line.split()
    if len(parts) != len(FIELDS):
        return (
            f"A cron line has five fields (minute, hour, day of the month, month, day of the week); this has {len(parts)}.",
            line,
        )
    for part, field in zip(parts, FIELDS, strict=True):
        for item in part.lower().split(","):
            wrong = _item_problem(item, field)
            if wrong:
                return f"For the {field.name}, {wrong}.", part
    return None


def _item_problem(item: str, field: _Field) -> str | None:
    body, slash, step = item.partition("/")
    if slash and (not step.isdecimal() or int(step) < 1):
        return f"“{item}” has no whole number after the slash"
    if body == "*":
        return None
    first, dash, last = body.partition("-")
    ends = [_number(word, field) for word in ([first, last] if dash else [first])]
    if None in ends:
        return f"“{item}” is not a number from {field.low} to {field.high}{_names(field)}"
    low, high = ends[0], ends[-1]
    if low is not None and high is not None and low > high:
        return f"“{item}” goes backwards"
    return None


def _names(field: _Field) -> str:
    names = [name for name in field.names if len(name) == 3]
    return f" or a name such as {names[0]}" if names else ""


def _number(word: str, field: _Field) -> int | None:
    if word in field.names:
        return field.names[word]
    if word.isdecimal() and field.low <= int(word) <= field.high:
        return int(word)
    return None
