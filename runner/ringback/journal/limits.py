"""What connections have been given to send: the places taken in each rate, the count of each day and month."""

from __future__ import annotations

from sqlalchemy import Connection, Integer, bindparam, delete, insert, select, update

from ringback.journal.schema import counts, places
from ringback.journal.statements import Statement

_NEWEST = Statement(
    select(places.c.at)
    .where(places.c.connection == bindparam("connection"))
    .order_by(places.c.at.desc())
    .limit(1)
    .offset(bindparam("before", type_=Integer))
)
_TAKE = Statement(insert(places).values(connection=bindparam("connection"), at=bindparam("at")))
_FORGET = Statement(
    delete(places).where(
        places.c.connection == bindparam("connection"), places.c.at < bindparam("before")
    )
)
_COUNT = Statement(
    select(counts.c.used).where(
        counts.c.connection == bindparam("connection"), counts.c.period == bindparam("period")
    )
)
_ADD = Statement(
    insert(counts).values(connection=bindparam("connection"), period=bindparam("period"), used=0),
    " ON CONFLICT (connection, period) DO NOTHING",
)
_MORE = Statement(
    update(counts)
    .where(counts.c.connection == bindparam("connection"), counts.c.period == bindparam("period"))
    .values(used=counts.c.used + 1)
)


def place(conn: Connection, connection: str, back: int) -> int | None:
    """When the `back`-th last place of a connection was or will be (1 is the last); None where there are fewer."""
    row = _NEWEST.row(conn, {"connection": connection, "before": back - 1})
    return None if row is None else int(row[0])


def take_place(conn: Connection, connection: str, at: int, keep_ms: int) -> None:
    """Take a place at a moment, and forget those that are older than `keep_ms` by then."""
    _FORGET.run(conn, {"connection": connection, "before": at - keep_ms})
    _TAKE.run(conn, {"connection": connection, "at": at})


def used(conn: Connection, connection: str, period: str) -> int:
    """How many messages a connection was given in a day (`2026-11-21`) or a month (`2026-11`)."""
    row = _COUNT.row(conn, {"connection": connection, "period": period})
    return 0 if row is None else int(row[0])


def count(conn: Connection, connection: str, period: str) -> None:
    """One more."""
    values = {"connection": connection, "period": period}
    _ADD.run(conn, values)
    _MORE.run(conn, values)
