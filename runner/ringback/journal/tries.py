"""Refused sign-ins, counted where every process sees them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ringback.journal import locks
from ringback.journal.schema import tries
from ringback.journal.statements import Statement


class Tries(NamedTuple):
    """What is counted under one key: refusals, when the last one was, and until when others have to wait."""

    failures: int
    last_at: int
    until: int


_BEGIN = Statement(
    insert(tries).values(key=bindparam("key"), failures=0, last_at=bindparam("now"), until=0),
    " ON CONFLICT (key) DO NOTHING",
)
_GET = Statement(
    select(tries.c.failures, tries.c.last_at, tries.c.until).where(tries.c.key == bindparam("of"))
)
_PUT = Statement(
    update(tries)
    .where(tries.c.key == bindparam("of"))
    .values(failures=bindparam("failures"), last_at=bindparam("last_at"), until=bindparam("until"))
)
_CLEAR = Statement(delete(tries).where(tries.c.key == bindparam("of")))
_FORGET = Statement(delete(tries).where(tries.c.last_at < bindparam("before")))


def hold(conn: Connection, key: str, now: int) -> Tries:
    """What is counted under a key, which nobody else changes until this write ends."""
    locks.hold(conn, ("tries", key))
    _BEGIN.run(conn, {"key": key, "now": now})
    found = look(conn, key)
    assert found is not None
    return found


def look(conn: Connection, key: str) -> Tries | None:
    """What is counted under a key."""
    row = _GET.row(conn, {"of": key})
    return None if row is None else Tries(*row)


def put(conn: Connection, key: str, counted: Tries) -> None:
    """Write a count that is held."""
    _PUT.run(conn, {"of": key, **counted._asdict()})


def clear(conn: Connection, key: str) -> None:
    """Forget what is counted under a key."""
    _CLEAR.run(conn, {"of": key})


def forget(conn: Connection, before: int) -> int:
    """Forget every count whose last refusal was before a moment; how many."""
    return _FORGET.run(conn, {"before": before})
