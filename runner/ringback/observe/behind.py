"""Log lines are written by one thread, so that who has something to say does not wait for it.

Masking a line and writing it costs more than what it is about; many threads that do so at once stand in line for
the stream. Here they only put down what they say, in order.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import IO

from ringback.observe.here import here

_MANY = 10_000
"""So many lines may wait for a stream that takes none; then only warnings and errors still may, as many again."""
_AT_ONCE = 200
_GATHER_S = 0.005
"""So long a line may wait for others: to wake the thread for each costs more than to write it."""
_FLUSH_S = 2.0
"""How long an end waits for a stream that takes nothing."""


class Behind(logging.Handler):
    """Writes records to a stream from a thread of its own, in the order in which they came.

    What a record is about, its message and its traceback are taken on the thread that says it. `flush` waits until
    all of that is written; at the end of the interpreter `logging` does so by itself. Where the stream takes
    nothing, lines beyond a bound are left out and counted, and the count is written when it takes lines again.
    """

    def __init__(self, stream: IO[str]) -> None:
        super().__init__()
        self._stream = stream
        self._waiting: SimpleQueue[logging.LogRecord | threading.Event | None] = SimpleQueue()
        self._left_out = 0
        self._counting, self._beginning = threading.Lock(), threading.Lock()
        self._writer: threading.Thread | None = None
        self._process = 0
        self._closed = False

    def handle(self, record: logging.LogRecord) -> bool:
        """Put the record down; without the handler's lock, which all threads would stand in line for."""
        if not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._process != os.getpid():
                self._begin()
            most = _MANY if record.levelno < logging.WARNING else 2 * _MANY
            if self._waiting.qsize() >= most:
                with self._counting:
                    self._left_out += 1
                return
            said = _as_said(record)
            if self._closed:
                self._write(self._line(said))
                return
            self._waiting.put(said)
        except Exception:  # noqa: BLE001  told of as logging tells of it
            self.handleError(record)

    def flush(self) -> None:
        """Wait until everything said so far is written, at most two seconds."""
        if self._writer is None or self._process != os.getpid():
            return
        written = threading.Event()
        self._waiting.put(written)
        written.wait(_FLUSH_S)

    def close(self) -> None:
        """Write what waits; what is said later is written at once."""
        self._closed = True
        if self._writer is not None and self._process == os.getpid():
            self._waiting.put(None)
            self._writer.join(_FLUSH_S)
        super().close()

    def _begin(self) -> None:
        """Start writing, at the first line of this process; what waits in a parent is its own to write."""
        with self._beginning:
            if self._process == os.getpid():
                return
            self._waiting = SimpleQueue()
            self._process = os.getpid()
            self._writer = threading.Thread(target=self._work, name="ringback-log", daemon=True)
            self._writer.start()

    def _work(self) -> None:
        ended = False
        while not ended:
            found = self._next()
            ended = None in found
            self._write("".join(self._line(one) for one in found if isinstance(one, logging.LogRecord)))  # fmt: skip
            if self._left_out and self._waiting.qsize() < _MANY // 2:
                with self._counting:
                    left_out, self._left_out = self._left_out, 0
                self._write(self._line(_left_out(left_out)))
            for one in found:
                if isinstance(one, threading.Event):
                    one.set()

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return f"{self.format(record)}\n"
        except Exception:  # noqa: BLE001  told of as logging tells of it
            self.handleError(record)
            return ""

    def _next(self) -> list[logging.LogRecord | threading.Event | None]:
        """What waits, at least one of it."""
        found = [self._waiting.get()]
        if isinstance(found[0], logging.LogRecord) and self._waiting.empty():
            time.sleep(_GATHER_S)
        try:
            while len(found) < _AT_ONCE:
                found.append(self._waiting.get_nowait())
        except Empty:
            pass
        return found

    def _write(self, text: str) -> None:
        try:
            if text:
                self._stream.write(text)
                self._stream.flush()
        except (OSError, ValueError) as error:
            if self._stream is not sys.__stderr__ and sys.__stderr__ is not None:
                print(f"the log could not be written: {error}", file=sys.__stderr__)


def _as_said(record: logging.LogRecord) -> logging.LogRecord:
    """The record as it is now, whatever becomes later of what it names; other handlers keep theirs."""
    # To make one in the ordinary way would ask again for thread and process
    said = logging.LogRecord.__new__(logging.LogRecord)
    said.__dict__.update(record.__dict__)
    said.msg, said.args = record.getMessage(), None
    if record.exc_info:
        said.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
        said.exc_info = None
    if getattr(record, "here", None) is None:
        said.here = here()
    return said


def _left_out(count: int) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": __name__,
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": f"{count} log lines were left out: what reads the log was too slow",
            "here": here(),
        }
    )
