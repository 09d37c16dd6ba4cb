"""The figures of one process, counted as things happen."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.process_collector import ProcessCollector

from ringback import __version__
from ringback.observe.figures import FIGURES, PREFIX

F = TypeVar("F", Counter, Gauge, Histogram)

# start_time_seconds says the same once for all of them
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """See `figures.FIGURES` for what there is; those of the whole project are read from the journal instead."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.complete = False
        """Whether those of the whole project stand in the registry too."""
        ProcessCollector(registry=self.registry)
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        self._bound: dict[tuple[str, ...], Any] = {}
        for name, figure in FIGURES.items():
            if figure.of != "process":
                continue
            full, says, labels = PREFIX + name, figure.says, figure.labels
            if figure.kind == "counter":
                self._counters[name] = Counter(full, says, labels, registry=self.registry)
            elif figure.kind == "gauge":
                self._gauges[name] = Gauge(full, says, labels, registry=self.registry)
            else:
                self._histograms[name] = Histogram(
                    full, says, labels, buckets=figure.buckets, registry=self.registry
                )
        self.set("start_time_seconds", time.time())

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter; `labels` are the values, in the order of the table."""
        self._of(self._counters, name, labels).inc(by)

    def expect(self, name: str, *labels: str) -> None:
        """Tell a counter from 0 on: of one that appears with its first count, Prometheus never sees that count."""
        self._counters[name].labels(*labels)

    def observe(self, name: str, value: float, *labels: str) -> None:
        """One value of a histogram."""
        self._of(self._histograms, name, labels).observe(value)

    def set(self, name: str, value: float, *labels: str) -> None:
        """What a gauge stands at."""
        self._of(self._gauges, name, labels).set(value)

    def ask(self, name: str, value: Callable[[], float], *labels: str) -> None:
        """Let a gauge be asked when it is read."""
        self._of(self._gauges, name, labels).set_function(value)

    def _of(self, figures: Mapping[str, F], name: str, labels: tuple[str, ...]) -> F:
        """One figure with its labels; it is the same for ever, and looked up more often than anything else here."""
        key = (name, *labels)
        found: F | None = self._bound.get(key)
        if found is None:
            figure = figures[name]
            found = self._bound[key] = figure.labels(*labels) if labels else figure
        return found

    def committed(self, writes: int, seconds: float) -> None:
        """The journal has committed so many writes at once."""
        self.observe("journal_commit_seconds", seconds)
        self.observe("journal_batch_writes", writes)

    def built(self, journal: str) -> None:
        """Say what runs, on which kind of journal."""
        self.set("build_info", 1, __version__, platform.python_version(), journal)
