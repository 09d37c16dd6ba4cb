"""The clock that everything reads, so that a rehearsal can run a week in a moment."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from ringback.problems import Failure

log = logging.getLogger(__name__)

ASK_EVERY_S = 30.0
"""How often a `SharedClock` asks."""


class Clock(Protocol):
    """Gives the present."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...

    def now(self) -> datetime:
        """Aware, in UTC."""
        ...


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC datetime of milliseconds since the epoch."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware datetime."""
    return round(moment.timestamp() * 1000)


def uptime() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine sleeps where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def now(self) -> datetime:
        return datetime.now(UTC)


class SharedClock:
    """The clock of a server that several machines work with, so that they agree whatever their own clocks say.

    The server is asked at first, then now and then by a thread; in between time passes by `uptime`.
    """

    def __init__(self, ask: Callable[[], int]) -> None:
        """`ask` gives the server's milliseconds since the epoch; what it raises now is raised here."""
        self._ask = ask
        self._ended = threading.Event()
        began = uptime()
        self._ahead = ask() - (began + uptime()) * 500
        threading.Thread(target=self._follow, name="ringback-time", daemon=True).start()

    def now_ms(self) -> int:
        return round(uptime() * 1000 + self._ahead)

    def now(self) -> datetime:
        return from_ms(self.now_ms())

    def close(self) -> None:
        """Ask no more."""
        self._ended.set()

    def adjust(self) -> None:
        """Ask the server, and follow it where it says more than the time that its answer took."""
        began = uptime()
        said = self._ask()
        ended = uptime()
        ahead = said - (began + ended) * 500
        if abs(ahead - self._ahead) > (ended - began) * 500 + 1:
            self._ahead = ahead

    def _follow(self) -> None:
        while not self._ended.wait(ASK_EVERY_S):
            try:
                self.adjust()
            except Failure as failure:
                if not self._ended.is_set():
                    log.warning("The time goes on by this machine: %s", failure)


class SimulatedClock:
    """A clock that stands still until it is told to move; it never goes back."""

    def __init__(self, start_ms: int) -> None:
        self._now = start_ms

    def now_ms(self) -> int:
        return self._now

    def now(self) -> datetime:
        return from_ms(self._now)

    def advance_to(self, milliseconds: int) -> None:
        self._now = max(self._now, milliseconds)
