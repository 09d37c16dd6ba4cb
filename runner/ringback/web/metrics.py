"""What /metrics answers: what this process counted, and how the whole project stands by its journal."""

from __future__ import annotations

import errno
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ringback.engine import sending
from ringback.engine.runtime import Runtime
from ringback.journal.standing import Standing, database_bytes, standing
from ringback.observe.figures import FIGURES, NOT_TAKEN, PREFIX, REFUSALS
from ringback.problems import Failure

log = logging.getLogger("ringback.web.metrics")

FRESH_S = 5.0
"""For so long what was read from the journal is told again, whoever asks how often."""


def registry(runtime: Runtime) -> CollectorRegistry:
    """Everything that is told of a runtime: what its process counts, and how the project stands."""
    metrics, settings = runtime.metrics, runtime.settings
    if not metrics.complete:
        metrics.complete = True
        if not settings.journal_url:
            metrics.ask("disk_free_bytes", partial(_free, settings.journal_path), "journal")
        metrics.ask("disk_free_bytes", partial(_free, settings.files_folder), "files")
        metrics.ask("executor_waiting", runtime.executor.waiting)
        metrics.registry.register(_OfProject(runtime))
        _expect(runtime)
    return metrics.registry


def serve_metrics(runtime: Runtime, host: str, port: int) -> tuple[str, Callable[[], None]]:
    """Serve the figures of a process that has no doors, on a thread of its own.

    Returns the address, and what ends it. A port of 0 takes a free one. Raises `Failure("invalid_input")` where
    the address cannot be listened on.
    """
    try:
        server, thread = start_http_server(port, host, registry(runtime))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise Failure(
            "invalid_input",
            f"The figures cannot be served on {host}:{port}: "
            f"{'something else listens there' if taken else error.strerror or error}.",
            "Give another port, or stop the other program.",
        ) from error
    address = f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}/metrics"
    log.info("figures on %s", address)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return address, end


class _OfProject(Collector):
    """Read from the journal; kept for some seconds, since a scrape must not weigh on the work."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._until = 0.0
        self._kept: Standing | None = None

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        _expect(self._runtime)  # of workflows that were taken up since
        now = self._standing()
        ages = {state: age / 1000 for state, age in now.oldest_ms.items()}
        yield _gauge("runs", now.runs)
        yield _gauge("oldest_run_seconds", ages)
        yield _gauge("runs_due", {"": now.due})
        yield _gauge("overdue_seconds", {"": now.overdue_ms / 1000})
        yield _gauge("waits", now.waits)
        yield _gauge("unanswered_sends", now.unanswered)
        yield _gauge("holders", now.holders)
        yield _gauge("journal_bytes", self._sizes())

    def _standing(self) -> Standing:
        with self._lock:
            if self._kept is None or time.monotonic() >= self._until:
                now = self._runtime.clock.now_ms()
                self._kept = self._runtime.journal.look(lambda conn: standing(conn, now))
                self._until = time.monotonic() + FRESH_S
            return self._kept

    def _sizes(self) -> dict[str, int]:
        if self._runtime.journal.kind == "postgresql":
            size = self._runtime.journal.look(database_bytes)
            return {"database": size}
        path = self._runtime.settings.journal_path
        files = {"journal": path, "log": path.with_name(f"{path.name}-wal")}
        return {name: one.stat().st_size for name, one in files.items() if one.is_file()}


def _expect(runtime: Runtime) -> None:
    """Have the counters that alerts look at stand at 0 before there is anything to be alarmed about."""
    metrics = runtime.metrics
    for workflow in runtime.workflows.by_id:
        metrics.expect("runs_finished", workflow, "succeeded")
        metrics.expect("runs_finished", workflow, "failed")
    for gateway in sending.gateways(runtime):
        for outcome in ("accepted", *NOT_TAKEN):
            metrics.expect("sends", gateway, outcome)
        metrics.expect("callbacks", gateway, "report")
        for reason in REFUSALS:
            metrics.expect("refused_callbacks", gateway, reason)


def _gauge(name: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    figure = FIGURES[name]
    made = GaugeMetricFamily(PREFIX + name, figure.says, labels=figure.labels)
    for label, value in values.items():
        made.add_metric([label] if figure.labels else [], value)
    return made


def _free(place: Path) -> float:
    """Bytes free where a file or folder is, or will be."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return float(shutil.disk_usage(place).free)
