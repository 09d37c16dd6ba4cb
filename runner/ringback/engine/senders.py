"""Senders first: while many wait for their receipts, runs wait a moment.

A sender that gets no answer in time gives up or sends again; the customer does not notice whether a text
left now or five seconds later. All of it is work for the same processor, so under a burst the runs step
aside, for a while that has an end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 4
"""So many senders at once are a burst; fewer take no more time than they would anyway."""
AT_MOST_MS = 5_000
"""How long after its event a run gives way; past that the burst is the weather, and runs go on beside it."""


class Senders:
    """Who waits for a receipt from this process."""

    def __init__(self) -> None:
        self._waiting = 0
        self._changed = threading.Condition(threading.Lock())

    @contextmanager
    def one(self) -> Iterator[None]:
        """A sender waits for its receipt while the body runs."""
        with self._changed:
            self._waiting += 1
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                if self._waiting == MANY - 1:
                    self._changed.notify_all()

    def give_way(self, at_most_ms: int) -> None:
        """Return when no burst is on, at the latest after so many milliseconds."""
        if self._waiting < MANY or at_most_ms <= 0:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._waiting < MANY, at_most_ms / 1000)
