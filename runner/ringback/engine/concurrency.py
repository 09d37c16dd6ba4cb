"""At most so many runs of a workflow at a time for each key: the others queue, are skipped, or take the place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from ringback.journal import locks, runs
from ringback.workflow.model import Concurrency


class Admission(NamedTuple):
    """What becomes of a new run: `go`, `wait` in the queue, or `skip`. `ended` are runs canceled for it,
    `woken` those that were asked to cancel themselves."""

    verdict: str
    ended: Sequence[str] = ()
    woken: Sequence[str] = ()


def admit(conn: Connection, rule: Concurrency, key: str, now: int) -> Admission:
    """Decide about a run that is about to be added under `key`."""
    locks.hold(conn, locks.concurrency(key))
    peers = runs.peers(conn, key)
    busy = [peer for peer in peers if not peer.blocked]
    if rule.when_busy == "cancel_previous" and len(busy) >= rule.limit:
        locks.hold(conn, *(locks.call(peer.id) for peer in peers if peer.holder is None))
        ended = [
            peer.id
            for peer in peers
            if peer.holder is None and runs.finish_free(conn, peer.id, "canceled", now)
        ]
        woken = [peer.id for peer in peers if peer.holder is not None]
        for run_id in woken:
            runs.request_cancel(conn, run_id, now)
        return Admission("go" if len(woken) < rule.limit else "wait", ended, woken)
    if len(busy) < rule.limit:
        return Admission("go")
    return Admission("skip" if rule.when_busy == "skip" else "wait")


def release(conn: Connection, rule: Concurrency | None, key: str, now: int) -> list[str]:
    """A run under `key` has ended: wake those that were next in the queue; their ids."""
    locks.hold(conn, locks.concurrency(key))
    peers = runs.peers(conn, key)
    room = (rule.limit if rule else 1) - sum(not peer.blocked for peer in peers)
    following = [peer.id for peer in peers if peer.blocked][: max(room, 0)]
    for run_id in following:
        runs.wake(conn, run_id, now)
    return following
