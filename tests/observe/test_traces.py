"""Traces as a collector receives them over OTLP: one for each run, whoever continues it, with nothing personal in it."""

from __future__ import annotations

import gzip
import logging
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.engine.bench import NUMBER, SECRET, Project, workflow

from ringback.connectors.transport import Answer
from ringback.engine.tracing import origin_of
from ringback.observe import traces
from ringback.observe.traces import OFF, configured, wanted
from ringback.web.app import create_app

pytest.importorskip("opentelemetry.sdk", reason="traces need ringback[otel]")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

TEXT = "Your secret appointment"
STEPS = workflow(
    f'[{{id: text, uses: sms.send, with: {{to: "{NUMBER}", text: "{TEXT}"}}}},'
    ' {id: delivery, uses: sms.wait_for_delivery, with: {message: "{{ text }}", timeout: 1 hour}},'
    f' {{id: told, uses: http.request, with: {{url: "https://crm.example/said?phone={NUMBER}"}}}}]',
)
INCOMING = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = INCOMING[:-1] + "0"


@dataclass
class Collector:
    """What came over OTLP, as spans."""

    spans: list[Any] = field(default_factory=list)
    raw: bytes = b""

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    got = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            got.raw += body
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    got.spans += scope.spans
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    yield got
    server.shutdown()
    server.server_close()
    thread.join()


def project(folder: Path) -> Project:
    it = Project(folder, {"appointment": STEPS}, traces=configured(os.environ))
    it.gateway.on_call = None
    return it


def said(span: Any) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


def post(it: Project, **headers: str) -> str:
    path = next(iter(it.found.hooks))
    answer = create_app(it.runtime).test_client().post(f"/hooks/{path}", json={}, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.json
    return str(answer.json["run"])


def test_one_trace_from_the_receipt_over_two_processes_to_the_end(
    tmp_path: Path, collector: Collector
) -> None:
    it = project(tmp_path)
    run_id = post(it, traceparent=INCOMING)
    it.now()  # sent, and waits for its delivery
    it.runtime.traces.close()
    assert not collector.named("run appointment")

    it.traces = configured(os.environ)
    it.restart()
    it.report("gw-1", "delivered")
    it.gateway.outcomes = [Answer(200, {}, b"ok")]
    it.drain()
    assert it.get(run_id).state == "succeeded"
    it.close()

    (run,) = collector.named("run appointment")
    (receipt,) = collector.named("POST /hooks/<path>")
    assert run.trace_id.hex() == INCOMING.split("-")[1]
    assert receipt.parent_span_id.hex() == INCOMING.split("-")[2]
    assert run.parent_span_id == receipt.span_id
    works = collector.named("work")
    assert len(works) >= 2
    assert {work.parent_span_id for work in works} == {run.span_id}
    own = [span for span in collector.spans if span.name != "POST /callbacks/<connection>"]
    assert {span.trace_id for span in own} == {run.trace_id}

    sends = collector.named("sms.send")
    assert {send.parent_span_id for send in sends} <= {work.span_id for work in works}
    (call,) = collector.named("POST")
    assert call.parent_span_id in {send.span_id for send in sends}
    assert said(call)["ringback.connection"] == "front-desk"

    (callback,) = collector.named("POST /callbacks/<connection>")
    assert callback.trace_id != run.trace_id
    assert [link.span_id for link in callback.links] == [run.span_id]
    assert said(run)["ringback.state"] == "succeeded"


def test_http_request_tells_the_other_side_and_gateways_are_told_nothing(
    tmp_path: Path, collector: Collector
) -> None:
    it = project(tmp_path)
    post(it)
    it.now()
    it.report("gw-1", "delivered")
    it.gateway.outcomes = [Answer(200, {}, b"ok")]
    it.drain()
    it.close()
    to_gateway, to_crm = it.gateway.calls
    assert "traceparent" not in to_gateway.headers
    (span,) = collector.named("GET")
    version, trace_id, span_id, flags = to_crm.headers["traceparent"].split("-")
    assert (trace_id, span_id, flags) == (span.trace_id.hex(), span.span_id.hex(), "01")
    assert version == "00"


def test_nothing_personal_and_no_secret_is_told(tmp_path: Path, collector: Collector) -> None:
    it = project(tmp_path)
    post(it)
    it.now()
    it.report("gw-1", "delivered", number=NUMBER)
    it.gateway.outcomes = [Answer(500, {}, f"no {NUMBER}".encode())]
    it.drain()
    it.close()
    assert collector.named("http.request")
    for private in (NUMBER.removeprefix("+"), TEXT, SECRET, "gw-1", "phone="):
        assert private.encode() not in collector.raw


def test_a_failure_is_told_by_its_code(tmp_path: Path, collector: Collector) -> None:
    it = project(tmp_path)
    post(it)
    it.now()
    it.report("gw-1", "delivered")
    it.gateway.outcomes = [Answer(404, {}, b"no such thing")]
    it.drain()
    it.close()
    (run,), (step,) = collector.named("run appointment"), collector.named("http.request")
    assert said(step)["error.type"] == "not_found"
    assert step.status.code == run.status.code == 2
    assert not step.events


def test_who_sends_without_sampling_is_not_traced(tmp_path: Path, collector: Collector) -> None:
    it = project(tmp_path)
    post(it, traceparent=UNSAMPLED)
    it.now()
    it.close()
    assert not collector.spans


def test_a_broken_traceparent_starts_a_trace_of_ours(tmp_path: Path, collector: Collector) -> None:
    it = project(tmp_path)
    run_id = post(it, traceparent="00-zz-yy-01")
    it.now()
    of = origin_of(it.runtime, run_id)
    it.close()
    assert of.received
    assert {len(span.trace_id) for span in collector.spans} == {16}
    assert len({span.trace_id for span in collector.spans}) == 1


@pytest.mark.parametrize(
    ("environ", "asks"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, False),
    ],
)
def test_the_standard_variables_ask_for_traces(environ: dict[str, str], asks: bool) -> None:
    assert wanted(environ) is asks
    if not asks:
        assert configured(environ) is OFF


def test_without_the_extra_the_log_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "ringback.observe.otel", None)
    with caplog.at_level(logging.ERROR):
        assert configured({"OTEL_TRACES_EXPORTER": "otlp"}) is OFF
    assert traces.EXTRA in caplog.text


def test_nothing_is_imported_where_nothing_is_asked_for() -> None:
    import subprocess

    script = (
        "import sys, ringback.web.server, ringback.observe.traces as t;"
        "t.configured({}); sys.exit(any(m.startswith('opentelemetry') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
