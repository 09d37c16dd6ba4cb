"""Reading what a client sends without ever holding more than was allowed."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from ringback.web.errors import Refusal
from ringback.web.patience import reader
from ringback.words import say_size

CHUNK = 64 * 1024


class CappedStream(io.RawIOBase):
    """The request's body, ending where it ends, refusing to go past `limit` bytes.

    `receive` gives at most so many bytes, `b""` only at the end. Raises `Refusal` 413 when more arrives, 400 when the
    sender hangs up before the promised length.
    """

    def __init__(
        self, receive: Callable[[int], bytes], length: int | None, limit: int, where: str
    ) -> None:
        self._receive = receive
        self._left = length
        self._room = limit
        self._limit = limit
        self._where = where

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """`size` bytes, fewer only at the end. A negative size reads to the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        whole = self._piece(size)
        if 0 < len(whole) < size and self._left != 0:
            pieces, room = [whole], size - len(whole)
            while room and (piece := self._piece(room)):
                pieces.append(piece)
                room -= len(piece)
            whole = b"".join(pieces)
        return whole

    def _piece(self, size: int) -> bytes:
        if self._left is not None:
            size = min(size, self._left)
        if size == 0:
            return b""
        piece = self._receive(size)
        if not piece and self._left:
            raise Refusal(
                400,
                "cut_short",
                f"The body ended {say_size(self._left)} before its Content-Length.",
                "Send it again.",
                self._where,
            )
        if self._left is not None:
            self._left -= len(piece)
        self._room -= len(piece)
        if self._room < 0:
            raise too_large(self._limit, self._where)
        return piece


class Rejoined(io.RawIOBase):
    """A stream whose first bytes were already looked at, whole again."""

    def __init__(self, head: bytes, rest: BinaryIO | io.RawIOBase) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._rest.read(size) or b""


class Watched(io.RawIOBase):
    """A stream that raises what `refuse` makes once more than `limit` bytes have gone through."""

    def __init__(self, stream: io.RawIOBase, limit: int, refuse: Callable[[], Exception]) -> None:
        self._stream = stream
        self._room = limit
        self._refuse = refuse

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        piece = self._stream.read(size) or b""
        self._room -= len(piece)
        if self._room < 0:
            raise self._refuse()
        return piece


def open_body(environ: Mapping[str, Any], limit: int, where: str) -> CappedStream:
    """The body of a WSGI request, capped; a Content-Length over the limit is refused unread.

    Raises `Refusal` 413, or 400 for a Content-Length that is not a number.
    """
    length = content_length(environ, where)
    if length is not None and length > limit:
        raise too_large(limit, where)
    if length is None and not environ.get("wsgi.input_terminated"):
        length = 0  # PEP 3333: without either, reading on could wait for ever
    return CappedStream(reader(environ, where), length, limit, where)


def content_length(environ: Mapping[str, Any], where: str) -> int | None:
    """The promised length in bytes, or None for a chunked body. Raises `Refusal` 400."""
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", ""):
        return None
    text = environ.get("CONTENT_LENGTH", "")
    if not text:
        return 0 if environ["REQUEST_METHOD"] in ("GET", "HEAD") else None
    if not text.isascii() or not text.isdigit():
        raise Refusal(
            400,
            "bad_request",
            "The Content-Length is not a number.",
            "Send the body's length in bytes.",
            where,
        )
    return int(text)


def read_all(stream: io.RawIOBase) -> bytes:
    """The rest of the stream."""
    first = stream.read(CHUNK) or b""
    if len(first) < CHUNK:
        second = stream.read(CHUNK) or b""
        if not second:
            return first
        first += second
    return first + (stream.read(-1) or b"")


def too_large(limit: int, where: str) -> Refusal:
    """The refusal of a body over its cap."""
    return Refusal(
        413,
        "too_large",
        f"The request is larger than the {say_size(limit)} that this address takes.",
        "Send less at once, or raise max_body (of this webhook, or under serve in ringback.yaml).",
        where,
    )
