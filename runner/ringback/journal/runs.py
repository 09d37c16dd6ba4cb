"""Runs: who holds them, where they stand, how they ended.

A run is advanced by whoever holds its `Lease`. Each write of a held run names the holder and the fence
(a count of the claims), so that one who was taken for dead and woke up changes nothing: it gets
`LeaseLost`, and its whole write is rolled back. A finished run has no holder and can have none again,
which is what makes it immutable. Notes, waits and messages carry no guard of their own: a write that
touches a held run through them alone calls `check` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Text,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    update,
)

from ringback.journal import jsontext
from ringback.journal.schema import runs, waits
from ringback.journal.statements import Row, Statement

UNFINISHED = ("queued", "running", "waiting", "uncertain")
FINISHED = ("succeeded", "failed", "stopped", "canceled", "skipped")


class LeaseLost(Exception):
    """This run is no longer ours to advance: another holder claimed it, or it is finished."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        super().__init__(f"{lease.run_id} is no longer held by {lease.holder}")


class Lease(NamedTuple):
    """The right to advance one run, until another claims it."""

    run_id: str
    holder: str
    fence: int


class Run(NamedTuple):
    """One execution of one workflow version for one event; columns as in the schema, JSON parsed."""

    id: str
    event_id: str
    workflow: str
    definition: str
    trigger: int
    state: str
    inputs: Any
    created_at: int
    started_at: int | None
    finished_at: int | None
    wake_at: int | None
    holder: str | None
    fence: int
    concurrency_key: str | None
    cancel: bool
    parent_run: str | None
    parent_step: str | None
    error: Any
    result: Any
    attempts: int
    lapses: int = 0
    lapsed_after: int = 0

    @property
    def finished(self) -> bool:
        """Whether it has ended, however."""
        return self.finished_at is not None


class Peer(NamedTuple):
    """An unfinished run that shares a concurrency key."""

    id: str
    state: str
    holder: str | None
    wake_at: int | None = None

    @property
    def blocked(self) -> bool:
        """It waits in the queue until another run wakes it."""
        return self.state == "queued" and self.holder is None and self.wake_at is None


class Page(NamedTuple):
    """Some runs, newest first, and the `before` that asks for the next ones (None at the end)."""

    runs: list[Run]
    cursor: str | None


def held() -> tuple[ColumnElement[bool], ...]:
    """The guard of every write of a held run; its values are `holding(lease)`."""
    return (
        runs.c.id == bindparam("lease_run", type_=Text),
        runs.c.holder == bindparam("lease_holder", type_=Text),
        runs.c.fence == bindparam("lease_fence", type_=Integer),
    )


def holding(lease: Lease) -> dict[str, Any]:
    """The values of `held()`."""
    return {
        "lease_run": lease.run_id,
        "lease_holder": lease.holder,
        "lease_fence": lease.fence,
    }


_FREE = (runs.c.holder.is_(None), runs.c.finished_at.is_(None))

