"""One request and its answer over an open connection.

What nearly every gateway answers (HTTP/1.1, its length said, not packed) is read in one go. Any other answer is left to
`http.client` and urllib3, which read it from its first byte.
"""

from __future__ import annotations

import errno
import io
import re
import socket
import time
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any, NamedTuple

import urllib3
from urllib3 import exceptions as broken

from ringback.problems import Failure

_CHUNK = 65_536
_LARGEST_IN_ONE = 65_536
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "TRACE", "OPTIONS", "CONNECT"})
_NOT_IN_METHOD = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NAME = re.compile(rb"[^:\s][^:\r\n]*")
_LINE_ENDS = re.compile(rb"\n(?![ \t])|\r(?![ \t\n])")
_STATUS = re.compile(r"HTTP/1\.1 ([2-5]\d\d)(?: [ -~]*)?")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([ -~]*)")
_BODILESS = (204, 304)
_ONCE = frozenset({"content-length", "connection", "transfer-encoding", "content-encoding"})
_SENT_ALL_THE_SAME = (errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE)


class Asked(NamedTuple):
    """What is to be known of a request while its answer is read; `ends_at` is by `time.monotonic`."""

    host: str
    method: str
    ends_at: float
    max_answer: int


class Received(NamedTuple):
    """An answer, unpacked; `headers` have lower-case names. `stays`: the connection is good for another request."""

    status: int
    headers: dict[str, str]
    body: bytes
    stays: bool


def written(
    method: str, target: str, host: str, headers: Mapping[str, str], body: bytes | None
) -> list[bytes]:
    """A request as it goes over the wire, in as few pieces as it is sent in. Raises ValueError for what cannot be written."""
    found = _NOT_IN_METHOD.search(method)
    if found:
        raise ValueError(
            f"Method cannot contain non-token characters {method!r} (found at least {found[0]!r})"
        )
    named = {name.lower() for name in headers}
    lines = [f"{method} {target} HTTP/1.1".encode("ascii")]
    if "host" not in named:
        lines.append(f"Host: {host}".encode("ascii"))
    if "content-length" not in named:
        if "transfer-encoding" in named:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        elif body is not None or method.upper() not in _WITHOUT_BODY:
            lines.append(b"Content-Length: %d" % len(body or b""))
    lines += [
        _field(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()
    ]
    head = b"\r\n".join((*lines, b"", b""))
    if body and len(body) > _LARGEST_IN_ONE:
        return [head, body]
    return [head + body if body else head]


def _field(name: bytes, value: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(f"Invalid header name {name!r}")
    if _LINE_ENDS.search(value):
        raise ValueError(f"Invalid header value {value!r}")
    return b"%b: %b" % (name, value)


def exchange(sock: socket.socket, pieces: list[bytes], asked: Asked, left: float) -> Received:
    """Send a request and read its answer within `left` seconds.

    Raises `Failure` for an answer that is too large or too slow, TimeoutError for none, and urllib3's and `http.client`'s
    errors, OSError and ValueError for a connection that breaks or an answer that is none.
    """
    began = time.monotonic()
    _send(sock, pieces)
    left -= time.monotonic() - began
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)
    first = sock.recv(_CHUNK)
    return _usual(sock, first, asked) or _unusual(sock, first, asked)


def _send(sock: socket.socket, pieces: list[bytes]) -> None:
    try:
        for piece in pieces:
            sock.sendall(piece)
    except OSError as error:
        # who closes early may have answered before, and that can still be read
        if error.errno not in _SENT_ALL_THE_SAME:
            raise broken.ProtocolError("Connection aborted.", error) from error


def _usual(sock: socket.socket, first: bytes, asked: Asked) -> Received | None:
    """The answer where it is of the usual shape and its head has come whole, else None; then no more was read."""
    head, end, rest = first.partition(b"\r\n\r\n")
    if not end or asked.method == "HEAD":
        return None
    start, *fields = head.decode("latin-1").split("\r\n")
    status = _STATUS.fullmatch(start)
    headers = _fields(fields)
    if status is None or headers is None or int(status[1]) in _BODILESS:
        return None
    length = _length(headers)
    if length is None or len(rest) > length or length > asked.max_answer:
        return None
    body = rest if len(rest) == length else _rest(sock, rest, length, asked)
    stays = "close" not in headers.get("connection", "").lower()
    return Received(int(status[1]), headers, body, stays)


def _fields(lines: list[str]) -> dict[str, str] | None:
    """Headers by lower-case name, of several the last; None where they are to be read with more care."""
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name = field[1].lower()
        if name in headers and name in _ONCE:
            return None
        headers[name] = field[2].rstrip(" ")
    return headers


def _length(headers: Mapping[str, str]) -> int | None:
    """The length that the headers say plainly; None where the body is packed, in chunks, or ends with the connection."""
    said = headers.get("content-length", "")
    if "transfer-encoding" in headers or "content-encoding" in headers:
        return None
    return int(said) if said.isdigit() and len(said) < 12 else None


def _rest(sock: socket.socket, come: bytes, length: int, asked: Asked) -> bytes:
    kept = bytearray(come)
    while len(kept) < length:
        chunk = sock.recv(min(_CHUNK, length - len(kept)))
        if not chunk:
            raise broken.ProtocolError("Connection broken: the answer is not whole.")
        kept += chunk
        # what is all there counts, however late we come to read it: this process may have stood still
        if len(kept) < length and time.monotonic() > asked.ends_at:
            raise _too_slow(asked)
    return bytes(kept)


def _unusual(sock: socket.socket, first: bytes, asked: Asked) -> Received:
    """Any answer that there can be."""
    plain = HTTPResponse(_Begun(sock, first), method=asked.method)  # type: ignore[arg-type]
    plain.begin()
    answer = urllib3.HTTPResponse(
        body=plain,
        headers=urllib3.HTTPHeaderDict(plain.msg.items()),
        status=plain.status,
        preload_content=False,
        original_response=plain,
        request_method=asked.method,
    )
    body = _unpacked(answer, asked)
    headers = {name.lower(): value.strip(" \t") for name, value in answer.headers.items()}
    return Received(answer.status, headers, body, not plain.will_close)


def _unpacked(answer: urllib3.HTTPResponse, asked: Asked) -> bytes:
    kept = bytearray()
    while chunk := answer.read1(_CHUNK, decode_content=True):
        kept += chunk
        if len(kept) > asked.max_answer:
            raise Failure(
                "no_answer", f"{asked.host} answered with more than {asked.max_answer:,} bytes."
            )
        if time.monotonic() > asked.ends_at and answer.length_remaining != 0:
            raise _too_slow(asked)
    return bytes(kept)


def _too_slow(asked: Asked) -> Failure:
    return Failure("no_answer", f"{asked.host} did not finish its answer in time.")


class _Begun:
    """A socket of which some was read before, as `http.client` asks for one."""

    def __init__(self, sock: socket.socket, first: bytes) -> None:
        self._stream = _Stream(sock, first)

    def makefile(self, _mode: str) -> Any:
        return io.BufferedReader(self._stream)


class _Stream(io.RawIOBase):
    def __init__(self, sock: socket.socket, first: bytes) -> None:
        self._sock = sock
        self._first = first

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        if not self._first:
            return self._sock.recv_into(into)
        some, self._first = self._first[: len(into)], self._first[len(into) :]
        into[: len(some)] = some
        return len(some)
