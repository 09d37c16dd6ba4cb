"""The rehearsal gateway as a server: takes sends at any gateway's own path, and calls back in real time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from ringback.clock import Clock, SystemClock
from ringback.connectors.transport import Answer, Call, Sender, Transport
from ringback.problems import Failure
from ringback.rehearsal.delivery import Delivery
from ringback.rehearsal.gateway import Outcome, Planned, Rehearsal, Taken
from ringback.rehearsal.log import TextLog
from ringback.rehearsal.media import Shelf
from ringback.rehearsal.pages import BROKEN_OFF, make_app
from ringback.rehearsal.scripts import ending_in, script_for

KEPT = 10_000
"""Messages that are remembered for the page and the list."""
HANG_S = 120.0


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
        self.media = Shelf()
        self.ending = ""
        self.events: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._clock = clock or SystemClock()
        self._log = TextLog(log) if log is not None else None
        self._delivery = Delivery(
            transport or Transport(),
            self._clock,
            noted=lambda one, said: self._note(one.connection, one.says, said),
        )
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._http: BaseWSGIServer | None = None
        self.app = make_app(self)

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
            if outcome.answer is not None and outcome.answer.status == 401 and not self.ending:
                refused = refused or outcome.answer
                continue
            if outcome.taken is not None:
                self._keep(outcome.taken)
            if outcome.played:
                code = outcome.answer.status if outcome.answer else None
                said = "no answer" if code is None else f"answered {code}"
                self._note(rehearsal.connection, outcome.played, said)
            for planned in outcome.planned:
                self._delivery.plan(planned)
            return self._when_due(outcome)
        return refused

    def _when_due(self, outcome: Outcome) -> Answer:
        if outcome.reset:
            return BROKEN_OFF
        if outcome.answer is None:
            self._stopping.wait(HANG_S)
            return Answer(504, {}, b"")
        if outcome.late_ms:
            self._stopping.wait(outcome.late_ms / 1000)
        return outcome.answer

    def always(self, ending: str) -> None:
        """Every number behaves as one that ends so; empty: as its own ending says. Raises ValueError for none of them."""
        script = ending_in(ending) if ending else None
        for one in self.rehearsals:
            one.script = script_for if script is None else lambda _number, script=script: script  # type: ignore[misc]
        self.ending = ending

    def text_in(
        self,
        sender: str,
        to: str,
        text: str,
        connection: str = "",
        files: Sequence[tuple[str, bytes, str]] = (),
        origin: str = "",
    ) -> None:
        """A phone texts in, with files (name, content, content type) that are served here.

        Their addresses begin as the connection's settings name this server, else with `origin`.

        Raises `Failure` where no gateway here has incoming messages, or none with files.
        """
        fitting = next((one for one in self.rehearsals if connection in ("", one.connection)), None)
        if fitting is None:
            names = ", ".join(one.connection for one in self.rehearsals)
            message = f"There is no connection {connection} here."
            raise Failure("not_found", message, f"There are: {names}.")
        origin = self._known_as(fitting) or origin
        media = [self.media.add(origin, *one, shown_to=fitting.shows_files_to) for one in files]
        for planned in fitting.text_in(sender, to, text, media):
            self._delivery.plan(Planned(1, planned.connection, planned.says, planned.make))

    def _known_as(self, rehearsal: Rehearsal) -> str:
        """The origin by which a connection's own settings name this server, if one does."""
        port = self._http.server_port if self._http is not None else None
        for value in rehearsal.settings.values():
            parts = urlsplit(value) if isinstance(value, str) and "://" in value else None
            if parts is not None and port is not None and parts.netloc.endswith(f":{port}"):
                return f"{parts.scheme}://{parts.netloc}"
        return ""

    def _keep(self, taken: Taken) -> None:
        entry = taken.as_json()
        if self._log is not None:
            self._log.add(entry)
        with self._lock:
            self.taken.append(entry)
            self.count += 1

    def _note(self, connection: str, says: str, said: str) -> None:
        entry = {
            "at": self._clock.now_ms(),
            "connection": connection,
            "callback": says,
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
