"""How things stand in the journal now, in figures that stay quick however many finished runs there are.

Each question is answered from an index that holds only what is unfinished, or by its first row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from ringback.ids import made_at
from ringback.journal import runs as run_rows
from ringback.journal.schema import holders, messages, runs, waits
from ringback.journal.statements import Statement


class Standing(NamedTuple):
    """Counts are by the word that they are labelled with; ages are milliseconds.

    `due` are the runs whose time has come and that nobody holds, `overdue_ms` how long the first has waited.
    """

    runs: Mapping[str, int]
    oldest_ms: Mapping[str, int]
    due: int
    overdue_ms: int
    waits: Mapping[str, int]
    unanswered: Mapping[str, int]
    holders: Mapping[str, int]


_OLDEST = Statement(
    select(runs.c.id).where(runs.c.state == bindparam("in_state")).order_by(runs.c.id).limit(1)
)
_DUE = Statement(
    select(func.count(), func.min(runs.c.wake_at)).where(
        runs.c.wake_at.is_not(None), runs.c.wake_at <= bindparam("now")
    )
)
_DUE_BUT_HELD = Statement(
    select(func.count()).where(
        runs.c.holder.is_not(None),
        func.coalesce(runs.c.wake_at, bindparam("never")) <= bindparam("now"),
    )
)
_WAITS = Statement(select(waits.c.kind, func.count()).group_by(waits.c.kind))
_UNANSWERED = Statement(
    select(messages.c.connection, func.count())
    # every name is past the empty one: it says that the index by connection will do
    .where(messages.c.status == "sending", messages.c.connection > "")
    .group_by(messages.c.connection)
)
_HOLDERS = Statement(select(holders.c.until))
_NEVER = 1 << 62


def standing(conn: Connection, now: int) -> Standing:
    """How things stand at `now`."""
    due, first = _DUE.rows(conn, {"now": now})[0]
    held = _DUE_BUT_HELD.rows(conn, {"now": now, "never": _NEVER})[0][0]
    until = [row[0] for row in _HOLDERS.rows(conn, {})]
    alive = sum(1 for one in until if one >= now)
    return Standing(
        runs=run_rows.unfinished_counts(conn),
        oldest_ms={state: _oldest(conn, state, now) for state in run_rows.UNFINISHED},
        due=max(0, due - held),
        overdue_ms=max(0, now - first) if due > held else 0,
        waits=dict(_WAITS.rows(conn, {})),
        unanswered=dict(_UNANSWERED.rows(conn, {})),
        holders={"alive": alive, "gone": len(until) - alive},
    )


def _oldest(conn: Connection, state: str, now: int) -> int:
    row = _OLDEST.row(conn, {"in_state": state})
    return 0 if row is None else max(0, now - made_at(row[0]))


def database_bytes(conn: Connection) -> int:
    """Bytes of the PostgreSQL database that holds the journal."""
    size: int = conn.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
    return size
