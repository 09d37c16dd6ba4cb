"""Traces: one for each run, from its receipt over its steps to the calls it makes, wherever it is continued.

The program reports to `Traces`; unless OpenTelemetry's own variables ask for traces, that is `OFF`, which does nothing.
Nothing personal is told: names of workflows, actions and connections, ids of ours, states and codes; never
a number, a text, an address with its query, or what a failure says.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

log = logging.getLogger(__name__)

EXTRA = "pip install 'ringback[otel]'"
TRACEPARENT = "traceparent"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Origin(NamedTuple):
    """What a run's trace is made from, the same in every process: its id, and the `traceparent` that its webhook brought.

    `received`: a webhook's receipt began it.
    """

    run_id: str
    traceparent: str = ""
    received: bool = False


def origin(run_id: str, kind: str, data: Any) -> Origin:
    """The origin of a run, from its event's kind and data."""
    if kind != "webhook" or not isinstance(data, Mapping):
        return Origin(run_id)
    headers = data.get("headers")
    given = headers.get(TRACEPARENT) if isinstance(headers, Mapping) else None
    return Origin(run_id, str(given or ""), received=True)


class Traces(Protocol):
    """Where the program tells what it does; times are nanoseconds since the epoch."""

    on: bool

    def receipt(self, of: Origin, workflow: str, method: str, began: int) -> None:
        """A webhook was accepted and opened this run."""
        ...

    def work(self, of: Origin, workflow: str) -> AbstractContextManager[Any]:
        """While a process advances a run."""
        ...

    def step(self, action: str, path: str) -> AbstractContextManager[Any]:
        """While a step is performed; it may raise."""
        ...

    def call(self, method: str, host: str, connection: str) -> AbstractContextManager[Call]:
        """While another system is called."""
        ...

    def ended(self, of: Origin, workflow: str, state: str, began: int, at: int) -> None:
        """A run has ended."""
        ...

    def callback(self, connection: str, kind: str, about: Sequence[Origin], began: int) -> None:
        """A gateway called back about these runs."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


class Call:
    """One call under way; what it is told is forgotten where nothing is traced."""

    def headers(self) -> dict[str, str]:
        """What tells the other side of the trace."""
        return {}

    def came(self, status: int) -> None:
        """The other side answered."""

    def failed(self, code: str) -> None:
        """It did not."""


class Off:
    """Nothing is traced."""

    on = False
    _nothing: AbstractContextManager[Any] = nullcontext()
    _call: AbstractContextManager[Call] = nullcontext(Call())

    def receipt(self, of: Origin, workflow: str, method: str, began: int) -> None: ...

    def work(self, of: Origin, workflow: str) -> AbstractContextManager[Any]:  # noqa: ARG002
        return self._nothing

    def step(self, action: str, path: str) -> AbstractContextManager[Any]:  # noqa: ARG002
        return self._nothing

    def call(self, method: str, host: str, connection: str) -> AbstractContextManager[Call]:  # noqa: ARG002
        return self._call

    def ended(self, of: Origin, workflow: str, state: str, began: int, at: int) -> None: ...

    def callback(self, connection: str, kind: str, about: Sequence[Origin], began: int) -> None: ...

    def close(self) -> None: ...


OFF = Off()


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables ask for traces over OTLP.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = [one.strip() for one in environ.get("OTEL_TRACES_EXPORTER", "").lower().split(",")]
    if exporters != [""]:
        return "otlp" in exporters
    return any(environ.get(name) for name in _ENDPOINTS)


def configured(environ: Mapping[str, str]) -> Traces:
    """Traces as the environment asks for them. Where the extra is missing the log says so, and nothing is traced:
    no text waits for a collector."""
    if not wanted(environ):
        return OFF
    try:
        from ringback.observe.otel import OpenTelemetry
    except ImportError:
        log.error("OTEL_… asks for traces, and OpenTelemetry is not installed: %s", EXTRA)
        return OFF
    return OpenTelemetry.over_otlp(environ)
