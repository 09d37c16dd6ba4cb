"""The executor of a process that advances no runs itself, or only those that the broker gives it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

from ringback.distributed.broker import BrokerDown, Line
from ringback.engine.executor import FIRST, LATER, NORMAL, Warm
from ringback.engine.runtime import Runtime
from ringback.settings import Work

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Ids held in memory for the broker; the clock finds what is beyond them."""
_REST_S = 2.0
"""How long a broker that did not answer is left alone."""


class Publisher:
    """Tells the broker which runs are due, on a thread of its own: nobody who opens a run waits for a broker.

    While the broker is down ids are let go: their runs are in the journal, and the clock publishes them.
    """

    def __init__(self, work: Work) -> None:
        self._line = Line(work)
        self._waiting: dict[int, deque[str]] = {
            priority: deque() for priority in (FIRST, NORMAL, LATER)
        }
        self._changed = threading.Condition()
        self._stopping = False
        self._rests_until = 0.0
        self._thread = threading.Thread(target=self._run, name="ringback-publisher", daemon=True)

    def submit(self, run_id: str, warm: Warm | None = None, priority: int = NORMAL) -> None:  # noqa: ARG002
        """See `Executor.submit`."""
        with self._changed:
            if self._stopping or time.monotonic() < self._rests_until:
                return
            if self.waiting() < MOST_WAITING:
                self._waiting[priority].append(run_id)
                self._changed.notify()

    def notify(self, wake_at: int) -> None:  # noqa: ARG002  the clock looks into the journal
        return

    def room(self) -> bool:
        """Never: a run is claimed by the worker that gets its id."""
        return False

    def waiting(self) -> int:
        """How many ids are still to be published."""
        return sum(map(len, self._waiting.values()))

    def start(self, runtime: Runtime) -> None:  # noqa: ARG002
        self._thread.start()

    def stop(self, grace_ms: int) -> None:
        """Publish what waits, for as long as `grace_ms`; the clock finds the rest."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(grace_ms / 1000)

    def _run(self) -> None:
        while (following := self._take()) is not None:
            try:
                self._line.send(*following)
            except BrokerDown as down:
                self._rest(down)
            except Exception:
                log.exception("%s could not be published", following[0])
        self._line.close()

    def _take(self) -> tuple[str, int] | None:
        with self._changed:
            while True:
                for priority, ids in self._waiting.items():
                    if ids:
                        return ids.popleft(), priority
                if self._stopping:
                    return None
                self._changed.wait()

    def _rest(self, down: BrokerDown) -> None:
        with self._changed:
            self._rests_until = time.monotonic() + _REST_S
            left = 1 + self.waiting()
            for ids in self._waiting.values():
                ids.clear()
        log.error("%d runs are left to the clock: %s", left, down)
