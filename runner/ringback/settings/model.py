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
    """What the operator pays for each `per`: a `segment` or a `message`.

    `countries` are the amounts of countries (`FR`) and prefixes (`+4479`) that cost otherwise.
    """

    per: str
    amount: Decimal
    currency: str
    countries: Mapping[str, Decimal] = field(default_factory=dict)


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
class LogRules:
    """How the log is written: `form` text or json, from `level` up, phone numbers whole or shortened."""

    form: str = "text"
    level: str = "INFO"
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """Where runs are advanced: `local`, by threads of the process that serves, or `celery`, by workers anywhere.

    `broker` is the address of Redis or RabbitMQ and may hold a password; `queue` is the queue's name there.
    """

    where: str = "local"
    broker: str = field(default="", repr=False)
    queue: str = "ringback"


@dataclass(frozen=True, slots=True)
class FilesAt:
    """Storage that several machines share without a folder: a URL for fsspec, and its options, which may be secret."""

    url: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class WorkflowSettings:
    """What ringback.yaml says of one workflow; `enabled` None leaves it to the workflow's own word."""

    inputs: Mapping[str, Any]
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Locks:
    """Who is believed, for how long, and what is kept of it. Times are milliseconds.

    `trusted_proxies` are networks whose word on a caller's address counts; `secret_keys` open the secrets that
    the journal keeps, the first of them locks new ones; `kept_secrets` are the names of those that
    ringback.yaml refers to.
    """

    trusted_proxies: tuple[str, ...] = ()
    session_idle_ms: int = 30 * 60_000
    session_longest_ms: int = 12 * 3_600_000
    audit_keep_ms: int = 730 * 86_400_000
    secret_keys: tuple[str, ...] = field(default=(), repr=False)
    kept_secrets: frozenset[str] = frozenset()


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
    log: LogRules = LogRules()
    work: Work = Work()
    files_at: FilesAt | None = None
    locks: Locks = Locks()
    journal_url: str = field(default="", repr=False)

    @property
    def journal(self) -> Path | str:
        """Where the journal is kept: the address of a database, which holds its password, else a file."""
        return self.journal_url or self.journal_path
