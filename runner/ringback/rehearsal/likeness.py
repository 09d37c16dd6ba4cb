"""New values written in the style of recorded ones: an id like theirs, a time as they write times."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

_PREFIX = re.compile(r"[A-Za-z]+[_-]")
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
# Fewer digits could repeat between two starts of a rehearsal that no seed ties together.
_LEAST_DIGITS = 15


# A gateway that has no word for a state uses the nearest it has, in this order.
NEAREST: dict[str, tuple[str, ...]] = {
    "accepted": ("queued", "sent"),
    "queued": ("accepted", "sent"),
    "sent": ("queued", "accepted"),
    "delivered": ("sent",),
    "undelivered": ("failed", "rejected", "expired"),
    "failed": ("undelivered", "rejected", "expired"),
    "expired": ("undelivered", "failed"),
    "rejected": ("failed", "undelivered"),
    "canceled": ("failed", "undelivered"),
}


def id_like(example: Any, random: Random) -> str | int:
    """A new id: a number for a number, a UUID for a UUID, else the recorded one's prefix and new digits."""
    if isinstance(example, int) and not isinstance(example, bool):
        return random.randrange(10 ** (_LEAST_DIGITS - 1), 10**_LEAST_DIGITS)
    text = str(example or "msg_")
    try:
        uuid.UUID(text)
    except ValueError:
        prefix = _PREFIX.match(text)
        digits = max(_LEAST_DIGITS, len(text) - (prefix.end() if prefix else 0))
        number = random.randrange(10 ** (digits - 1), 10**digits)
        return f"{prefix[0] if prefix else ''}{number}"
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def nearest(known: Collection[str], status: str) -> str:
    """The status itself where it is known, else the nearest that is, else itself all the same."""
    return next((one for one in (status, *NEAREST.get(status, ())) if one in known), status)


def text_like(pattern: re.Pattern[str]) -> str:
    """A text that a manifest's pattern finds: its first alternative, without what is there for patterns alone.

    Raises ValueError where that is none; then record an answer of the gateway instead.
    """
    first = re.sub(r"^\(\?[a-z]+\)", "", pattern.pattern).partition("|")[0]
    text = re.sub(r"\[(.)[^\]]*\]", r"\1", first).lstrip("^(?:").rstrip("$)").replace("\\", "")
    if not pattern.search(text):
        raise ValueError(f"No text is known that “{pattern.pattern}” finds.")
    return text


def phone_like(example: Any, phone: str) -> str | int:
    """A number with its plus or without, as text or as a number, as the recorded one has it."""
    if isinstance(example, int) and not isinstance(example, bool) and phone.lstrip("+").isdigit():
        return int(phone.lstrip("+"))
    plain = isinstance(example, str) and example[:1].isdigit() and not example.startswith("0")
    return phone.lstrip("+") if plain else phone


def time_like(example: Any, at_ms: int, form: str | None = None, zone: str | None = None) -> Any:
    """A moment written like the recorded one: epoch seconds or milliseconds, ISO, RFC 2822, or digits.

    `form` and `zone` are what the manifest says of the field (the forms of
    `ringback.connectors.timestamps`). Without a recorded value and a form: ISO in UTC.
    """
    local = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone or "UTC"))
    text = str(example)
    digits = text.isdigit() and not isinstance(example, bool)
    if form == "compact_short":
        return local.strftime("%y%m%d%H%M%S" if digits and len(text) == 12 else "%y%m%d%H%M")
    if form == "compact" or (digits and len(text) in _COMPACT and text.startswith(("19", "20"))):
        return local.strftime(_COMPACT.get(len(text), _COMPACT[14]))
    if digits or form in ("epoch_s", "epoch_ms"):
        number = _epoch(at_ms, len(text) if digits else 13 if form == "epoch_ms" else 10)
        return str(number) if isinstance(example, str) else number
    if form == "rfc2822" or (text[:3].isalpha() and "," in text):
        return format_datetime(datetime.fromtimestamp(at_ms / 1000, UTC))
    return _iso_like(text, at_ms, zone)


def _epoch(at_ms: int, digits: int) -> int:
    """Seconds have ten digits from 2001 to 2286; each thousandth adds three."""
    thousands = max(0, (digits - 10) // 3)
    return at_ms // 1000 if thousands == 0 else at_ms * 1000 ** (thousands - 1)


def _iso_like(example: str, at_ms: int, zone: str | None) -> str:
    parts = _ISO.fullmatch(example)
    named = parts[5] if parts else "Z"
    moment = datetime.fromtimestamp(at_ms / 1000, UTC if named else ZoneInfo(zone or "UTC"))
    text = moment.strftime(f"%Y-%m-%d{parts[2] if parts else 'T'}%H:%M:%S")
    if parts and parts[4]:
        text += f".{moment.microsecond:06d}"[: len(parts[4])]
    if not named:
        return text
    return text + ("Z" if named == "Z" else "+00:00" if ":" in named else "+0000")
