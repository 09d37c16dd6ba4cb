"""What the checks look at, put together once; tests give their own network."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringback.clock import Clock, SystemClock
from ringback.connectors import values
from ringback.connectors.catalogue import Catalogue
from ringback.connectors.manifest import Manifest
from ringback.connectors.transport import Sender, Transport
from ringback.journal.holders import Holder
from ringback.settings import Connection, Settings


def resolve(host: str) -> list[str]:
    """The addresses of a host. Raises OSError."""
    return sorted({str(one[4][0]) for one in socket.getaddrinfo(host, None)})


@dataclass
class Patient:
    """One project's set-up. `holders` are the processes that the journal says are alive.

    `answers` keeps when the other sides say it is: (place, their Date header, our clock in ms).
    """

    folder: Path
    environ: Mapping[str, str]
    catalogue: Catalogue
    settings: Settings
    transport: Sender = field(default_factory=Transport)
    clock: Clock = field(default_factory=SystemClock)
    resolve: Callable[[str], list[str]] = resolve
    holders: list[Holder] = field(default_factory=list)
    dates: list[tuple[str, str, int]] = field(default_factory=list)

    def connections(self) -> list[tuple[Connection, Manifest, Mapping[str, Any]]]:
        """The connections that can be used, with their connector and settings; a check of its own tells of the others."""
        found: list[tuple[Connection, Manifest, Mapping[str, Any]]] = []
        for connection in self.settings.connections.values():
            manifest = self.catalogue.connectors.get(connection.uses)
            if manifest is not None and not values.mistakes(manifest.settings, connection.settings):
                settings = values.with_defaults(manifest.settings, connection.settings)
                found.append((connection, manifest, settings))
        return found

    def saw(self, place: str, headers: Mapping[str, str]) -> None:
        """Remember what time an answer says it is."""
        if headers.get("date"):
            self.dates.append((place, headers["date"], self.clock.now_ms()))
