"""The rehearsal gateway as a server: takes sends at any gateway's own path, and calls back in real time.

POST /rehearsal/text-in     {from, to, text, connection?}: somebody's phone texts in
GET  /rehearsal/messages    what was sent, newest last (?to=, ?connection=, ?limit=)
GET  /                      the same for people
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, jsonify, redirect, render_template_string, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response as AnyResponse

from ringback.clock import Clock, SystemClock, from_ms
from ringback.connectors.transport import Answer, Call, Sender, Transport
from ringback.problems import Failure
from ringback.rehearsal.delivery import Delivery
from ringback.rehearsal.gateway import Planned, Rehearsal, Taken
from ringback.rehearsal.log import TextLog
from ringback.rehearsal.scripts import SCRIPTS

KEPT = 10_000
"""Messages that are remembered for the page and the list."""
HANG_S = 120.0
MAX_BODY = 1_000_000


class RehearsalServer:
    """Stands in for the gateways of several connections on one port."""

    def __init__(
        self,
        rehearsals: Sequence[Rehearsal],
        *,
        clock: Clock | None = None,
        transport: Sender | None = None,
        log: Path | None = None,
    ) -> None:
        """Put it together; nothing listens before `start`.

        Args:
            rehearsals: one for each connection. A call that fits several goes to the one whose credentials it has.
            log: a file to which each text taken is appended as a line of JSON, before it is answered.

        Raises OSError where the log cannot be written.
        """
        self.rehearsals = list(rehearsals)
        self.taken: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.count = 0
        self.events: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._clock = clock or SystemClock()
        self._log = TextLog(log) if log is not None else None
        self._delivery = Delivery(transport or Transport(), self._clock, noted=self._note)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._http: BaseWSGIServer | None = None
        self.app = _app(self)

    def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, and give the address that it answers at; port 0 takes a free one. Raises OSError."""
        self._http = make_server(host, port, self.app, threaded=True, request_handler=_Handler)
        self._http.daemon_threads = True  # type: ignore[attr-defined]  # the threaded kind has it
        self._delivery.start()
        threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="rehearsal", daemon=True
        ).start()
        return f"http://{f'[{host}]' if ':' in host else host}:{self._http.server_port}"

    def stop(self) -> None:
        """Listen and deliver no more."""
        self._stopping.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
        self._delivery.stop()
        if self._log is not None:
            self._log.close()

    def take(self, call: Call) -> Answer | None:
        """What the gateways answer a call; None where it is a send of none of them."""
        refused: Answer | None = None
        for rehearsal in self.rehearsals:
            outcome = rehearsal.answer(call)
            if outcome is None:
                continue
            if outcome.answer is None:
                self._stopping.wait(HANG_S)
                return Answer(504, {}, b"")
            if outcome.answer.status == 401:
                refused = refused or outcome.answer
                continue
            if outcome.taken is not None:
                self._keep(outcome.taken)
            for planned in outcome.planned:
                self._delivery.plan(planned)
            return outcome.answer
        return refused

    def text_in(self, sender: str, to: str, text: str, connection: str = "") -> None:
        """A phone texts in. Raises `Failure` where no gateway here has incoming messages."""
        fitting = [one for one in self.rehearsals if connection in ("", one.connection)]
        if not fitting:
            names = ", ".join(one.connection for one in self.rehearsals)
            message = f"There is no connection {connection} here."
            raise Failure("not_found", message, f"There are: {names}.")
        planned = fitting[0].text_in(sender, to, text)
        self._delivery.plan(Planned(1, planned.connection, planned.says, planned.make))

    def _keep(self, taken: Taken) -> None:
        entry = taken.as_json()
        if self._log is not None:
            self._log.add(entry)
        with self._lock:
            self.taken.append(entry)
            self.count += 1

    def _note(self, planned: Planned, said: str) -> None:
        entry = {
            "at": self._clock.now_ms(),
            "connection": planned.connection,
            "callback": planned.says,
            "said": said,
        }
        with self._lock:
            self.events.append(entry)

    def recent(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
        """The messages and the callbacks that are remembered, oldest first, and how many messages there were in all."""
        with self._lock:
            return list(self.taken), list(self.events), self.count


class _Handler(WSGIRequestHandler):
    """Keeps connections open, as gateways do, and leaves the terminal to the command."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002, ARG002
        return


def _app(server: RehearsalServer) -> Flask:
    app = Flask("ringback.rehearsal", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY

    @app.get("/")
    def page() -> str:
        taken, events, count = server.recent()
        return render_template_string(
            _page(),
            taken=taken[:-101:-1],
            events=events[:-101:-1],
            count=count,
            scripts=SCRIPTS,
            rehearsals=server.rehearsals,
            when=lambda at: from_ms(at).strftime("%H:%M:%S.%f")[:-3],
        )

    @app.get("/rehearsal/messages")
    def messages() -> Response:
        taken, events, count = server.recent()
        for name in ("to", "connection"):
            if name in request.args:
                taken = [one for one in taken if one[name] == request.args[name]]
        limit = request.args.get("limit", default=len(taken), type=int)
        shown = taken[-limit:] if limit > 0 else []
        return jsonify({"messages": shown, "callbacks": events[-1000:], "count": count})

    @app.post("/rehearsal/text-in")
    def text_in() -> AnyResponse | tuple[Response, int]:
        given = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        given = given if isinstance(given, dict) else {}
        missing = [name for name in ("from", "to", "text") if not given.get(name)]
        if missing:
            message = f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing."
            return _refused(Failure("invalid_input", message, "Give from, to and text.")), 400
        try:
            server.text_in(
                str(given["from"]),
                str(given["to"]),
                str(given["text"]),
                str(given.get("connection") or ""),
            )
        except Failure as failure:
            return _refused(failure), 404 if failure.code == "not_found" else 400
        if not request.is_json:
            return redirect("/", 303)
        return jsonify({"texted": True}), 202

    @app.route("/<path:_path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def gateway(_path: str) -> Response | tuple[Response, int]:
        answer = server.take(_call(request))
        if answer is None:
            message = f"No gateway that is rehearsed here has {request.method} {request.path}."
            advice = "Compare the connection's address with its connector."
            return _refused(Failure("not_found", message, advice)), 404
        return Response(answer.body, answer.status, dict(answer.headers))

    return app


def _call(given: Request) -> Call:
    return Call(given.method, given.url, dict(given.headers), given.get_data())


def _refused(failure: Failure) -> Response:
    return jsonify({"error": failure.as_json()})


def _page() -> str:
    return files("ringback.rehearsal").joinpath("page.html").read_text("utf-8")
