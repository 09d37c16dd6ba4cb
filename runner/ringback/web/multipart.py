"""multipart/form-data, part by part: files go straight to the file store, fields stay small."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    Preamble,
)

from ringback.web.errors import Refusal
from ringback.web.streams import CHUNK

MAX_PARTS = 1000
MAX_FIELDS_BYTES = 2_000_000
"""All text fields of one request together; what is larger belongs in a file."""
_BUFFER = 1_000_000

StorePart = Callable[[str, str, io.RawIOBase], Any]
"""`(field name, file name, bytes) -> what was stored`, or None where the file was not taken."""


@dataclass(slots=True)
class Parts:
    """What a multipart body held: fields and files in order, names possibly repeated."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, Any]] = field(default_factory=list)


class _PartStream(io.RawIOBase):
    """The bytes of the part that the decoder is in; at its end the decoder stands before the next part."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._held = b""
        self._more = True

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        while not self._held and self._more:
            event = next(self._events)
            assert isinstance(event, Data)
            self._held, self._more = event.data, event.more_data
        piece, self._held = self._held[:size], self._held[size:]
        return piece

    def drain(self) -> None:
        """Skip what is left of the part."""
        while self.read(CHUNK):
            pass


def read_parts(stream: io.RawIOBase, boundary: str, store: StorePart, where: str) -> Parts:
    """Read a whole multipart body, handing each file to `store` while it arrives.

    Raises `Refusal` 400 when the body is not multipart or lacks its boundary, 413 when there are more than
    1,000 parts or 2 MB of text fields; what `store` and `stream` raise goes through.
    """
    if not boundary:
        raise _broken("the Content-Type names no boundary", where)
    parts, text_bytes = Parts(), 0
    events = _events(stream, boundary.encode("latin-1", "replace"), where)
    for event in events:
        if isinstance(event, File):
            body = _PartStream(events)
            # a form sends a file input that was left empty as a part with an empty file name
            taken = store(event.name or "", event.filename, body) if event.filename else None
            if taken is not None:
                parts.files.append((event.name or "", taken))
            body.drain()
        elif isinstance(event, Field):
            raw = _field(_PartStream(events), MAX_FIELDS_BYTES - text_bytes, where)
            text_bytes += len(raw)
            parts.fields.append((event.name or "", raw.decode("utf-8", "replace")))
    return parts


def _events(stream: io.RawIOBase, boundary: bytes, where: str) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary, max_form_memory_size=_BUFFER, max_parts=MAX_PARTS)
    try:
        while True:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                decoder.receive_data(stream.read(CHUNK) or None)
                continue
            if isinstance(event, Epilogue):
                return
            if not isinstance(event, Preamble):
                yield event
    except RequestEntityTooLarge:
        raise Refusal(
            413,
            "too_large",
            f"The form has more than {MAX_PARTS} parts, or a part whose head is too long.",
            "Send fewer parts.",
            where,
        ) from None
    except ValueError as error:
        raise _broken(str(error) or "it ends too early", where) from None


def _field(body: _PartStream, room: int, where: str) -> bytes:
    pieces: list[bytes] = []
    while piece := body.read(CHUNK):
        room -= len(piece)
        if room < 0:
            raise Refusal(
                413,
                "too_large",
                "The form's text fields are larger than 2 MB together.",
                "Send large content as a file.",
                where,
            )
        pieces.append(piece)
    return b"".join(pieces)


def _broken(why: str, where: str) -> Refusal:
    return Refusal(
        400,
        "invalid_multipart",
        f"The body is not multipart/form-data: {why}.",
        "Let your HTTP client write the Content-Type; it has to name the boundary.",
        where,
    )
