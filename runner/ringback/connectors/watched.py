"""Calls to other systems, timed, counted and traced by the connection that they are for."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import urlsplit

from ringback.connectors.transport import Answer, Call, Sender, Transport
from ringback.observe.here import here
from ringback.observe.metrics import Metrics
from ringback.observe.traces import OFF, TRACEPARENT, Traces
from ringback.problems import Failure


class Watched:
    """Sends as the sender does that it is given, and counts how that went."""

    def __init__(self, sender: Sender, metrics: Metrics, traces: Traces = OFF) -> None:
        self._sender = sender
        self._metrics = metrics
        self._traces = traces

    def send(self, call: Call) -> Answer:
        """See `Sender.send`."""
        began = time.perf_counter()
        connection, outcome = here().connection, "broke"
        try:
            answer = self._traced(call, connection) if self._traces.on else self._sender.send(call)
            outcome = f"{answer.status // 100}xx"
            return answer
        except Failure as failure:
            outcome = failure.code
            raise
        finally:
            seconds = time.perf_counter() - began
            self._metrics.observe("call_seconds", seconds, connection, outcome)

    def _traced(self, call: Call, connection: str) -> Answer:
        host = urlsplit(call.url).hostname or ""
        with self._traces.call(call.method, host, connection) as span:
            named = {name.lower() for name in call.headers}
            if call.tell_trace and TRACEPARENT not in named:
                call = replace(call, headers={**call.headers, **span.headers()})
            answer = self._sender.send(call)
            span.came(answer.status)
            return answer

    def close(self) -> None:
        """Close the connections that are open."""
        if isinstance(self._sender, Transport):
            self._sender.close()
