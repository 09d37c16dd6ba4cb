"""What /metrics tells: counted here as it happens, or read from the journal when asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from ringback.journal.journal import Journal
from ringback.journal.schema import messages, runs

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_FRESH_SECONDS = 15.0
COUNTED = {
    "receipts": "Webhooks answered with a receipt.",
    "refused_webhooks": "Webhooks that were not taken, by the code of the error.",
    "callbacks": "What gateways called back with, by kind: report, inbound or ping.",
    "reports": "Delivery reports by the status they gave.",
    "refused_callbacks": "Callbacks that failed verification or could not be read.",
}
"""What each counter counts, by its name after `ringback_`."""


class Metrics:
    """The figures of one app, in a registry of their own."""

    def __init__(self, journal: Journal) -> None:
        self.registry = CollectorRegistry()
        self.receipts = self._counter("receipts", "workflow", "duplicate")
        self.refused_hooks = self._counter("refused_webhooks", "code")
        self.callbacks = self._counter("callbacks", "connection", "kind")
        self.reports = self._counter("reports", "connection", "status")
        self.refused_callbacks = self._counter("refused_callbacks", "connection")
        self.seconds = Histogram(
            "ringback_request_seconds",
            "Time from a request's arrival to its answer, by door.",
            ["door"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        started = Gauge(
            "ringback_start_time_seconds",
            "When this process started, in seconds since the epoch.",
            registry=self.registry,
        )
        started.set(time.time())
        self.registry.register(_FromJournal(journal))

    def _counter(self, name: str, *labels: str) -> Counter:
        return Counter(f"ringback_{name}", COUNTED[name], labels, registry=self.registry)


class _FromJournal(Collector):
    """Counts that the journal knows; kept for some seconds, since a scrape must not weigh on the work."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._until = 0.0
        self._kept: tuple[list[Any], list[Any]] = ([], [])

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        states, sends = self._counts()
        by_state = GaugeMetricFamily(
            "ringback_runs", "Runs in the journal by state.", labels=["state"]
        )
        for state, count in states:
            by_state.add_metric([state], count)
        yield by_state
        by_status = GaugeMetricFamily(
            "ringback_messages",
            "Messages in the journal by direction, connection and status.",
            labels=["direction", "connection", "status"],
        )
        for direction, connection, status, count in sends:
            by_status.add_metric([direction, connection, status], count)
        yield by_status

    def _counts(self) -> tuple[list[Any], list[Any]]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._kept = self._read()
                self._until = time.monotonic() + _FRESH_SECONDS
            return self._kept

    def _read(self) -> tuple[list[Any], list[Any]]:
        group = (messages.c.direction, messages.c.connection, messages.c.status)
        with self._journal.read() as connection:
            return (
                list(connection.execute(select(runs.c.state, func.count()).group_by(runs.c.state))),
                list(connection.execute(select(*group, func.count()).group_by(*group))),
            )
