"""Patience with senders whose bodies come slowly: each holds a thread while it is waited for.

A sender is behind by the time that it was waited for, less what its bytes have earned since, at `_RATE` bytes a
second. Who is too far behind is answered 408 from here, on the thread that watches; the server underneath then
closes the connection, and the read that waits returns. The figures are those of Apache's mod_reqtimeout
(`RequestReadTimeout body=20,MinRate=500`), https://httpd.apache.org/docs/2.4/mod/mod_reqtimeout.html. What was
sent fast in the beginning earns no right to be slow later, and while many threads wait there is less patience.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ringback.observe.metrics import Metrics
from ringback.web.errors import Refusal

log = logging.getLogger("ringback.web.patience")

PIECE = 4096
"""Bytes asked of the server at once. It returns only when all of them are there, so nothing finer is seen."""
_RATE = 500
_BEHIND_S = 20.0
_BEHIND_PRESSED_S = 3.0
_LOOK_EVERY_S = 0.5
_TO_LEAVE_S = 0.002
"""So long an answer has to leave before its end closes the connection; mostly it does, and no more is promised."""
_KEY = "ringback.patience"
_PROTOCOL = "ringback.protocol"


class Reading:
    """One body that is waited for. `cut` once it was given up: what came of it is not the whole of it."""

    __slots__ = ("_behind", "_since", "_tell", "came", "cut", "where")

    def __init__(self, where: str, tell: Callable[[int, Any, Any], Any]) -> None:
        self.where = where
        self.came = 0
        self.cut = False
        self._tell = tell
        self._behind = 0.0
        self._since = 0.0

    def wait(self) -> None:
        """The next piece is waited for from now on."""
        self._since = time.monotonic()

    def got(self, size: int) -> None:
        """So many bytes of it came."""
        self.came += size
        self._behind = max(0.0, self.behind(time.monotonic()) - size / _RATE)

    def behind(self, now: float) -> float:
        """By how many seconds of waiting its sender is behind."""
        return self._behind + now - self._since

    def give_up(self) -> None:
        """Answer the sender, which ends the wait for it."""
        error = json.dumps({"error": too_slow(self.where).as_json()}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(error) + 1))]
        self._tell(408, headers, _BrokenOff(error))


class _BrokenOff:
    """An answer that ends one byte, the end of its line, before the length it promised.

    After a whole answer hyper goes on reading the request, for as long as somebody waits for its body.
    """

    def __init__(self, body: bytes) -> None:
        self._rest = [body]

    def __next__(self) -> bytes:
        if not self._rest:
            threading.Event().wait(_TO_LEAVE_S)
            raise StopIteration
        return self._rest.pop()

    def close(self) -> None:
        pass


class Patience:
    """Watches the bodies that `threads` threads wait for."""

    def __init__(self, threads: int, metrics: Metrics) -> None:
        self._threads = threads
        self._metrics = metrics
        self._waited_for: dict[Reading, None] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ringback-patience", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End watching."""
        self._stop.set()
        self._thread.join()

    def watching(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """The WSGI application, its bodies watched."""

        def watched(environ: dict[str, Any], start: Any) -> Any:
            environ[_KEY] = self
            return app(environ, start)

        return watched

    def read(self, reading: Reading, stream: Any, size: int) -> bytes:
        """Read a piece of a body, of `size` bytes unless it ends before. Raises `Refusal` 408 when it was given up."""
        if reading.cut:
            raise too_slow(reading.where)
        reading.wait()
        self._waited_for[reading] = None
        try:
            piece: bytes = stream.read(size)
        finally:
            reading.cut = not self._no_more(reading)
        if reading.cut:
            raise too_slow(reading.where)
        reading.got(len(piece))
        return piece

    def _no_more(self, reading: Reading) -> bool:
        """It is not waited for any longer. True for the first who says so, so that a body is either had or given up."""
        return self._waited_for.pop(reading, self) is None

    def look(self, now: float) -> int:
        """Give up who is too far behind, the slowest first; how many that were."""
        waited_for = sorted(self._waited_for, key=lambda one: one.behind(now), reverse=True)
        spare = len(waited_for) - self._threads // 2
        given_up = 0
        for at, one in enumerate(waited_for):
            patience = _BEHIND_PRESSED_S if at < spare else _BEHIND_S
            if one.behind(now) <= patience:
                break
            if self._no_more(one):
                one.give_up()
                given_up += 1
        if given_up:
            self._metrics.count("slow_bodies", by=given_up)
            log.warning(
                "gave up %d of %d bodies that were waited for: they came too slowly (fewer than %d bytes a second)",
                given_up, len(waited_for), _RATE,
            )  # fmt: skip
        return given_up

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            try:
                self.look(time.monotonic())
            except Exception:
                log.exception("slow bodies could not be looked for; it is tried again")


def with_protocol(wrap: Callable[..., Callable[..., Any]]) -> Callable[..., Callable[..., Any]]:
    """Granian's own wrapper of a WSGI application, which lets the application answer from another thread as well.

    `WSGIProtocol` takes the first answer it is given and leaves out any other.
    """

    def wrapped(*args: Any, **kwargs: Any) -> Callable[..., Any]:
        run = wrap(*args, **kwargs)

        def call(protocol: Any, scope: dict[str, Any]) -> Any:
            scope[_PROTOCOL] = protocol
            return run(protocol, scope)

        return call

    return wrapped


def reader(environ: Mapping[str, Any], where: str) -> Callable[[int], bytes]:
    """What reads the body of a request: watched where it came through a server that watches."""
    stream, patience = environ["wsgi.input"], environ.get(_KEY)
    if patience is None:
        plain: Callable[[int], bytes] = stream.read
        return plain
    reading = Reading(where, environ[_PROTOCOL].response_iter)
    return lambda size: patience.read(reading, stream, min(size, PIECE))


def too_slow(where: str) -> Refusal:
    """The refusal of a body that was given up."""
    return Refusal(
        408,
        "timed_out",
        "The body came too slowly, and was given up.",
        "Send it again.",
        where,
    )
