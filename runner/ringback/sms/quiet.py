"""Quiet hours: when a phone is left alone, by the clock where it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

from ringback.clock import from_ms, to_ms
from ringback.settings import QuietHours

_UNKNOWN = "Etc/Unknown"
_LONGEST_MS = 2 * 86_400_000


@lru_cache(maxsize=8192)
def zones(number: str, home: str, own: str = "") -> tuple[ZoneInfo, ...]:
    """The time zones in which a number (E.164) may be: `own` where it is one, else by its prefix.

    Where the prefix has several and the project's `home` is one of them, or none is known, it is `home`.
    """
    if own:
        found = _zone(own)
        if found is not None:
            return (found,)
    # only who has quiet hours pays for loading the table of prefixes
    from phonenumbers import timezone

    names = timezone.time_zones_for_number(phonenumbers.parse(number, None))
    if home in names or not names or _UNKNOWN in names:
        return (ZoneInfo(home),)
    return tuple(zone for zone in map(_zone, names) if zone is not None) or (ZoneInfo(home),)


def opens_at(now: int, hours: QuietHours, where: Sequence[ZoneInfo]) -> int | None:
    """The first moment (ms) from `now` at which it is quiet in none of the zones; None where that is now.

    Where zones are so far apart that there is no such moment, the first one counts.
    """
    at = now
    while at - now <= _LONGEST_MS:
        ends = [end for zone in where if (end := _quiet_until(at, hours, zone)) is not None]
        if not ends:
            return None if at == now else at
        at = max(ends)
    return _quiet_until(now, hours, where[0])


def _quiet_until(at: int, hours: QuietHours, zone: ZoneInfo) -> int | None:
    """When the quiet hours end in which `at` lies; None where it lies in none."""
    here = from_ms(at).astimezone(zone)
    minute = here.hour * 60 + here.minute
    over_midnight = hours.begins > hours.ends
    if over_midnight:
        quiet = minute >= hours.begins or minute < hours.ends
    else:
        quiet = hours.begins <= minute < hours.ends
    if not quiet:
        return None
    day = here.date() + timedelta(days=1 if minute >= hours.ends else 0)
    end = datetime.combine(day, time(hours.ends // 60, hours.ends % 60), zone)
    # a clock that is put forward may leave out that very time
    return max(to_ms(end), at + 60_000)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
