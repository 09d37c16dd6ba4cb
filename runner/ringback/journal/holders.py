"""Holders: the processes that advance runs, and whether they still live."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from ringback.journal import jsontext, notes
from ringback.journal.runs import Run
from ringback.journal.schema import holders, runs, steps
from ringback.journal.statements import Statement

MOST_LAPSES = 3
"""How often a run may see its holder die at the same step before it is put down for a person to decide."""
_APART_MS = 500
"""Runs under which a holder died before begin again so far apart, so that one of them does not take the others along."""
STOPPED_ITS_WORKER: dict[str, Any] = {
    "code": "internal",
    "message": f"The worker stopped {MOST_LAPSES} times at the same step of this run, so the run was put down.",
    "where": "",
    "next": "See in the workers' log what stopped them, then have it tried again, or give it up.",
}


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
_STILL_DEAD = Statement(
    select(holders.c.id)
    .where(holders.c.id == bindparam("holder_id"), holders.c.until == bindparam("seen"))
    .with_for_update()
)
_HELD_BY = Statement(select(runs.c.id).where(runs.c.holder == bindparam("by")))
_FREE = Statement(
    update(runs)
    .where(runs.c.holder == bindparam("by"))
    .values(holder=None, state="queued", wake_at=bindparam("now"))
)
_LAPSED = Statement(
    select(
        runs.c.id,
        runs.c.lapses,
        runs.c.lapsed_after,
        select(func.count())
        .select_from(steps)
        .where(steps.c.run_id == runs.c.id)
        .scalar_subquery(),
    )
    .where(runs.c.holder == bindparam("by"))
    .order_by(runs.c.id)
)
_LAPSE = Statement(
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.holder == bindparam("by"))
    .values(
        holder=None,
        state=bindparam("to_state"),
        wake_at=bindparam("wake", type_=BigInteger),
        error=bindparam("failure", type_=Text),
        lapses=bindparam("lapses", type_=Integer),
        lapsed_after=bindparam("begun", type_=Integer),
    )
)
_TRY_AGAIN = Statement(
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.state == "uncertain", runs.c.lapses >= MOST_LAPSES)
    .values(lapses=0, error=None, wake_at=bindparam("now", type_=BigInteger))
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
    held by one that is not even known counts the same. A run that has seen `MOST_LAPSES` holders die,
    without having come a step further, is put down as uncertain instead, with an error that says so: it may be what
    they died of.
    """
    holding = [row[0] for row in _HOLDERS_OF_RUNS.rows(conn, {})]  # before those who say they live
    known = {row[0]: Holder(*row) for row in _ALL.rows(conn, {})}
    dead = [
        holder.id
        for holder in known.values()
        if _is_dead(holder, now, host)
        and _STILL_DEAD.row(conn, {"holder_id": holder.id, "seen": holder.until}) is not None
    ]
    dead += [holder_id for holder_id in holding if holder_id not in known]
    return [run for holder_id in dead for run in _lapse(conn, holder_id, now)]


def living(conn: Connection, now: int, host: str) -> list[Holder]:
    """The processes that may be advancing runs."""
    known = [Holder(*row) for row in _ALL.rows(conn, {})]
    return [holder for holder in known if not _is_dead(holder, now, host)]


def is_put_down(run: Run) -> bool:
    """Whether a run waits for a person to decide since its holders died over it."""
    return run.state == "uncertain" and run.lapses >= MOST_LAPSES


def try_again(conn: Connection, run_id: str, now: int) -> bool:
    """A run that was put down since its workers died is due again; False when it is not such a run (any more)."""
    return bool(_TRY_AGAIN.run(conn, {"run": run_id, "now": now}))


def _lapse(conn: Connection, holder_id: str, now: int) -> list[str]:
    freed, apart = [], 0
    for run_id, lapses, lapsed_after, begun in _LAPSED.rows(conn, {"by": holder_id}):
        before = lapses if lapsed_after == begun else 0
        put_down = before + 1 >= MOST_LAPSES
        if before and not put_down:
            apart += _APART_MS
        values = {
            "run": run_id,
            "by": holder_id,
            "to_state": "uncertain" if put_down else "queued",
            "wake": None if put_down else now + (apart if before else 0),
            "lapses": before + 1,
            "begun": begun,
            "failure": jsontext.dump(STOPPED_ITS_WORKER) if put_down else None,
        }
        if not _LAPSE.run(conn, values):
            continue
        if put_down:
            said = notes.Note(now, str(STOPPED_ITS_WORKER["message"]), None, {"lapses": before + 1})
            notes.add_notes(conn, run_id, [said])
        freed.append(run_id)
    _LEAVE.run(conn, {"holder_id": holder_id})
    return freed


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
