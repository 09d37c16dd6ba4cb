"""One status out of all that was heard of a message: delivery truth as a small state machine.

A message's timeline is the list of everything heard of it, in the order heard. Its status is worked out anew
from the whole timeline each time, by rules that do not look at that order:

1. **delivered** where every part of it is reported delivered. A phone's receipt is the best evidence there is:
   a bad end that is reported as well is an older try, a timeout of a network in between, or a mistake.
2. Else a **bad end** where anything of it came to one: of a text that lacks a part nobody can say that it
   arrived, and nothing is gained by waiting for the other parts. Where bad ends contradict each other,
   the gateway's last word counts: the highest `sequence`, then the latest time that it told, then the
   order of `_STRENGTH`.
3. Else **unknown** where a deadline has passed in silence.
4. Else the furthest that any part has come.

A word that no table knows is kept and moves nothing. What holds of it, for any order, copies included:

- The status in the end depends only on the set of what was heard.
- Seen over time, a status only rises: on the way, unknown, a bad end, delivered. One that is terminal stays
  terminal; all that can still happen to it is that a bad end gives way to a better-founded one, or to `delivered`.
- The number of parts is that of the ids in the gateway's answer to the send, else the least that we counted or were told,
  so that news of it can only bring `delivered` nearer. Should the answer come after reports that had to be counted without
  its ids, and make them count for less, what the message had come to by then stays: rising wins over recounting.
- `status_at` is the earliest time told for that status; only where none was told, when it was first heard.

An end that contradicts one heard earlier of the same part is marked with it (`contradicts`), and shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from ringback.journal.messages import Message
from ringback.sms.statuses import BAD, RANK, TERMINAL

Entry = Mapping[str, Any]

_STRENGTH = ("canceled", "undelivered", "failed", "expired", "rejected")
"""Bad ends of which a gateway says neither which came last nor when: the later ones say more of why."""


class Heard(NamedTuple):
    """One thing heard of a message.

    `at` is when it was so, None where the gateway told no time. `part` is set where it speaks of one part only, to
    what tells this report from others; `gateway_id` is the id that it named. `segments` is how many parts
    there are as far as it knows, `ids` how many ids the answer to a send gave. `silence`: it is ours, and says
    that nothing was heard in time.
    """

    status: str
    at: int | None = None
    raw_status: str | None = None
    error_code: str | None = None
    detail: str | None = None
    refunded: bool = False
    code: str | None = None
    sequence: int | None = None
    part: str | None = None
    gateway_id: str | None = None
    segments: int | None = None
    ids: int | None = None
    silence: bool = False
    cost: str | None = None
    currency: str | None = None


_KEPT = tuple(name for name in Heard._fields if name not in ("status", "at"))


class Standing(NamedTuple):
    """What a timeline comes to."""

    status: str
    at: int | None
    error_code: str | None
    detail: str | None


def fold(message: Message, heard: Heard, now: int) -> Message:
    """The message after one more thing was heard of it."""
    entry: dict[str, Any] = {
        "at": now if heard.at is None else heard.at,
        "heard_at": now,
        "status": heard.status,
    }
    if heard.at is not None:
        entry["told"] = True
    entry |= {
        name: value
        for name in _KEPT
        if (value := getattr(heard, name)) is not None and value is not False
    }
    earlier = _contradicted(message, entry)
    if earlier is not None:
        entry["contradicts"] = earlier
    timeline = (*message.timeline, entry)
    message = message._replace(
        refunded=message.refunded or heard.refunded, timeline=timeline, updated_at=now
    )
    told = price(timeline)
    if told is not None:
        message = message._replace(cost=told[0], currency=told[1], cost_source="gateway")
    come_to = standing(timeline, message.segments)
    if RANK.get(come_to.status, -1) < RANK.get(message.status, -1):
        return message
    return message._replace(
        status=come_to.status,
        status_at=come_to.at,
        terminal=come_to.status in TERMINAL,
        error_code=come_to.error_code,
        detail=come_to.detail,
    )


def price(timeline: Sequence[Entry]) -> tuple[str, str | None] | None:
    """What the gateway said the message costs, whatever the order in which it did: the sum of its ids, each as told last."""
    told = [entry for entry in timeline if entry.get("cost") and _amount(entry) is not None]
    by_id: dict[str, list[Entry]] = {}
    for entry in told:
        by_id.setdefault(str(entry.get("gateway_id") or ""), []).append(entry)
    if len(by_id) > 1:  # the answer to the send spoke of the whole
        by_id.pop("", None)
    last = [max(entries, key=_priced) for entries in by_id.values()]
    if not last:
        return None
    currency = min((str(one["currency"]) for one in last if "currency" in one), default=None)
    alike = [one for one in last if one.get("currency") in (None, currency)]
    total = sum((_amount(entry) or Decimal() for entry in alike), Decimal())
    return format(total, "f"), currency


def _priced(entry: Entry) -> tuple[Any, ...]:
    sequence = entry.get("sequence")
    at = entry["at"] if entry.get("told") else -1
    return (
        -1 if sequence is None else sequence,
        at,
        _amount(entry),
        entry.get("currency") or "",
        entry["cost"],
    )


def _amount(entry: Entry) -> Decimal | None:
    try:
        amount = Decimal(str(entry["cost"]))
    except ArithmeticError:
        return None
    return amount if amount.is_finite() else None


def standing(timeline: Sequence[Entry], segments: int | None = None) -> Standing:
    """What a timeline comes to, whatever the order of its entries; `segments` is how many parts we counted."""
    parts = parts_of(timeline, segments)
    delivered = [entry for entry in timeline if entry["status"] == "delivered"]
    at = _all_delivered(delivered, timeline, parts)
    if at is not None:
        return _told("delivered", delivered)._replace(at=at)
    bad = [entry for entry in timeline if entry["status"] in BAD]
    if bad:
        last = max(bad, key=_weight)
        return _told(last["status"], [entry for entry in bad if entry["status"] == last["status"]])
    silent = [entry for entry in timeline if entry.get("silence")]
    if silent:
        return _told("unknown", silent)
    furthest = max(
        (_progress(entry) for entry in timeline), key=RANK.__getitem__, default="sending"
    )
    return _told(furthest, [entry for entry in timeline if _progress(entry) == furthest])


def parts_of(timeline: Iterable[Entry], segments: int | None = None) -> int:
    """How many parts are reported by themselves, where they are."""
    entries = list(timeline)
    # Where the answer to a send gave an id to each part, it counts; parts that it refused have no id and are not delivered.
    answers = [entry for entry in entries if (entry.get("ids") or 1) > 1]
    if answers:
        return max(max(int(one["ids"]), int(one.get("segments") or 0)) for one in answers)
    counted = [segments, *(entry.get("segments") for entry in entries)]
    return min((int(count) for count in counted if count and count > 0), default=1)


def _part(entry: Entry, several_ids: bool, parts: int) -> str | None:
    """Which part an entry is about; None where it is about the whole message."""
    if several_ids:
        return entry.get("gateway_id")
    return entry.get("part") if parts > 1 else None


def _several_ids(timeline: Iterable[Entry]) -> bool:
    return any((entry.get("ids") or 1) > 1 for entry in timeline)


def _all_delivered(delivered: Sequence[Entry], timeline: Sequence[Entry], parts: int) -> int | None:
    """When the last part was delivered; None while one is not."""
    several_ids = _several_ids(timeline)
    by_part: dict[str | None, list[Entry]] = {}
    for entry in delivered:
        by_part.setdefault(_part(entry, several_ids, parts), []).append(entry)
    whole = by_part.pop(None, None)
    if whole:
        return _earliest(whole)
    moments = sorted(_earliest(entries) for entries in by_part.values())
    return moments[parts - 1] if len(moments) >= parts else None


def _progress(entry: Entry) -> str:
    """How far an entry that ends nothing shows the message to have come."""
    status = str(entry["status"])
    if status == "delivered":
        return "sent"
    return status if status != "unknown" and status in RANK else "sending"


def _weight(entry: Entry) -> tuple[Any, ...]:
    status = str(entry["status"])
    told = entry["at"] if entry.get("told") else -1
    said = (entry.get(name) or "" for name in ("error_code", "detail", "raw_status"))
    sequence = entry.get("sequence")
    return (-1 if sequence is None else sequence, told, _STRENGTH.index(status), *said)


def _earliest(entries: Sequence[Entry]) -> int:
    told = [entry["at"] for entry in entries if entry.get("told")]
    return int(min(told or [entry["at"] for entry in entries]))


def _told(status: str, entries: Sequence[Entry]) -> Standing:
    """The status with what the entries that say so tell of it: the weightiest word on each thing."""
    if not entries:
        return Standing(status, None, None, None)
    ordered = sorted(entries, key=_said_last, reverse=True)
    code, detail = (
        next((entry[name] for entry in ordered if entry.get(name)), None)
        for name in ("error_code", "detail")
    )
    return Standing(status, _earliest(entries), code, detail)


def _said_last(entry: Entry) -> tuple[Any, ...]:
    sequence = entry.get("sequence")
    said = (entry.get(name) or "" for name in ("error_code", "detail"))
    return (-1 if sequence is None else sequence, entry["at"] if entry.get("told") else -1, *said)


def _contradicted(message: Message, entry: Entry) -> str | None:
    """The other end of the same part that was heard before this one, if any."""
    if entry["status"] not in TERMINAL:
        return None
    timeline = (*message.timeline, entry)
    parts, several_ids = parts_of(timeline, message.segments), _several_ids(timeline)
    part = _part(entry, several_ids, parts)
    return next(
        (
            str(other["status"])
            for other in reversed(message.timeline)
            if other["status"] in TERMINAL
            and other["status"] != entry["status"]
            and _part(other, several_ids, parts) == part
        ),
        None,
    )
