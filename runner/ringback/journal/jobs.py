"""What the writer of a file is handed: a call, and how its caller learns what became of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Connection

from ringback.journal import afterwards


class Job:
    """One call that waits for the writer, and whose caller waits for it: at a lock, far cheaper than a future is."""

    __slots__ = ("_gate", "_told", "asked", "error", "fn", "value")

    def __init__(self, fn: Callable[[Connection], Any]) -> None:
        self.fn = fn
        self.value: Any = None
        self.error: BaseException | None = None
        self.asked: list[afterwards.Act] = []
        self._told = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def begin(self) -> bool:
        """Whether the call is still wanted; from now on it is."""
        return True

    def told(self) -> bool:
        """Whether its caller knows what became of it, or no longer wants to."""
        return self._told

    def tell(self) -> None:
        """Tell its caller: `error` where there is one, else `value`."""
        self._told = True
        self._gate.release()

    def result(self) -> Any:
        """Wait for what became of it."""
        self._gate.acquire()
        try:
            if self.error is not None:
                raise self.error
            return self.value
        finally:
            del self  # the error knows this frame, which must not know the error


class Promised(Job):
    """One call that waits for the writer, and whose caller has a future of it."""

    __slots__ = ("future",)

    def __init__(self, fn: Callable[[Connection], Any]) -> None:
        super().__init__(fn)
        self.future: Future[Any] = Future()

    def begin(self) -> bool:
        return self.future.set_running_or_notify_cancel()

    def told(self) -> bool:
        return self.future.done()

    def tell(self) -> None:
        super().tell()
        if self.error is None:
            self.future.set_result(self.value)
        else:
            self.future.set_exception(self.error)