_ADD = Statement(insert(runs).values({column.name: bindparam(column.name) for column in runs.c}))
_GET = Statement(select(runs).where(runs.c.id == bindparam("id")))
_CLAIM = Statement(
    update(runs)
    .where(
        runs.c.id == bindparam("run"), *_FREE, runs.c.wake_at <= bindparam("now", type_=BigInteger)
    )
    .values(
        holder=bindparam("by"),
        fence=runs.c.fence + 1,
        state="running",
        wake_at=null(),
        started_at=func.coalesce(runs.c.started_at, bindparam("now", type_=BigInteger)),
        attempts=runs.c.attempts + 1,
    )
)
_CHECK = Statement(select(runs.c.cancel).where(*held()).with_for_update(read=True))
_PARK = Statement(
    update(runs)
    .where(*held())
    .values(
        state=bindparam("to_state"),
        wake_at=func.coalesce(runs.c.wake_at, bindparam("wake", type_=BigInteger)),
        holder=null(),
        lapses=0,
    )
)
_HOLD = Statement(select(runs.c.id).where(runs.c.id == bindparam("id")).with_for_update())
_WAKE_AT = Statement(select(runs.c.wake_at).where(runs.c.id == bindparam("id")))
_ENDING = {
    "state": bindparam("to_state"),
    "finished_at": bindparam("at"),
    "result": bindparam("outcome"),
    "error": bindparam("failure"),
    "wake_at": null(),
    "holder": null(),
}
_FINISH = Statement(update(runs).where(*held()).values(_ENDING))
_END_FREE = Statement(update(runs).where(runs.c.id == bindparam("run"), *_FREE).values(_ENDING))
_DROP_WAITS = Statement(delete(waits).where(waits.c.run_id == bindparam("run")))
_WAKE = Statement(
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.finished_at.is_(None))
    .values(wake_at=bindparam("wake"))
)
_CANCEL = Statement(
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.finished_at.is_(None))
    .values(cancel=1, wake_at=bindparam("wake"))
)
_PEERS = Statement(
    select(runs.c.id, runs.c.state, runs.c.holder, runs.c.wake_at)
    .where(runs.c.concurrency_key == bindparam("shared"), runs.c.finished_at.is_(None))
    .order_by(runs.c.id)
)
_CHILDREN = Statement(
    select(runs).where(runs.c.parent_run == bindparam("parent")).order_by(runs.c.id)
)
_OF_EVENT = Statement(select(runs).where(runs.c.event_id == bindparam("event")).order_by(runs.c.id))
_COUNTS = Statement(
    select(runs.c.state, func.count()).where(runs.c.state.in_(UNFINISHED)).group_by(runs.c.state)
)


def add_run(
    conn: Connection,
    *,
    id: str,  # noqa: A002
    event_id: str,
    workflow: str,
    definition: str,
    trigger: int,
    inputs: Any,
    created_at: int,
    holder: str | None = None,
    wake_at: int | None = None,
    concurrency_key: str | None = None,
    parent_run: str | None = None,
    parent_step: str | None = None,
) -> Lease | None:
    """Open a run.

    With a `holder` it is claimed and running at once, and its lease comes back. Without one it is queued
    and due at `wake_at`; a `wake_at` of None means that something else will wake it.
    """
    _ADD.run(
        conn,
        {
            "id": id,
            "event_id": event_id,
            "workflow": workflow,
            "definition": definition,
            "trigger": trigger,
            "state": "running" if holder else "queued",
            "inputs": jsontext.dump(inputs),
            "created_at": created_at,
            "started_at": created_at if holder else None,
            "finished_at": None,
            "wake_at": None if holder else wake_at,
            "holder": holder,
            "fence": 1 if holder else 0,
            "concurrency_key": concurrency_key,
            "cancel": 0,
            "parent_run": parent_run,
            "parent_step": parent_step,
            "error": None,
            "result": None,
            "attempts": 1 if holder else 0,
            "lapses": 0,
            "lapsed_after": 0,
        },
    )
    return Lease(id, holder, 1) if holder else None


def get_run(conn: Connection, run_id: str) -> Run | None:
    """One run."""
    row = _GET.row(conn, {"id": run_id})
    return None if row is None else _run(row)


def claim(conn: Connection, run_id: str, holder: str, now: int) -> Lease | None:
    """Take a run that is due: it is running, with no wake time. None when it is held, finished or not due.

    That it must be due makes a message about a run that came late, or twice, harmless.
    """
    if not _CLAIM.run(conn, {"run": run_id, "by": holder, "now": now}):
        return None
    run = get_run(conn, run_id)
    return None if run is None else Lease(run_id, holder, run.fence)


def check(conn: Connection, lease: Lease) -> bool:
    """Make sure that we still hold the run; whether somebody asked to cancel it. Raises `LeaseLost`."""
    row = _CHECK.row(conn, holding(lease))
    if row is None:
        raise LeaseLost(lease)
    return bool(row[0])


def hold_run(conn: Connection, run_id: str) -> None:
    """Nobody else changes this run, or ends it, before the transaction does."""
    _HOLD.row(conn, {"id": run_id})


