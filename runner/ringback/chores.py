"""What is done every so often beside the runs: heartbeat, schedules, retention. Each process says which of it is its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ringback.engine import reported
from ringback.engine.doubts import Doubts
from ringback.engine.inbound import join_overdue
from ringback.engine.run import unstick
from ringback.engine.runtime import Runtime
from ringback.journal import audit, retention, tries
from ringback.problems import Failure

log = logging.getLogger(__name__)

BEAT_MS = 10_000
PIECES_MS = 15_000
"""How often long texts are looked for whose last piece does not come."""
SWEEP_MS = 3_600_000
_FIRST_SWEEP_MS = 60_000
_TRIES_KEPT_MS = 86_400_000
_NEVER = 1 << 62

Work = Callable[[], int | None]
"""A chore's work; it may say when it wants to be called next (ms)."""


@dataclass
class Chore:
    """Something done every so often."""

    name: str
    every_ms: int
    work: Work
    next_at: int = 0


class Ticker:
    """One thread that sleeps until the next chore is due, or until `notify` names an earlier moment."""

    def __init__(
        self,
        runtime: Runtime,
        chores: Sequence[Chore],
        sweeper: Sweeper | None = None,
        *,
        woken_early: Chore | None = None,
    ) -> None:
        """`woken_early` is the chore that `notify` is about."""
        self._runtime = runtime
        self._chores = chores
        self._early = woken_early
        self._sweeper = sweeper
        self._changed = threading.Condition()
        self._wake_at = 0
        self._asked = _NEVER
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ringback-ticker", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if self._sweeper is not None:
            self._sweeper.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        if self._sweeper is not None:
            self._sweeper.stop()

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
                    self._asked = _NEVER
                    if self._early is not None:
                        self._early.next_at = 0
            for chore in self._chores:
                if chore.next_at <= now and not self._stopping:
                    _do(chore, now)
            with self._changed:
                self._wake_at = min(self._asked, *(chore.next_at for chore in self._chores))
                left = self._wake_at - self._runtime.clock.now_ms()
                if left > 0 and not self._stopping:
                    self._changed.wait(left / 1000)


def _do(chore: Chore, now: int) -> None:
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


class Sweeper:
    """Retention and silent messages, on a thread of their own: a run's wake time must not wait for them."""

    def __init__(self, runtime: Runtime, may: Callable[[], bool] = lambda: True) -> None:
        """`may` is asked each time whether it is for this process to sweep."""
        self._runtime = runtime
        self._may = may
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ringback-sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        wait_ms, since, last, doubts = _FIRST_SWEEP_MS, 0, -1.0, Doubts(self._runtime, self._may)
        while not self._stopped.wait(wait_ms / 1000):
            wait_ms = _FIRST_SWEEP_MS
            if self._may():
                look_into(doubts)
            if self._may() and (last < 0 or time.monotonic() - last >= SWEEP_MS / 1000):
                last = time.monotonic()
                sweep(self._runtime)
                since = give_up_on(self._runtime, since)


def joining(runtime: Runtime) -> Chore:
    """Long texts whose last piece does not come are taken as they are."""

    def join() -> None:
        join_overdue(runtime)

    return Chore("pieces of texts", PIECES_MS, join, runtime.clock.now_ms() + PIECES_MS)


def beat(runtime: Runtime) -> int:
    """Prolong this process's life and take over what dead ones left; how many runs that were."""
    runtime.beat()
    unstick(runtime)
    return runtime.take_over()


def sweep(runtime: Runtime) -> None:
    """Delete what is older than `journal.keep` says."""
    before = runtime.clock.now_ms() - runtime.settings.keep_ms
    try:
        gone = retention.sweep(runtime.journal, runtime.files, before)
    except Failure as failure:
        log.error("Old runs could not be deleted: %s", failure)
        return
    for what in ("runs", "events", "files"):
        runtime.metrics.count("retention_deleted", what, by=getattr(gone, what))
    runtime.metrics.count("retention_freed_bytes", by=gone.bytes)
    if gone.runs or gone.files:
        log.info("Deleted %d runs and %d files that were past their time", gone.runs, gone.files)
    sweep_access(runtime)


def sweep_access(runtime: Runtime) -> None:
    """Delete what is older than `audit.keep` says of the audit trail, and refused sign-ins that count no more."""
    now = runtime.clock.now_ms()
    before = now - runtime.settings.locks.audit_keep_ms
    try:
        while runtime.journal.write(lambda conn: audit.prune(conn, before, now)):
            pass
        runtime.journal.write(lambda conn: tries.forget(conn, now - _TRIES_KEPT_MS))
    except Failure as failure:
        log.error("Old entries of the audit trail could not be deleted: %s", failure)


def look_into(doubts: Doubts) -> None:
    """Ask gateways about sends of which nobody knows whether they went."""
    try:
        doubts.ask()
    except Failure as failure:
        log.error("Uncertain sends could not be looked into: %s", failure)


def give_up_on(runtime: Runtime, since: int) -> int:
    """Messages that have been silent too long are `unknown`; returns from when to look the next time."""
    try:
        return reported.fall_silent(runtime, since)
    except Failure as failure:
        log.error("Silent messages could not be looked into: %s", failure)
        return since
