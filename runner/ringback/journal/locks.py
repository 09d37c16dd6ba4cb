"""Locks: who reads in order to decide what to write keeps others from deciding the same thing meanwhile.

In a file there is one writer, and nothing to hold. In PostgreSQL each lock is an advisory one that ends with its
transaction, however that ends. A write takes its locks in the order of `ORDER`, and before it touches the row of
a run, so that two writes never wait for each other; should they all the same, PostgreSQL ends one of them and
`Journal.write` runs it again.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection

Lock = tuple[str, ...]
"""A kind, and what of that kind: `("number", "+447700900077")`."""

ORDER = (
    "file", "event", "pieces", "unmatched", "gateway", "message", "number", "limits", "concurrency", "call",
    "refused", "schedules", "account", "tries", "audit",
)  # fmt: skip
"""The kinds, in the order in which they are taken."""
_HELD = "ringback_locks"
_HOLD = "SELECT pg_advisory_xact_lock(wanted.key) FROM unnest(%(keys)s::bigint[]) AS wanted (key)"


def file(sha256: str) -> Lock:
    """Who uses a content, and whether anybody still does."""
    return ("file", sha256)


def event(source: str, key: str) -> Lock:
    """Whether this event has been here before, where a unique key alone cannot tell."""
    return ("event", source, key)


def pieces(connection: str, number: str, reference: str, total: int) -> Lock:
    """The pieces of one long text."""
    return ("pieces", connection, number, reference, str(total))


def unmatched(connection: str, number: str) -> Lock:
    """Reports and messages of a number that only the number brings together."""
    return ("unmatched", connection, number)


def gateway(connection: str, gateway_id: str) -> Lock:
    """Which message a gateway means by an id: its reports, and its answer to the send."""
    return ("gateway", connection, gateway_id)


def message(message_id: str) -> Lock:
    """What became of a message, and who waits to hear it."""
    return ("message", message_id)


def number(phone: str) -> Lock:
    """A phone: its contact, what was last sent to it, what it answers and who waits for that."""
    return ("number", phone)


def limits(connection: str) -> Lock:
    """The places and counts of a connection."""
    return ("limits", connection)


def concurrency(key: str) -> Lock:
    """The unfinished runs that share a concurrency key."""
    return ("concurrency", key)


def call(run_id: str) -> Lock:
    """The end of a called run, and who waits for it."""
    return ("call", run_id)


def refused(connection: str) -> Lock:
    """The refused callbacks of a connection."""
    return ("refused", connection)


SCHEDULES: Lock = ("schedules",)
"""When each schedule was first seen, and its next moment."""
AUDIT: Lock = ("audit",)
"""The end of the audit trail."""


def hold(conn: Connection, *locks: Lock) -> bool:
    """Hold these until the transaction ends; whether one of them is new to it.

    Then what was read before may have changed since, and is to be read again.
    """
    if conn.dialect.name == "sqlite":
        return False
    held: set[Lock] = conn.info.setdefault(_HELD, set())
    wanted = sorted(set(locks) - held, key=_place)
    if not wanted:
        return False
    cursor: Any = conn.connection.cursor()
    cursor.execute(_HOLD, {"keys": [_key(lock) for lock in wanted]})
    held.update(wanted)
    return True


def begin(conn: Connection) -> None:
    """A transaction begins on this connection, and holds nothing."""
    conn.info[_HELD] = set()


def _place(lock: Lock) -> tuple[int, Lock]:
    return ORDER.index(lock[0]), lock


def _key(lock: Lock) -> int:
    """The same number in every process; two locks that share one only wait for each other needlessly."""
    parts = [word.encode("utf-8", "surrogatepass") for word in lock]
    said = b"".join(b"%d:%s" % (len(part), part) for part in parts)
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big", signed=True)
