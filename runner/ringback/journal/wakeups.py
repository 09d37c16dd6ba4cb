"""When free runs are due: what wakes them asks here."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Integer, bindparam, select

from ringback.journal.schema import events, runs
from ringback.journal.statements import Statement


class Due(NamedTuple):
    """A free run whose time has come; `kind` is its event's. A `fresh` one was never taken up."""

    id: str
    wake_at: int
    kind: str
    fresh: bool


_DUE = Statement(
    select(runs.c.id)
    .where(
        runs.c.wake_at.is_not(None),
        runs.c.wake_at <= bindparam("now"),
        runs.c.holder.is_(None),
    )
    .order_by(runs.c.wake_at)
    .limit(bindparam("at_most", type_=Integer))
)
_DUE_BETWEEN = Statement(
    select(runs.c.id, runs.c.wake_at, events.c.kind, runs.c.attempts)
    .join(events, events.c.id == runs.c.event_id)
    .where(
        runs.c.wake_at.is_not(None),
        runs.c.wake_at > bindparam("after"),
        runs.c.wake_at <= bindparam("until"),
        runs.c.holder.is_(None),
    )
    .order_by(runs.c.wake_at)
    .limit(bindparam("at_most", type_=Integer))
)
_NEXT_WAKE = Statement(
    select(runs.c.wake_at)
    .where(runs.c.wake_at.is_not(None), runs.c.holder.is_(None))
    .order_by(runs.c.wake_at)
    .limit(1)
)


def due(conn: Connection, now: int, limit: int = 100) -> list[str]:
    """The free runs whose time has come, longest due first."""
    return [row[0] for row in _DUE.rows(conn, {"now": now, "at_most": limit})]


def due_between(conn: Connection, after: int, until: int, limit: int) -> list[Due]:
    """The free runs that were due later than `after` and by `until`, longest due first."""
    values = {"after": after, "until": until, "at_most": limit}
    return [
        Due(run_id, wake_at, kind, attempts == 0)
        for run_id, wake_at, kind, attempts in _DUE_BETWEEN.rows(conn, values)
    ]


def next_wake(conn: Connection) -> int | None:
    """When the next free run is due (perhaps already), or None."""
    row = _NEXT_WAKE.row(conn, {})
    return None if row is None else row[0]
