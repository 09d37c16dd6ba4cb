"""A gateway with moods. It writes down every text that it takes, so that what was sent twice can be counted."""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

PATIENCE_S = 1.0
"""How long the bench's connector waits for an answer (`stage.CONNECTOR`)."""


class Gateway:
    """Takes texts on loopback. `mood` is asked before each one for the name of what to do; see `MOODS`."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.moods: Counter[str] = Counter()
        self.mood: Callable[[], str] = lambda: "well"
        self._lock = threading.Lock()
        self._ended = threading.Event()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                mood = gateway.mood()
                gateway.meet(mood, said["message"])
                _answer(self, MOODS[mood].status)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """A runner that was killed hangs up on us: that is what we are here for."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def in_mood(self, *moods: str, seed: int = 1) -> Iterator[None]:
        """One of these for every text, by lot."""
        luck = random.Random(seed)
        self.mood = lambda: luck.choice(moods)
        try:
            yield
        finally:
            self.mood = lambda: "well"

    def twice(self) -> int:
        """Texts that were taken more than once."""
        return sum(count > 1 for count in self.taken.values())

    def meet(self, mood: str, text: str) -> None:
        """Write a text down, where it is taken, and be as slow as the mood is."""
        with self._lock:
            self.moods[mood] += 1
            self.taken[text] += MOODS[mood].takes
        self._ended.wait(MOODS[mood].waits_s)


class Mood(NamedTuple):
    """Whether the text is taken, how long the answer is in coming, and its status; 0 breaks the connection off."""

    takes: bool
    waits_s: float
    status: int


MOODS: dict[str, Mood] = {
    "well": Mood(True, 0, 200),
    "slow": Mood(True, PATIENCE_S / 2, 200),
    "late": Mood(True, PATIENCE_S * 1.5, 200),
    "hang": Mood(False, PATIENCE_S * 3, 0),
    "reset": Mood(False, 0, 0),
    "reset after taking": Mood(True, 0, 0),
    "500": Mood(False, 0, 500),
    "500 after taking": Mood(True, 0, 500),
    "503": Mood(False, 0, 503),
    "429": Mood(False, 0, 429),
}


def _answer(handler: BaseHTTPRequestHandler, status: int) -> None:
    if status == 0:
        handler.close_connection = True
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        return
    good = {"success": True, "message_id": str(time.time_ns())}
    raw = json.dumps(good if status == 200 else {"success": False, "error": "not now"}).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(raw)))
    handler.send_header("Content-Type", "application/json")
    if status == 429:
        handler.send_header("Retry-After", "1")
    handler.end_headers()
    handler.wfile.write(raw)