def park(conn: Connection, lease: Lease, state: str, wake_at: int | None) -> int | None:
    """Put the run down: `waiting`, `uncertain`, or `queued` again, to be woken at `wake_at` (None: only by `wake`).

    Returns when it will be due. That is at once where `wake` or `request_cancel` came while it was held,
    so no wake-up is lost. Raises `LeaseLost`.
    """
    if state not in UNFINISHED or state == "running":
        raise ValueError(f"A run cannot be parked as {state}.")
    if not _PARK.run(conn, {**holding(lease), "to_state": state, "wake": wake_at}):
        raise LeaseLost(lease)
    row = _WAKE_AT.row(conn, {"id": lease.run_id})
    return None if row is None else row[0]


def finish(
    conn: Connection, lease: Lease, state: str, at: int, *, result: Any = None, error: Any = None
) -> None:
    """End the run for good, and what it still waited for with it. Raises `LeaseLost`."""
    if not _FINISH.run(conn, {**holding(lease), **_ending(state, at, result, error)}):
        raise LeaseLost(lease)
    if lease.fence > 1:  # to wait it is put down, and taken up again with the next fence
        _DROP_WAITS.run(conn, {"run": lease.run_id})


def finish_free(
    conn: Connection, run_id: str, state: str, at: int, *, result: Any = None, error: Any = None
) -> bool:
    """End a run that nobody holds (skipped or canceled while queued or waiting). False when it is held or finished."""
    if not _END_FREE.run(conn, {"run": run_id, **_ending(state, at, result, error)}):
        return False
    _DROP_WAITS.run(conn, {"run": run_id})
    return True


def wake(conn: Connection, run_id: str, at: int) -> bool:
    """Make an unfinished run due at `at`; one that is held becomes due when it is parked. False when it is finished."""
    return _WAKE.run(conn, {"run": run_id, "wake": at}) > 0


def request_cancel(conn: Connection, run_id: str, now: int) -> bool:
    """Ask whoever advances the run next to cancel it, and make it due. False when it is finished."""
    return _CANCEL.run(conn, {"run": run_id, "wake": now}) > 0


def peers(conn: Connection, concurrency_key: str) -> list[Peer]:
    """The unfinished runs with this concurrency key, oldest first."""
    return [Peer(*row) for row in _PEERS.rows(conn, {"shared": concurrency_key})]


def children(conn: Connection, run_id: str) -> list[Run]:
    """The runs that this run called, oldest first."""
    return [_run(row) for row in _CHILDREN.rows(conn, {"parent": run_id})]


def of_event(conn: Connection, event_id: str) -> list[Run]:
    """The runs that an event opened."""
    return [_run(row) for row in _OF_EVENT.rows(conn, {"event": event_id})]


def unfinished_counts(conn: Connection) -> dict[str, int]:
    """How many runs are in each unfinished state; a state with none is 0."""
    return dict.fromkeys(UNFINISHED, 0) | {row[0]: row[1] for row in _COUNTS.rows(conn, {})}


def list_runs(
    conn: Connection,
    *,
    workflow: str | None = None,
    states: Sequence[str] = (),
    before: str | None = None,
    limit: int = 50,
) -> Page:
    """Runs, newest first: of one workflow, in any of `states`, older than the run `before`."""
    wanted = select(runs).order_by(runs.c.id.desc()).limit(limit + 1)
    if workflow is not None:
        wanted = wanted.where(runs.c.workflow == workflow)
    if states:
        wanted = wanted.where(runs.c.state.in_(states))
    if before is not None:
        wanted = wanted.where(runs.c.id < before)
    found = [_run(tuple(row)) for row in conn.execute(wanted)]
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def _ending(state: str, at: int, result: Any, error: Any) -> dict[str, Any]:
    if state not in FINISHED:
        raise ValueError(f"A run cannot finish as {state}.")
    return {
        "to_state": state,
        "at": at,
        "outcome": jsontext.dump_or_none(result),
        "failure": jsontext.dump_or_none(error),
    }


def _run(row: Row) -> Run:
    run = Run(*row)
    return run._replace(
        inputs=jsontext.load(row[6]),
        cancel=bool(run.cancel),
        error=jsontext.load_or_none(row[17]),
        result=jsontext.load_or_none(row[18]),
    )
