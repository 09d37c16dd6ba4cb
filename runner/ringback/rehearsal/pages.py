"""The rehearsal gateway's pages and doors: the gateways' own paths, and those for people and scripts.

POST /rehearsal/text-in     {from, to, text, connection?}: somebody's phone texts in; as a form with files: `media`
POST /rehearsal/always      {ending}: every number behaves as one that ends so; empty: as its own ending says
GET  /rehearsal/messages    what was sent, newest last (?to=, ?connection=, ?limit=)
GET  /                      the same for people
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NoReturn, Protocol

from flask import Flask, Request, Response, jsonify, redirect, render_template_string, request
from werkzeug.wrappers import Response as AnyResponse

from ringback.clock import from_ms
from ringback.connectors.transport import Answer, Call
from ringback.problems import Failure
from ringback.rehearsal.gateway import Rehearsal
from ringback.rehearsal.media import PATH, Shelf
from ringback.rehearsal.scripts import SCRIPTS

MAX_BODY = 1_000_000
MAX_MEDIA = 20_000_000
"""Bytes of a text with its files."""
BROKEN_OFF = Answer(0, {}, b"")
"""Stands for an answer that never comes because the connection is reset."""

Answered = AnyResponse | str | tuple[Response | str, int]


class Stage(Protocol):
    """What is behind the doors."""

    rehearsals: list[Rehearsal]
    media: Shelf
    ending: str

    def take(self, call: Call) -> Answer | None: ...

    def text_in(
        self,
        sender: str,
        to: str,
        text: str,
        connection: str = "",
        files: Sequence[tuple[str, bytes, str]] = (),
        origin: str = "",
    ) -> None: ...

    def always(self, ending: str) -> None: ...

    def recent(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]: ...


def make_app(stage: Stage) -> Flask:
    """The pages and doors of a rehearsal."""
    app = Flask("ringback.rehearsal", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    _for_people(app, stage)
    _for_programs(app, stage)
    return app


def _for_people(app: Flask, stage: Stage) -> None:
    def shown(wrong: str = "") -> str:
        taken, events, count = stage.recent()
        return render_template_string(
            _page(),
            taken=taken[:-101:-1],
            events=events[:-101:-1],
            count=count,
            scripts=SCRIPTS,
            ending=stage.ending,
            rehearsals=stage.rehearsals,
            wrong=wrong,
            when=lambda at: from_ms(at).strftime("%H:%M:%S.%f")[:-3],
        )

    @app.get("/")
    def page() -> str:
        return shown()

    @app.post("/rehearsal/text-in")
    def text_in() -> Answered:
        request.max_content_length = MAX_MEDIA
        try:
            _text_in(stage, _given())
        except Failure as failure:
            status = 404 if failure.code == "not_found" else 400
            return (shown(str(failure)) if _person() else _refused(failure)), status
        return redirect("/", 303) if _person() else (jsonify({"texted": True}), 202)

    @app.post("/rehearsal/always")
    def always() -> Answered:
        try:
            stage.always(str(_given().get("ending") or ""))
        except ValueError as wrong:
            failure = Failure("invalid_input", str(wrong), "Give one of them as ending.")
            return (shown(str(failure)) if _person() else _refused(failure)), 400
        return redirect("/", 303) if _person() else jsonify({"ending": stage.ending})


def _for_programs(app: Flask, stage: Stage) -> None:
    @app.get("/rehearsal/messages")
    def messages() -> Response:
        taken, events, count = stage.recent()
        for name in ("to", "connection"):
            if name in request.args:
                taken = [one for one in taken if one[name] == request.args[name]]
        limit = request.args.get("limit", default=len(taken), type=int)
        shown = taken[-limit:] if limit > 0 else []
        return jsonify({"messages": shown, "callbacks": events[-1000:], "count": count})

    @app.get(f"{PATH}<path:_path>")
    def media(_path: str) -> Response:
        return _response(stage.media.answer(_call(request)))

    @app.route("/<path:_path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def gateway(_path: str) -> Response | tuple[Response, int]:
        answer = stage.take(_call(request))
        if answer is None:
            message = f"No gateway that is rehearsed here has {request.method} {request.path}."
            advice = "Compare the connection's address with its connector."
            return _refused(Failure("not_found", message, advice)), 404
        if answer is BROKEN_OFF:
            connection = request.environ["werkzeug.socket"]
            return Response(iter(lambda: _break_off(connection), b""))
        return _response(answer)


def _text_in(stage: Stage, given: Mapping[str, Any]) -> None:
    """A phone texts in. Raises `Failure` where something is missing, or no gateway brings it."""
    given_files = [one for one in request.files.getlist("media") if one.filename]
    missing = [
        name for name in ("from", "to", *(() if given_files else ("text",))) if not given.get(name)
    ]
    if missing:
        message = f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing."
        raise Failure("invalid_input", message, "Give from, to and text.")
    text, connection = str(given.get("text") or ""), str(given.get("connection") or "")
    held = [(one.filename or "", one.read(), one.mimetype) for one in given_files]
    origin = request.host_url.rstrip("/")
    stage.text_in(str(given["from"]), str(given["to"]), text, connection, held, origin)


def _break_off(connection: socket.socket) -> NoReturn:
    """End the connection as a machine that dies does (TCP RST), in place of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.close(connection.detach())
    raise ConnectionResetError


def _given() -> dict[str, Any]:
    given = request.get_json(silent=True) if request.is_json else request.form.to_dict()
    return given if isinstance(given, dict) else {}


def _person() -> bool:
    """Whether a browser asks, which wants a page."""
    return "text/html" in request.headers.get("accept", "")


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))


def _call(given: Request) -> Call:
    return Call(given.method, given.url, dict(given.headers), given.get_data())


def _refused(failure: Failure) -> Response:
    return jsonify({"error": failure.as_json()})


def _page() -> str:
    return files("ringback.rehearsal").joinpath("page.html").read_text("utf-8")
