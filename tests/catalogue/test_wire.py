from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException

import pytest
from urllib3.exceptions import HTTPError

from ringback.connectors import wire
from ringback.problems import Failure

ASKED = wire.Asked("sms.example", "POST", time.monotonic() + 3600, 1000)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def answered(
    ends: tuple[socket.socket, socket.socket], *parts: bytes, asked: wire.Asked = ASKED
) -> wire.Received:
    """What is read of an answer that comes in parts, after which the other side says no more."""
    ours, theirs = ends

    def answer() -> None:
        theirs.recv(65536)
        for part in parts:
            theirs.sendall(part)
            time.sleep(0.002 if len(parts) > 1 else 0)
        theirs.shutdown(socket.SHUT_WR)

    other = threading.Thread(target=answer)
    other.start()
    try:
        return wire.exchange(ours, [b"POST / HTTP/1.1\r\n\r\n"], asked, 5)
    finally:
        other.join()


PACKED = gzip.compress(b"hello", mtime=0)
SAME = {
    "usual": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "to the end": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nhello",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
    "packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX-A: 1\r\nContent-Length: %d\r\n\r\n%b"
    % (len(PACKED), PACKED),
    "said twice": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
    "last counts": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 0\r\nX-A: 1\r\n\r\nhello",
    "folded": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-B: 2\r\n 3\r\nX-A: 1\r\n\r\nhello",
    "spaces": b"HTTP/1.1 200 OK\r\nContent-Length: 5 \r\nX-A:   1 \r\n\r\nhello",
    "bare line ends": b"HTTP/1.1 200 OK\nContent-Length: 5\nX-A: 1\n\nhello",
    "go on": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
}


@pytest.mark.parametrize("answer", SAME.values(), ids=SAME)
@pytest.mark.parametrize("cut", [None, 4, 20, -2])
def test_an_answer_is_the_same_however_it_is_written_and_comes(
    ends: tuple[socket.socket, socket.socket], answer: bytes, cut: int | None
) -> None:
    parts = [answer] if cut is None else [answer[:cut], answer[cut:]]
    got = answered(ends, *parts)
    assert (got.status, got.body, got.headers["x-a"]) == (200, b"hello", "1")


@pytest.mark.parametrize(
    ("answer", "stays"),
    [
        (SAME["usual"], True),
        (SAME["in chunks"], True),
        (SAME["packed"], True),
        (SAME["to the end"], False),
        (SAME["old"], False),
        (SAME["usual"].replace(b"X-A: 1", b"Connection: Close"), False),
        (SAME["usual"].replace(b"X-A: 1", b"Connection: keep-alive"), True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True),
    ],
)
def test_whether_a_connection_is_used_again(
    ends: tuple[socket.socket, socket.socket], answer: bytes, *, stays: bool
) -> None:
    assert answered(ends, answer).stays is stays


def test_a_head_has_no_body(ends: tuple[socket.socket, socket.socket]) -> None:
    got = answered(ends, SAME["usual"][:-5], asked=ASKED._replace(method="HEAD"))
    assert (got.body, got.headers["content-length"], got.stays) == (b"", "5", True)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HELLO\r\n\r\n",
        SAME["usual"][:-1],
        SAME["in chunks"][:-9],
        SAME["packed"][:-3],
        SAME["packed"][:-3] + b"xyz",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_an_answer_that_is_broken_off_or_is_none(
    ends: tuple[socket.socket, socket.socket], answer: bytes
) -> None:
    with pytest.raises((HTTPError, HTTPException)):
        answered(ends, answer)


@pytest.mark.parametrize("cut", [None, 20])
@pytest.mark.parametrize("name", ["usual", "in chunks", "packed", "to the end"])
def test_every_way_of_answering_has_the_cap(
    ends: tuple[socket.socket, socket.socket], name: str, cut: int | None
) -> None:
    parts = [SAME[name]] if cut is None else [SAME[name][:cut], SAME[name][cut:]]
    with pytest.raises(Failure, match="more than 4 bytes"):
        answered(ends, *parts, asked=ASKED._replace(max_answer=4))


def test_silence_is_a_timeout(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(TimeoutError):
        wire.exchange(ends[0], [b"GET / HTTP/1.1\r\n\r\n"], ASKED, 0.01)


def test_who_closes_before_all_was_sent_may_have_answered(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    theirs.sendall(SAME["usual"].replace(b"200 OK", b"413 Too Large"))
    theirs.close()
    assert wire.exchange(ours, [b"x" * 1_000_000], ASKED, 5).status == 413


def test_a_request_as_it_is_written() -> None:
    made = wire.written("POST", "/a?b", "sms.example", {"X-A": "é"}, b"body")
    assert made == [
        b"POST /a?b HTTP/1.1\r\nHost: sms.example\r\nContent-Length: 4\r\nX-A: \xe9\r\n\r\nbody"
    ]


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", None, None), ("POST", None, b"0"), ("DELETE", b"x", b"1"), ("PUT", b"", b"0")],
)
def test_a_request_says_its_length(method: str, body: bytes | None, length: bytes | None) -> None:
    lines = wire.written(method, "/", "x", {}, body)[0].split(b"\r\n")
    said = [line.partition(b": ")[2] for line in lines if line.startswith(b"Content-Length")]
    assert said == ([] if length is None else [length])


def test_what_the_caller_says_himself_is_not_said_twice() -> None:
    headers = {"host": "other.example", "content-length": "4"}
    [made] = wire.written("POST", "/", "sms.example", headers, b"body")
    assert made.lower().count(b"host:") == made.lower().count(b"content-length:") == 1
    [made] = wire.written("POST", "/", "x", {"Transfer-Encoding": "chunked"}, b"body")
    assert made.endswith(b"\r\n\r\n4\r\nbody\r\n0\r\n\r\n")


def test_a_large_body_is_not_copied() -> None:
    body = b"x" * 100_000
    assert wire.written("POST", "/", "x", {}, body)[1] is body


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET /", {}),
        ("GET\r\n", {}),
        ("GET", {"X": "a\r\nY: b"}),
        ("GET", {"X": "a\nY"}),
        ("GET", {"X: y\r\nZ": "a"}),
        ("GET", {" X": "a"}),
        ("GET", {"": "a"}),
        ("GET", {"é": "a"}),
        ("GET", {"X": "日"}),
    ],
)
def test_what_cannot_be_written(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each in Python's own words
        wire.written(method, "/", "x", headers, None)
