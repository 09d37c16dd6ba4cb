"""All that a connector's Python may import.

An action that is not a declarative `request` is a function in `<action>.py` of the connector's folder:

    def extract(inputs: dict[str, Any], context: Context) -> dict[str, Any]

`inputs` are the step's `with` values, templates filled in and defaults applied, already valid against the
manifest's input schema. The result is a JSON-able dict and becomes the step's output. What goes wrong is
raised as `Failure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypedDict

from ringback.problems import CODES, Failure

__all__ = ["CODES", "Context", "Failure", "File"]


class File(TypedDict):
    """A stored file as workflows and actions see it; the bytes are reached through `Context`.

    `size` is in bytes, `media_type` is what the bytes were recognised as (not what a sender claimed),
    `sha256` is lower-case hex and names the content.
    """

    name: str
    size: int
    media_type: str
    sha256: str


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
