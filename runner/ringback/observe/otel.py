"""Traces by OpenTelemetry's SDK; imported only where they are asked for.

A run may be continued by another process days later, so nothing of its trace is kept: the ids of the trace and of the
run's own span follow from the run's id (or from the `traceparent` that its webhook brought, which its event keeps).
Every process hangs what it does below that span, and the one that ends the run tells of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread, local

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.status import Status, StatusCode

from ringback import __version__
from ringback.observe.here import working
from ringback.observe.traces import Call, Origin
from ringback.problems import Failure

_FLUSH_S = 3.0
_W3C = TraceContextTextMapPropagator()


class _Ids(RandomIdGenerator):
    """Random ids, but for a span whose ids follow from a run's."""

    def __init__(self) -> None:
        self.next = local()

    def generate_trace_id(self) -> int:
        return getattr(self.next, "trace", 0) or super().generate_trace_id()

    def generate_span_id(self) -> int:
        return getattr(self.next, "span", 0) or super().generate_span_id()


class OpenTelemetry:
    """See `traces.Traces`."""

    on = True

    def __init__(self, processor: SpanProcessor, environ: Mapping[str, str]) -> None:
        named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        own = {} if named else {SERVICE_NAME: "ringback"}
        self._ids = _Ids()
        self._provider = TracerProvider(
            resource=Resource.create({**own, "service.version": __version__}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("ringback", __version__)

    @classmethod
    def over_otlp(cls, environ: Mapping[str, str]) -> OpenTelemetry:
        """Traces sent over OTLP/HTTP; address, headers and the rest are OpenTelemetry's own variables."""
        return cls(BatchSpanProcessor(OTLPSpanExporter()), environ)

    def receipt(self, of: Origin, workflow: str, method: str, began: int) -> None:
        said = {
            "http.request.method": method,
            "http.route": "/hooks/<path>",
            "ringback.run": of.run_id,
            "ringback.workflow": workflow,
        }
        came = _incoming(of)
        above = Context() if came is None else _below(came)
        with self._named(self._trace_id(of), _span_id("receipt", of)):
            span = self._tracer.start_span(
                "POST /hooks/<path>" if method == "POST" else f"{method} /hooks/<path>",
                above,
                SpanKind.SERVER,
                said,
                start_time=began,
            )
        span.end()

    @contextmanager
    def work(self, of: Origin, workflow: str) -> Iterator[None]:
        said = {"ringback.run": of.run_id, "ringback.workflow": workflow}
        root = self._root(of)
        with (
            working(trace=f"{root.trace_id:032x}"),
            self._span("work", said, above=_below(root)),
        ):
            yield

    @contextmanager
    def step(self, action: str, path: str) -> Iterator[None]:
        with self._span(action, {"ringback.action": action, "ringback.step": path}):
            yield

    @contextmanager
    def call(self, method: str, host: str, connection: str) -> Iterator[Call]:
        said = {"http.request.method": method, "server.address": host}
        if connection:
            said["ringback.connection"] = connection
        with self._span(method, said, kind=SpanKind.CLIENT) as span:
            yield _Call(span)

    def ended(self, of: Origin, workflow: str, state: str, began: int, at: int) -> None:
        came = _incoming(of)
        receipt = SpanContext(
            self._trace_id(of), _span_id("receipt", of), is_remote=True, trace_flags=self._flags(of)
        )
        above = Context() if not of.received and came is None else _below(receipt)
        with self._named(self._trace_id(of), _span_id("run", of)):
            span = self._tracer.start_span(
                f"run {workflow}",
                above,
                attributes={
                    "ringback.run": of.run_id,
                    "ringback.workflow": workflow,
                    "ringback.state": state,
                },
                start_time=began,
            )
        if state == "failed":
            span.set_status(Status(StatusCode.ERROR))
        span.end(at)

    def callback(self, connection: str, kind: str, about: Sequence[Origin], began: int) -> None:
        span = self._tracer.start_span(
            "POST /callbacks/<connection>",
            Context(),
            SpanKind.SERVER,
            {
                "http.route": "/callbacks/<connection>",
                "ringback.connection": connection,
                "ringback.callback": kind,
            },
            [Link(self._root(one), {"ringback.run": one.run_id}) for one in about],
            began,
        )
        span.end()

    def close(self) -> None:
        # a collector that is away would hold up the end for as long as the exporter tries again
        ending = Thread(target=self._provider.shutdown, name="ringback-traces", daemon=True)
        ending.start()
        ending.join(_FLUSH_S)

    @contextmanager
    def _span(
        self,
        name: str,
        said: Mapping[str, str],
        *,
        above: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Iterator[Span]:
        """A span around the body; of what is raised only a failure's code is told."""
        with self._tracer.start_as_current_span(
            name, above, kind, said, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except Failure as failure:
                _fail(span, failure.code)
                raise
            except Exception as error:
                span.set_attribute("ringback.left", type(error).__name__)
                raise

    @contextmanager
    def _named(self, trace_id: int, span_id: int) -> Iterator[None]:
        self._ids.next.trace, self._ids.next.span = trace_id, span_id
        try:
            yield
        finally:
            self._ids.next.trace = self._ids.next.span = 0

    def _root(self, of: Origin) -> SpanContext:
        """The run's own span, as every process knows it."""
        return SpanContext(
            self._trace_id(of), _span_id("run", of), is_remote=True, trace_flags=self._flags(of)
        )

    def _trace_id(self, of: Origin) -> int:
        came = _incoming(of)
        return came.trace_id if came is not None else _number(f"trace {of.run_id}", 16)

    def _flags(self, of: Origin) -> TraceFlags:
        """Whether the trace is told of: as who sent it decided, else as the sampler does by the trace's id."""
        came = _incoming(of)
        if came is not None:
            return came.trace_flags
        decided = self._provider.sampler.should_sample(None, self._trace_id(of), "run")
        sampled = decided.decision is Decision.RECORD_AND_SAMPLE
        return TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)


class _Call(Call):
    def __init__(self, span: Span) -> None:
        self._span = span

    def headers(self) -> dict[str, str]:
        made: dict[str, str] = {}
        _W3C.inject(made, trace.set_span_in_context(self._span))
        return made

    def came(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if status >= 400:
            _fail(self._span, str(status))

    def failed(self, code: str) -> None:
        _fail(self._span, code)


def _fail(span: Span, code: str) -> None:
    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR, code))


def _incoming(of: Origin) -> SpanContext | None:
    """The span that a webhook's sender named, where it is a valid one."""
    if not of.traceparent:
        return None
    found = trace.get_current_span(_W3C.extract({"traceparent": of.traceparent}, Context()))
    context = found.get_span_context()
    return context if context.is_valid else None


def _below(context: SpanContext) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


def _span_id(what: str, of: Origin) -> int:
    return _number(f"{what} {of.run_id}", 8)


def _number(of: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(of.encode()).digest()[:size], "big") or 1
