"""Runs on the calling thread: for `ringback run`, `ringback test` and every test of ours."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from ringback.clock import SimulatedClock
from ringback.engine.executor import InlineExecutor
from ringback.engine.run import advance
from ringback.engine.runtime import Runtime
from ringback.journal import wakeups

__all__ = ["InlineExecutor", "Source", "drain"]

_LONGEST_NAP_S = 0.5


class Source(Protocol):
    """Something else that happens in time, such as a rehearsal gateway's callbacks."""

    def next_at(self) -> int | None:
        """When the next thing is due (ms), or None."""
        ...

    def fire(self, now: int) -> None:
        """Do all that is due by now."""
        ...


def drain(
    runtime: Runtime,
    until_idle: bool = True,
    *,
    until: int | None = None,
    sources: Sequence[Source] = (),
) -> None:
    """Advance what was submitted and what is due, on this thread.

    `until_idle`: then go on to the next wake time, and the next, until nothing is left that time alone
    brings on; a simulated clock jumps there, a real one is waited for. `until` (ms) is a moment to stop at.
    A wake time that stands for something else (a person's decision) is not waited for.
    """
    executor = runtime.executor
    if not isinstance(executor, InlineExecutor):
        raise TypeError("Only a runtime with an InlineExecutor can be drained.")
    while True:
        _due_now(runtime, executor, sources)
        following = _next(runtime, sources)
        if not until_idle or following is None or (until is not None and following > until):
            return
        _let_pass(runtime, following)


def _due_now(runtime: Runtime, executor: InlineExecutor, sources: Sequence[Source]) -> None:
    while True:
        while executor.queue:
            advance(runtime, *executor.queue.popleft())
        now = runtime.clock.now_ms()
        for source in sources:
            at = source.next_at()
            if at is not None and at <= now:
                source.fire(now)
        with runtime.journal.read() as conn:
            due = wakeups.due(conn, now)
        executor.queue.extend((run_id, None) for run_id in due)
        if not executor.queue:
            return


def _next(runtime: Runtime, sources: Sequence[Source]) -> int | None:
    with runtime.journal.read() as conn:
        wake = wakeups.next_wake(conn)
    times = [wake, *(source.next_at() for source in sources)]
    return min((at for at in times if at is not None), default=None)


def _let_pass(runtime: Runtime, moment: int) -> None:
    clock = runtime.clock
    if isinstance(clock, SimulatedClock):
        clock.advance_to(moment)
        return
    while (left := moment - clock.now_ms()) > 0:
        time.sleep(min(left / 1000, _LONGEST_NAP_S))
