"""Whether a connection may take one more message: its rate, and its cap of the day and the month.

A rate holds in any second or minute, not only by the clock: messages take places one after the other, and each
place is a second after the one that was `per_second` before it. Who is early has a place in the future and waits.
The places are in the journal, so all workers share them.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from ringback.clock import from_ms
from ringback.journal import limits as journal
from ringback.settings import Limits
from ringback.sms.gate import Verdict
from ringback.words import say_duration

CHECK = "limits"
_SECOND, _MINUTE = 1000, 60_000


def cap(conn: Connection, name: str, limits: Limits, zone: ZoneInfo, now: int) -> Verdict:
    """Whether the connection has had all the messages of its day or month."""
    for period, most, word in _periods(limits, zone, now):
        if journal.used(conn, name, period) >= most:
            return Verdict(
                CHECK,
                False,
                f"{name} has had its {most} messages of this {word} ({period}).",
                "refused",
                f"Wait for the next {word}, or raise limits.per_{word} of the connection in ringback.yaml.",
            )
    return free(name)


def take(conn: Connection, name: str, limits: Limits, now: int) -> Verdict:
    """Take the next place in the rate of a connection; where that is later, the verdict says when."""
    spans = [
        (most, span)
        for most, span in ((limits.per_second, _SECOND), (limits.per_minute, _MINUTE))
        if most is not None
    ]
    if not spans:
        return free(name)
    at = max(now, journal.place(conn, name, 1) or now)
    for most, span in spans:
        before = journal.place(conn, name, most)
        at = max(at, before + span) if before is not None else at
    journal.take_place(conn, name, at, 2 * _MINUTE)
    if at <= now:
        return free(name)
    wait = say_duration(at - now)
    return Verdict(CHECK, False, f"{name} is at its rate; there is room in {wait}.", until=at)


def free(name: str) -> Verdict:
    """There is room."""
    return Verdict(CHECK, True, f"room in {name}")


def count(conn: Connection, name: str, limits: Limits, zone: ZoneInfo, now: int) -> None:
    """The connection is given one more message."""
    for period, _most, _word in _periods(limits, zone, now):
        journal.count(conn, name, period)


def _periods(limits: Limits, zone: ZoneInfo, now: int) -> list[tuple[str, int, str]]:
    here = from_ms(now).astimezone(zone)
    made = []
    if limits.per_day is not None:
        made.append((f"{here:%Y-%m-%d}", limits.per_day, "day"))
    if limits.per_month is not None:
        made.append((f"{here:%Y-%m}", limits.per_month, "month"))
    return made
