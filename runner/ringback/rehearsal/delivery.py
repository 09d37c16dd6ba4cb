"""Delivers planned callbacks over HTTP when they are due, and again when the other side does not take them."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ringback.clock import Clock
from ringback.connectors.transport import Answer, Call, Sender
from ringback.problems import Failure
from ringback.rehearsal.gateway import Planned

RETRY_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)
"""The waits before a callback that was not taken is tried again; after the last it is given up."""
TIMEOUT_S = 10.0

Noted = Callable[[Planned, str], None]


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    planned: Planned
    attempt: int = 0


class Delivery:
    """A few threads that call back. `noted` hears what became of every attempt, in words."""

    def __init__(
        self,
        transport: Sender,
        clock: Clock,
        *,
        threads: int = 4,
        noted: Noted = lambda _planned, _said: None,
        seed: int | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._noted = noted
        self._random = Random(seed)
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"rehearsal-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Deliver no more; what is on its way is finished."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(TIMEOUT_S)

    def plan(self, planned: Planned) -> None:
        """Deliver it when its delay is over; without a delay now, on the calling thread."""
        due = _Due(time.monotonic() + planned.delay_ms / 1000, next(self._numbers), planned)
        if planned.delay_ms <= 0:
            self._attempt(due)
        else:
            self._push(due)

    def _push(self, due: _Due) -> None:
        with self._changed:
            heapq.heappush(self._due, due)
            self._changed.notify()

    def _work(self) -> None:
        while (due := self._next()) is not None:
            self._attempt(due)

    def _next(self) -> _Due | None:
        with self._changed:
            while not self._stopped:
                wait = self._due[0].at - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)
                self._changed.wait(wait)
        return None

    def _attempt(self, due: _Due) -> None:
        request = due.planned.make(self._clock.now_ms())
        call = Call(
            request.method, request.url, request.headers, request.body or None, timeout_s=TIMEOUT_S
        )
        try:
            answer = self._transport.send(call)
        except Failure as failure:
            self._again(due, failure.message)
        else:
            if 200 <= answer.status < 300:
                self._noted(due.planned, f"answered {answer.status}")
            else:
                self._again(due, _said(answer))

    def _again(self, due: _Due, said: str) -> None:
        if due.attempt >= len(RETRY_S):
            self._noted(due.planned, f"{said}; given up")
            return
        wait = RETRY_S[due.attempt] * self._random.uniform(0.8, 1.2)
        self._noted(due.planned, f"{said}; again in {wait:.1f} s")
        at = time.monotonic() + wait
        self._push(_Due(at, next(self._numbers), due.planned, due.attempt + 1))


def _said(answer: Answer) -> str:
    text = " ".join(answer.body[:200].decode("utf-8", "replace").split())
    return f"answered {answer.status} {text}".strip()
