"""Schedules: when each scheduled trigger fired last and fires next."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from ringback.journal.schema import schedules
from ringback.journal.statements import Statement


class Schedule(NamedTuple):
    """One scheduled trigger: `id` names workflow and trigger, `spec_hash` what it was planned from."""

    id: str
    next_at: int | None
    last_at: int | None
    spec_hash: str


_PUT = Statement(
    insert(schedules).values({name: bindparam(name) for name in Schedule._fields}),
    " ON CONFLICT (id) DO UPDATE SET next_at = excluded.next_at,"
    " last_at = excluded.last_at, spec_hash = excluded.spec_hash",
)
_ALL = Statement(select(schedules).order_by(schedules.c.id))
_DROP = Statement(delete(schedules).where(schedules.c.id == bindparam("schedule")))


def put_schedule(conn: Connection, schedule: Schedule) -> None:
    """Write where a schedule stands."""
    _PUT.run(conn, schedule._asdict())


def all_schedules(conn: Connection) -> dict[str, Schedule]:
    """Every schedule by id."""
    return {row[0]: Schedule(*row) for row in _ALL.rows(conn, {})}


def keep_schedules(conn: Connection, ids: Collection[str]) -> None:
    """Forget the schedules of triggers that are no more: all but `ids`."""
    for known in set(all_schedules(conn)) - set(ids):
        _DROP.run(conn, {"schedule": known})
