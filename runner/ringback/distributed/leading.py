"""Which of several clocks does the work; the others stand by and take its place within seconds."""

from __future__ import annotations

import logging
import time

from ringback.engine.runtime import Runtime
from ringback.journal import leaders
from ringback.journal.leaders import Leader

log = logging.getLogger(__name__)

BEAT_MS = 1_000
STANDS_STILL_S = 4.0
"""A leader whose beat has stood still for so long, by the clock of the one who watches, has lost its place."""


class Leadership:
    """Whether this process leads under a name. `tick` is called about every `BEAT_MS`."""

    def __init__(self, runtime: Runtime, name: str) -> None:
        self._runtime = runtime
        self._name = name
        self._seen: Leader | None = None
        self._seen_at = 0.0
        self._valid_until = 0.0

    @property
    def leads(self) -> bool:
        """Whether we lead now: not any more where we stood still so long that another may have taken our place."""
        return time.monotonic() < self._valid_until

    def tick(self) -> None:
        """Beat where we lead; else take the place of a leader that laid it down or stands still."""
        began = time.monotonic()
        led = self._seen is not None and self._seen.holder == self._runtime.holder
        with self._runtime.journal.read() as conn:
            now = leaders.get_leader(conn, self._name)
        if led and now == self._seen:
            self._beat(began)
            return
        if led:
            log.warning("Another clock leads now")
            self._valid_until = 0.0
        if now != self._seen:
            self._seen, self._seen_at = now, began
        if now is None or not now.holder or began - self._seen_at >= STANDS_STILL_S:
            self._take(began)

    def lay_down(self) -> None:
        """Give the place up, so that another clock takes it at once."""
        seen = self._seen
        self._valid_until = 0.0
        if seen is not None and seen.holder == self._runtime.holder:
            self._runtime.journal.write(lambda conn: leaders.lay_down(conn, seen))

    def _beat(self, began: float) -> None:
        seen = self._seen
        assert seen is not None
        if self._runtime.journal.write(lambda conn: leaders.beat(conn, seen)):
            self._seen = seen._replace(beat=seen.beat + 1)
            self._valid_until = began + STANDS_STILL_S - 0.5
        else:
            self._valid_until = 0.0

    def _take(self, began: float) -> None:
        seen, holder = self._seen, self._runtime.holder
        if self._runtime.journal.write(lambda conn: leaders.take(conn, self._name, holder, seen)):
            with self._runtime.journal.read() as conn:
                self._seen = leaders.get_leader(conn, self._name)
            if self._seen is not None and self._seen.holder == holder:
                self._valid_until = began + STANDS_STILL_S - 0.5
                log.info("This clock leads")
