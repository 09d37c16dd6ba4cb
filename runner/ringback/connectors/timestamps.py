"""Reads the moments that gateways write: recognised from the value, or as the manifest says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_YEARS = ("19", "20")
_COMPACT = {14: "%Y%m%d%H%M%S", 12: "%Y%m%d%H%M", 8: "%Y%m%d"}
_COMPACT_SHORT = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S"}
# Epoch seconds have ten digits from 2001 to 2286; each thousandth of a second adds three.
_EPOCH_MS = {10: 1000, 13: 1, 16: 1e-3, 19: 1e-6}
_ODD_ZONE = re.compile(r"\s*(UTC|GMT)$")


def parse(value: Any, form: str | None = None, zone: str | None = None) -> int | None:
    """Milliseconds since the epoch, or None where the value is no moment that can be read.

    Args:
        value: what the gateway wrote: a text or a number.
        form: `iso`, `epoch_s`, `epoch_ms`, `rfc2822`, `compact` (year first, four digits) or
            `compact_short` (two-digit year), where it cannot be told from the value.
        zone: the time zone of a moment that does not say its own; UTC where this is missing.
    """
    if value is None or isinstance(value, bool):
        return None
    text = str(value).strip()
    reader = _FORMS.get(form or "", _recognised)
    try:
        return reader(text, ZoneInfo(zone) if zone else UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _recognised(text: str, zone: tzinfo) -> int | None:
    if _NUMBER.fullmatch(text):
        whole = text.partition(".")[0]
        if len(whole) in _COMPACT and whole.startswith(_YEARS) and "." not in text:
            return _compact(text, zone)
        return _epoch(float(text), len(whole.lstrip("-")))
    try:
        return _iso(text, zone)
    except ValueError:
        return _rfc2822(text, zone)


def _epoch(number: float, digits: int) -> int | None:
    scale = _EPOCH_MS.get(digits)
    if scale is None:
        return None
    return _held(round(number * scale))


def _held(milliseconds: int) -> int:
    datetime.fromtimestamp(milliseconds / 1000, UTC)  # raises where no calendar has such a moment
    return milliseconds


def _moment(moment: datetime, zone: tzinfo) -> int:
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)


def _iso(text: str, zone: tzinfo) -> int:
    plain = _ODD_ZONE.sub("", text)
    return _moment(datetime.fromisoformat(plain), UTC if plain != text else zone)


def _rfc2822(text: str, zone: tzinfo) -> int:
    return _moment(parsedate_to_datetime(text), zone)


def _compact(text: str, zone: tzinfo) -> int:
    return _moment(datetime.strptime(text, _COMPACT[len(text)]).replace(tzinfo=zone), zone)


def _compact_short(text: str, zone: tzinfo) -> int:
    if len(text) not in _COMPACT_SHORT:
        raise ValueError(text)
    return _moment(datetime.strptime(text, _COMPACT_SHORT[len(text)]).replace(tzinfo=zone), zone)


def _compact_checked(text: str, zone: tzinfo) -> int:
    if len(text) not in _COMPACT:
        raise ValueError(text)
    return _compact(text, zone)


_FORMS = {
    "iso": _iso,
    "epoch_s": lambda text, _zone: _held(round(float(text) * 1000)),
    "epoch_ms": lambda text, _zone: _held(round(float(text))),
    "rfc2822": _rfc2822,
    "compact": _compact_checked,
    "compact_short": _compact_short,
}
