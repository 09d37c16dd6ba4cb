"""The files that phones send along with their texts: kept a while, under addresses nobody guesses."""

from __future__ import annotations

import base64
import mimetypes
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ringback.connectors.callbacks import Media
from ringback.connectors.transport import Answer, Call

PATH = "/rehearsal/media/"
KEPT = 50


@dataclass(frozen=True, slots=True)
class File:
    """One file: its bytes, what it is, and who may have it."""

    content: bytes
    content_type: str
    shown_to: Callable[[Call], bool]


class Shelf:
    """The last files; used from several threads."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}
        self._lock = threading.Lock()

    def add(
        self,
        origin: str,
        name: str,
        content: bytes,
        content_type: str = "",
        shown_to: Callable[[Call], bool] = lambda _call: True,
    ) -> Media:
        """Keep a file, found under `origin` (http://host) from now on, by calls that `shown_to` lets pass.

        What it is follows from its name where no content type is given.
        """
        kind = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        token = secrets.token_urlsafe(9)
        with self._lock:
            self._files[token] = File(content, kind, shown_to)
            if len(self._files) > KEPT:
                del self._files[next(iter(self._files))]
        last = name.rpartition("/")[2] or "file"
        url = f"{origin}{PATH}{token}/{quote(last, safe='')}"
        return Media(url, kind, base64.b64encode(content).decode(), last)

    def answer(self, call: Call) -> Answer:
        """The answer to a call for a file: the file, 401 without the credentials, or 404."""
        token = urlsplit(call.url).path.removeprefix(PATH).partition("/")[0]
        with self._lock:
            found = self._files.get(token)
        if found is None:
            return Answer(404, {"content-type": "text/plain"}, b"There is no such file (any more).")
        if not found.shown_to(call):
            said = b"Only whoever has the connection's credentials may fetch this."
            return Answer(401, {"content-type": "text/plain"}, said)
        return Answer(200, {"content-type": found.content_type}, found.content)
