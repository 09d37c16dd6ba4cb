"""Waits: what a parked run waits for. A run that waits is a row, not a thread."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from ringback.journal.schema import waits
from ringback.journal.statements import Statement


class Wait(NamedTuple):
    """One step's wait.

    `kind`: time, delivery (key: message id), reply (key: number), call (key: run id),
    gate (key: the connection whose rate it waits for, or the check that put it off), retry or decision.
    `until`: when it ends by itself; the run's own `wake_at` is what wakes it.
    """

    run_id: str
    path: str
    kind: str
    key: str | None = None
    until: int | None = None


_PUT = Statement(
    insert(waits).values({column.name: bindparam(column.name) for column in waits.c}),
    " ON CONFLICT (run_id, path) DO UPDATE SET"
    " kind = excluded.kind, key = excluded.key, until = excluded.until",
)
_FIND = Statement(
    select(waits)
    .where(waits.c.kind == bindparam("kind"), waits.c.key == bindparam("key"))
    .order_by(waits.c.run_id, waits.c.path)
)
_OF_RUN = Statement(select(waits).where(waits.c.run_id == bindparam("run")).order_by(waits.c.path))
_DROP = Statement(
    delete(waits).where(waits.c.run_id == bindparam("run"), waits.c.path == bindparam("at"))
)


def put_wait(conn: Connection, wait: Wait) -> None:
    """Write what a step waits for, over what it waited for before."""
    _PUT.run(conn, wait._asdict())


def find_waits(conn: Connection, kind: str, key: str) -> list[Wait]:
    """Who waits for this, oldest run first."""
    return [Wait(*row) for row in _FIND.rows(conn, {"kind": kind, "key": key})]


def of_run(conn: Connection, run_id: str) -> list[Wait]:
    """What a run waits for."""
    return [Wait(*row) for row in _OF_RUN.rows(conn, {"run": run_id})]


def drop_wait(conn: Connection, run_id: str, path: str) -> None:
    """The wait is over; nothing happens when there is none. (`runs.finish` drops those that are left.)"""
    _DROP.run(conn, {"run": run_id, "at": path})
