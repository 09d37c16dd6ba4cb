"""Worker threads in this process, and what wakes the runs that are due."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from queue import SimpleQueue

from ringback import chores
from ringback.chores import BEAT_MS, Chore, Sweeper, Ticker
from ringback.clock import Clock, SystemClock
from ringback.engine.executor import NORMAL, Warm
from ringback.engine.run import advance
from ringback.engine.runtime import Runtime
from ringback.engine.senders import AT_MOST_MS
from ringback.journal import wakeups
from ringback.schedule import Schedules

log = logging.getLogger(__name__)

MOST_HELD = 5_000
"""Runs held in memory for the threads; beyond them new ones wait in the journal."""
LOOK_MS = 1_000
"""How often the journal is asked for due runs that another process may have put down."""
_BATCH = 1_000
_SOON_MS = 100


class LocalExecutor:
    """Threads that advance runs. More of them than cores pays: most of a run is waiting, for a gateway or a disk."""

    def __init__(self, threads: int = 16) -> None:
        self._count = threads
        self._first: deque[tuple[str, Warm | None]] = deque()
        self._then: deque[tuple[str, Warm | None]] = deque()
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        self._queued: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._clock: Clock = SystemClock()
        self._ticker: Ticker | None = None
        self._stopping = False

    def submit(self, run_id: str, warm: Warm | None = None, priority: int = NORMAL) -> None:
        """See `Executor.submit`. A run that stands in line already is not put there twice.

        Without room one that we do not hold is left to the ticker.
        """
        if warm is None:
            if run_id in self._queued:
                return
            if not self.room():
                self.notify(self._clock.now_ms())
                return
            self._queued.add(run_id)
        (self._first if priority > NORMAL else self._then).append((run_id, warm))
        self._tokens.put(True)

    def notify(self, wake_at: int) -> None:
        if self._ticker is not None:
            self._ticker.notify(wake_at)

    def room(self) -> bool:
        return not self._stopping and len(self._then) + len(self._first) < MOST_HELD

    def waiting(self) -> int:
        """How many runs stand in line (for metrics)."""
        return len(self._then) + len(self._first)

    def start(self, runtime: Runtime) -> None:
        for number in range(self._count):
            thread = threading.Thread(
                target=self._work, args=(runtime,), name=f"ringback-worker-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        self._clock = runtime.clock
        self._ticker = self._chores(runtime)
        self._ticker.start()

    def stop(self, grace_ms: int) -> None:
        """Runs that stand in line stay in the journal; those under way have `grace_ms` to end or park."""
        self._stopping = True
        if self._ticker is not None:
            self._ticker.stop()
        for _ in self._threads:
            self._tokens.put(False)
        ends_at = time.monotonic() + grace_ms / 1000
        for thread in self._threads:
            thread.join(max(ends_at - time.monotonic(), 0))
        late = [thread.name for thread in self._threads if thread.is_alive()]
        if late:
            log.warning("%d runs were still under way when the time was up", len(late))
        self._threads = []

    def _chores(self, runtime: Runtime) -> Ticker:
        due = Chore("due runs", LOOK_MS, lambda: self._wake_due(runtime))

        def beat() -> None:
            if chores.beat(runtime):
                due.next_at = 0

        now = runtime.clock.now_ms()
        return Ticker(
            runtime,
            [
                due,
                Chore("schedules", LOOK_MS, Schedules(runtime).tick),
                chores.joining(runtime),
                Chore("heartbeat", BEAT_MS, beat, now + BEAT_MS),
            ],
            Sweeper(runtime),
            woken_early=due,
        )

    def _wake_due(self, runtime: Runtime) -> int | None:
        with runtime.journal.read() as conn:
            now = runtime.clock.now_ms()
            due = wakeups.due(conn, now, _BATCH)
            following = wakeups.next_wake(conn) if not due else None
        for run_id in due:
            if not self.room():
                break
            self.submit(run_id)
        return now + _SOON_MS if len(due) == _BATCH else following

    def _work(self, runtime: Runtime) -> None:
        while self._tokens.get() and not self._stopping:
            try:
                run_id, warm = self._first.popleft()
            except IndexError:
                run_id, warm = self._then.popleft()
            self._queued.discard(run_id)
            if warm is not None:
                waited = runtime.clock.now_ms() - warm.run.created_at
                runtime.senders.give_way(AT_MOST_MS - waited)
            try:
                advance(runtime, run_id, warm)
            except Exception:
                log.exception("A worker could not advance %s", run_id)
