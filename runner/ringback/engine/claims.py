"""Runs that a write opens and claims for this process: none is left behind where nobody knows what became of the write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Connection

from ringback.engine.runtime import Runtime
from ringback.journal.runs import Lease

T = TypeVar("T")
_NOTED = "ringback_claims"


def keep(
    runtime: Runtime, write: Callable[[Connection], T], *, after: Sequence[Future[Any]] = ()
) -> T:
    """Run a write that may claim runs; `after` are writes handed in before it, whose mistakes are raised here too.

    A write that fails may have been kept all the same: its commit may be in doubt, or one of `after` is what
    failed. Then we hold runs that nobody walks: they are laid down for others.
    Raises `Failure("internal")` when it could not be kept.
    """
    claimed: list[Lease] = []

    def noting(conn: Connection) -> T:
        claimed.clear()  # of an attempt before nothing was kept
        conn.info[_NOTED] = claimed
        try:
            return write(conn)
        finally:
            del conn.info[_NOTED]

    try:
        made = runtime.journal.write(noting)
        for before in after:
            before.result()
    except Exception:
        runtime.stuck.extend(claimed)
        raise
    return made


def may(conn: Connection) -> bool:
    """Whether this write may claim runs: another would strand them where its commit is in doubt."""
    return _NOTED in conn.info


def note(conn: Connection, lease: Lease) -> None:
    """This write has claimed a run."""
    conn.info[_NOTED].append(lease)
