"""A project's settings as the program sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """How many messages a connection may take: within any second or minute, and in a day or month of the project's calendar."""

    per_second: int | None = None
    per_minute: int | None = None
    per_day: int | None = None
    per_month: int | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What the operator pays for each `per`: a `segment` or a `message`."""

    per: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A connector with one operator's settings; `settings` hold secrets and are never shown unmasked."""

    name: str
    uses: str
    settings: Mapping[str, Any] = field(repr=False)
    limits: Limits = Limits()
    prices: Prices | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of the day, in minutes since midnight; it goes over midnight where `ends` is not after `begins`."""

    begins: int
    ends: int


ANSWERS: Mapping[str, str] = {
    "stop": "You will get no more texts from {{ project.name or 'us' }}. Text START to get them again.",
    "start": "You will get texts from {{ project.name or 'us' }} again. Text STOP to end them.",
    "help": "Texts from {{ project.name or 'us' }}. Text STOP to get no more of them.",
}
"""What STOP, START and HELP are answered with, unless the project says otherwise."""


@dataclass(frozen=True, slots=True)
class MessageRules:
    """What holds for every message of a project. `answers` are templates by word; an empty one is not sent."""

    repeat_window_ms: int = 600_000
    silence_ms: int = 3 * 86_400_000
    quiet_hours: QuietHours | None = None
    plain_quotes: bool = False
    answers: Mapping[str, str] = field(default_factory=lambda: dict(ANSWERS))


@dataclass(frozen=True, slots=True)
class WorkflowSettings:
    """What ringback.yaml says of one workflow; `enabled` None leaves it to the workflow's own word."""

    inputs: Mapping[str, Any]
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """One project's settings. Sizes are bytes, `keep_ms` milliseconds, paths absolute.

    `secrets` are the file's own (API tokens, hook secrets); which settings of a connection are secret its
    connector's manifest says.
    """

    folder: Path
    project: Mapping[str, Any]
    connections: Mapping[str, Connection]
    workflows: Mapping[str, WorkflowSettings]
    send_through: tuple[str, ...]
    public_url: str
    host: str
    port: int
    workers: int
    max_body: int
    max_file: int
    journal_path: Path
    files_folder: Path
    keep_ms: int
    api_tokens: tuple[str, ...] = field(repr=False)
    hook_secrets: Mapping[str, tuple[str, ...]] = field(repr=False)
    allow_private: tuple[str, ...]
    secrets: frozenset[str] = field(repr=False)
    messages: MessageRules = MessageRules()
