"""All that a connector's Python may import.

An action that is not a declarative `request` is a function in `<action>.py` of the connector's folder:

    def extract(inputs: dict[str, Any], context: Context) -> dict[str, Any]

`inputs` are the step's `with` values, templates filled in and defaults applied, already valid against the
manifest's input schema. The result is a JSON-able dict and becomes the step's output. What goes wrong is
raised as `Failure`.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypedDict

from ringback.problems import CODES, Failure

__all__ = ["CODES", "Context", "Failure", "File", "Reply"]


class File(TypedDict):
    """A stored file as workflows and actions see it; the bytes are reached through `Context`.

    `size` is in bytes, `media_type` is what the bytes were recognised as (not what a sender claimed),
    `sha256` is lower-case hex and names the content.
    """

    name: str
    size: int
    media_type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to an HTTP call: `status` as it came (no status is an error here), `headers` with lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""

    @property
    def media_type(self) -> str:
        """`application/json` of `application/json; charset=utf-8`, lower-case; empty when the answer names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, in the charset that the answer names, else UTF-8; what does not decode is replaced."""
        header = Message()
        header["content-type"] = self.headers.get("content-type", "text/plain")
        charset = header.get_content_charset("utf-8")
        try:
            return self.body.decode(charset, "replace")
        except LookupError:  # a charset that Python does not know
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body read as JSON. Raises `ValueError` where it is not JSON."""
        return jsonlib.loads(self.body)


class Context(Protocol):
    """What an action is given besides its inputs."""

    project: Mapping[str, Any]
    """The project's own facts: `country` (ISO 3166, `GB`), `locale` (`en-GB`), `timezone`, and what an operator added."""

    settings: Mapping[str, Any]
    """The connection's settings, secrets included; empty for a connector that has none. Never put one in a result."""

    idempotency_key: str
    """The same for every attempt of this step in this run, and for no other step."""

    def now(self) -> datetime:
        """The present, aware, in UTC; a rehearsal may run on a simulated clock."""
        ...

    def path(self, file: File) -> Path:
        """Where the bytes of a stored file lie. Read only. Raises `Failure("not_found")`."""
        ...

    def save(self, name: str, content: bytes | BinaryIO, media_type: str) -> File:
        """Store a file that the action made; it lives as long as the run."""
        ...

    def log(self, message: str, **facts: Any) -> None:
        """Add a line to the run's story; secrets are masked."""
        ...

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        body: bytes | str | None = None,
        timeout_ms: int | None = None,
        allow_redirects: bool = True,
    ) -> Reply:
        """Call an address over HTTP; any status is an answer.

        `params` are added to the address's query; of `json`, `form` and `body` at most one is given. Private and
        link-local addresses are refused unless the project allows them, on redirects too.
        Raises `Failure`: `blocked_address`, `unreachable` (known not to have arrived), `no_answer` (it may have).
        """
        ...
