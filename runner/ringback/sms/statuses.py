"""The statuses of a message, and in which order they can come.

Gateways' own words are mapped to these in their manifests. `sending` is ours: the intent is kept, the gateway
has not answered. `unknown` is silence past a deadline, or a word that no table knows.
"""

from __future__ import annotations

#: How far along a status is. A message only moves to a higher number, or between the bad ends, which share one.
RANK: dict[str, int] = {
    "sending": 0,
    "accepted": 1,
    "queued": 2,
    "sent": 3,
    "unknown": 4,
    "undelivered": 8,
    "failed": 8,
    "expired": 8,
    "rejected": 8,
    "canceled": 8,
    "delivered": 9,
}

TERMINAL: frozenset[str] = frozenset(status for status, rank in RANK.items() if rank >= 8)
BAD: frozenset[str] = TERMINAL - {"delivered"}


def is_terminal(status: str) -> bool:
    """Whether nothing more is to be expected of a message."""
    return status in TERMINAL


def reached(status: str, goal: str) -> bool:
    """Whether a message with `status` has come as far as `goal` (`sent`), or has ended."""
    return status in TERMINAL or (
        status != "unknown" and RANK.get(status, -1) >= RANK.get(goal, RANK["delivered"])
    )
