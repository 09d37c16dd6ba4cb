"""A small load generator: keep-alive connections on loopback, one request in flight on each."""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Result:
    """What came back. `seconds` from the first byte sent to the last answer read; `answers` in order of arrival."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    answers: list[bytes] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / self.seconds


def request(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """One POST as it goes over the wire."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def whole(data: bytes) -> bool:
    """Whether a whole answer has been read."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return b"chunked" not in head.lower() or body.endswith(b"0\r\n\r\n")


def burst(port: int, requests: list[bytes], connections: int = 32) -> Result:
    """Send all requests, `connections` at a time, and read every answer. Raises ConnectionError when one is cut off."""
    selector = selectors.DefaultSelector()
    waiting = iter(requests)
    result = Result()
    held: dict[socket.socket, bytes] = {}
    started = time.perf_counter()
    for _ in range(min(connections, len(requests))):
        client = socket.create_connection(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(client, selectors.EVENT_READ)
        held[client] = b""
        client.sendall(next(waiting))
    while held:
        for key, _ in selector.select():
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            data = ready.recv(65536)
            if not data:
                raise ConnectionError("the server closed a connection before its answer")
            held[ready] += data
            if not whole(held[ready]):
                continue
            result.answers.append(held[ready])
            result.statuses[int(held[ready][9:12])] += 1
            held[ready] = b""
            following = next(waiting, None)
            if following is None:
                selector.unregister(ready)
                ready.close()
                del held[ready]
            else:
                ready.sendall(following)
    result.seconds = time.perf_counter() - started
    return result
