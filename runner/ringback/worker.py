"""Worker threads in this process, and the ticker that wakes what is due."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from ringback.engine import reported
from ringback.engine.executor import Warm
from ringback.engine.inbound import join_overdue
from ringback.engine.run import advance, unstick
from ringback.engine.runtime import Runtime
from ringback.journal import retention, runs
from ringback.problems import Failure
from ringback.schedule import Schedules

log = logging.getLogger(__name__)

MOST_HELD = 5_000
"""Runs held in memory for the threads; beyond them new ones wait in the journal."""
LOOK_MS = 1_000
"""How often the journal is asked for due runs that another process may have put down."""
BEAT_MS = 10_000
PIECES_MS = 15_000
"""How often long texts are looked for whose last piece does not come."""
SWEEP_MS = 3_600_000
_FIRST_SWEEP_MS = 60_000
_BATCH = 1_000
_SOON_MS = 100
_NEVER = 1 << 62


class LocalExecutor:
    """Threads that advance runs. More of them than cores pays: most of a run is waiting, for a gateway or a disk."""

    def __init__(self, threads: int = 8) -> None:
        self._count = threads
        self._first: deque[tuple[str, Warm | None]] = deque()
        self._then: deque[tuple[str, Warm | None]] = deque()
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        self._queued: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._ticker: Ticker | None = None
        self._stopping = False

    def submit(self, run_id: str, warm: Warm | None = None, priority: int = 0) -> None:
        """See `Executor.submit`. A run that stands in line already is not put there twice."""
        if warm is None:
            if run_id in self._queued:
                return
            self._queued.add(run_id)
        (self._first if priority > 0 else self._then).append((run_id, warm))
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
        self._ticker = Ticker(runtime, self)
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

    def _work(self, runtime: Runtime) -> None:
        while self._tokens.get() and not self._stopping:
            try:
                run_id, warm = self._first.popleft()
            except IndexError:
                run_id, warm = self._then.popleft()
            self._queued.discard(run_id)
            try:
                advance(runtime, run_id, warm)
            except Exception:
                log.exception("A worker could not advance %s", run_id)


@dataclass
class _Chore:
    """Something done every so often; `work` returns when it wants to be called next (ms), or None."""

    name: str
    every_ms: int
    work: Callable[[], int | None]
    next_at: int = 0


class Ticker:
    """One thread that sleeps until the next thing is due: a run's wake time, a schedule, a heartbeat."""

    def __init__(self, runtime: Runtime, executor: LocalExecutor) -> None:
        self._runtime = runtime
        self._executor = executor
        self._changed = threading.Condition()
        self._wake_at = 0
        self._asked = _NEVER
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ringback-ticker", daemon=True)
        self._sweeper = threading.Thread(target=self._sweep, name="ringback-sweeper", daemon=True)
        schedules = Schedules(runtime)
        now = runtime.clock.now_ms()
        self._due = _Chore("due runs", LOOK_MS, self._wake_due)
        self._chores = [
            self._due,
            _Chore("schedules", LOOK_MS, schedules.tick),
            _Chore("pieces of texts", PIECES_MS, self._join, now + PIECES_MS),
            _Chore("heartbeat", BEAT_MS, self._beat, now + BEAT_MS),
        ]

    def start(self) -> None:
        self._thread.start()
        self._sweeper.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        self._sweeper.join()

    def notify(self, wake_at: int) -> None:
        """A run is due then, perhaps earlier than the ticker means to look."""
        with self._changed:
            self._asked = min(self._asked, wake_at)
            if wake_at < self._wake_at:
                self._changed.notify_all()

    def _run(self) -> None:
        while not self._stopping:
            now = self._runtime.clock.now_ms()
            with self._changed:
                self._wake_at = 0
                if self._asked <= now:
                    self._asked, self._due.next_at = _NEVER, 0
            for chore in self._chores:
                if chore.next_at <= now and not self._stopping:
                    self._do(chore, now)
            with self._changed:
                self._wake_at = min(self._asked, *(chore.next_at for chore in self._chores))
                left = self._wake_at - self._runtime.clock.now_ms()
                if left > 0 and not self._stopping:
                    self._changed.wait(left / 1000)

    def _do(self, chore: _Chore, now: int) -> None:
        chore.next_at = now + chore.every_ms
        try:
            wanted = chore.work()
        except Failure as failure:
            log.error("The ticker's %s failed: %s", chore.name, failure)
            return
        except Exception:
            log.exception("The ticker's %s broke", chore.name)
            return
        if wanted is not None:
            chore.next_at = min(chore.next_at, max(wanted, now + 1))

    def _wake_due(self) -> int | None:
        with self._runtime.journal.read() as conn:
            now = self._runtime.clock.now_ms()
            due = runs.due(conn, now, _BATCH)
            following = runs.next_wake(conn) if not due else None
        for run_id in due:
            if not self._executor.room():
                break
            self._executor.submit(run_id)
        return now + _SOON_MS if len(due) == _BATCH else following

    def _join(self) -> None:
        join_overdue(self._runtime)

    def _beat(self) -> None:
        self._runtime.beat()
        unstick(self._runtime)
        if self._runtime.take_over():
            self._due.next_at = 0

    def _sweep(self) -> None:
        """Retention and silent messages, on a thread of their own: a run's wake time must not wait for them."""
        wait_ms, since = _FIRST_SWEEP_MS, 0
        while True:
            with self._changed:
                ends_at = time.monotonic() + wait_ms / 1000
                while not self._stopping and (left := ends_at - time.monotonic()) > 0:
                    self._changed.wait(left)
                if self._stopping:
                    return
            wait_ms = SWEEP_MS
            sweep(self._runtime)
            since = give_up_on(self._runtime, since)


def sweep(runtime: Runtime) -> None:
    """Delete what is older than `journal.keep` says."""
    before = runtime.clock.now_ms() - runtime.settings.keep_ms
    try:
        gone = retention.sweep(runtime.journal, runtime.files, before)
    except Failure as failure:
        log.error("Old runs could not be deleted: %s", failure)
        return
    if gone.runs or gone.files:
        log.info("Deleted %d runs and %d files that were past their time", gone.runs, gone.files)


def give_up_on(runtime: Runtime, since: int) -> int:
    """Messages that have been silent too long are `unknown`; returns from when to look the next time."""
    try:
        return reported.fall_silent(runtime, since)
    except Failure as failure:
        log.error("Silent messages could not be looked into: %s", failure)
        return since
