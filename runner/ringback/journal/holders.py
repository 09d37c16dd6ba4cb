"""Holders: the processes that advance runs, and whether they still live."""

from __future__ import annotations

import os
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ringback.journal.schema import holders, runs
from ringback.journal.statements import Statement


class Holder(NamedTuple):
    """One process that claims runs; it lives while `until` lies ahead."""

    id: str
    host: str
    pid: int
    until: int
    started_at: int


_BEAT = Statement(
    insert(holders).values({name: bindparam(name) for name in Holder._fields}),
    " ON CONFLICT (id) DO UPDATE SET until = excluded.until",
)
_ALL = Statement(select(holders).order_by(holders.c.id))
_LEAVE = Statement(delete(holders).where(holders.c.id == bindparam("holder_id")))
_HELD_BY = Statement(select(runs.c.id).where(runs.c.holder == bindparam("by")))
_FREE = Statement(
    update(runs)
    .where(runs.c.holder == bindparam("by"))
    .values(holder=None, state="queued", wake_at=bindparam("now"))
)
_HOLDERS_OF_RUNS = Statement(select(runs.c.holder).where(runs.c.holder.is_not(None)).distinct())
_ours: set[str] = set()


def beat(conn: Connection, holder: Holder) -> None:
    """Say that this process lives until `holder.until`. It does so before it claims its first run."""
    _ours.add(holder.id)
    _BEAT.run(conn, holder._asdict())


def leave(conn: Connection, holder_id: str, now: int) -> list[str]:
    """This process stops: it is forgotten, and what it still held is queued again. The ids of those runs."""
    _ours.discard(holder_id)
    return _free(conn, holder_id, now)


def lapse_dead(conn: Connection, now: int, host: str) -> list[str]:
    """Queue again, due now, what dead holders hold; the ids of those runs.

    A holder is dead when its time is up, when it ran on this host and its process is gone, or when it has
    the number of this process without being of it (a container starts again with the same number). A run
    held by one that is not even known counts the same.
    """
    known = {row[0]: Holder(*row) for row in _ALL.rows(conn, {})}
    dead = [holder.id for holder in known.values() if _is_dead(holder, now, host)]
    dead += [row[0] for row in _HOLDERS_OF_RUNS.rows(conn, {}) if row[0] not in known]
    return [run for holder_id in dead for run in _free(conn, holder_id, now)]


def _free(conn: Connection, holder_id: str, now: int) -> list[str]:
    freed = [row[0] for row in _HELD_BY.rows(conn, {"by": holder_id})]
    if freed:
        _FREE.run(conn, {"by": holder_id, "now": now})
    _LEAVE.run(conn, {"holder_id": holder_id})
    return freed


def _is_dead(holder: Holder, now: int, host: str) -> bool:
    if holder.until < now:
        return True
    if holder.host != host:
        return False
    if holder.pid == os.getpid():
        return holder.id not in _ours
    return not _process_lives(holder.pid)


def _process_lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
