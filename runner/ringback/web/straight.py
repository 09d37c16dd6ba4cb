"""Webhooks past the framework: most of what comes in is one of them, and nearly all of it is in order.

What Flask does before and after a view costs about as much as the view. A request that can only be a webhook is
handed to the hooks' door at once; whatever the door raises, and every other request, goes Flask's way.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from flask import Response

from ringback.ids import new_id
from ringback.observe.here import working
from ringback.observe.metrics import Metrics
from ringback.web.respond import Answer

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_REQUEST_ID = re.compile(r"[\w.-]{8,64}")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_PATH = re.compile(r"/hooks/([\w.-]+(?:/[\w.-]+)*)", re.ASCII)
"""What Flask would hand to the door as it stands; it reads, decodes or refuses any other in its own way."""
_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*(?::\d{1,5})?", re.ASCII | re.IGNORECASE)
_BEGUN = "ringback.begun"
_RAISED = "ringback.raised"
_RECEIVED = 202


class Begun(NamedTuple):
    """A request in hand: since when, and by which id."""

    at: float
    request: str


def begun(environ: Mapping[str, Any]) -> Begun:
    """The request that Flask takes up, begun before where it came straight."""
    return environ.get(_BEGUN) or _begin(environ)


def raise_again(environ: dict[str, Any]) -> None:
    """Raise what the door has raised already, where the request came straight."""
    error: Exception | None = environ.pop(_RAISED, None)
    if error is not None:
        try:
            raise error
        finally:
            del error  # it knows this frame, which must not know it


def finish(answer: Response, begun: Begun, door: str, metrics: Metrics) -> None:
    """What every answer is given, and counted as."""
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["X-Request-Id"] = begun.request
    metrics.observe("request_seconds", time.perf_counter() - begun.at, door)


def straight(
    app: Application, door: Callable[[str, Mapping[str, Any]], Answer], metrics: Metrics
) -> Application:
    """The application, with a shorter way to the hooks' door."""

    def either(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = _webhook(environ)
        if path is None:
            return app(environ, start)
        now = _begin(environ)
        with working(request=now.request):
            try:
                answer = door(path, environ)
            except Exception as error:  # noqa: BLE001  Flask's handlers have an answer to each
                environ[_BEGUN], environ[_RAISED] = now, error
                return app(environ, start)
            if answer.status == _RECEIVED:
                return _receipt(answer, now, metrics, start)
            response = whole(answer)
            finish(response, now, "hooks", metrics)
            return response(environ, start)

    return either


def whole(answer: Answer) -> Response:
    """The answer as Flask gives it."""
    return Response(answer.body, answer.status, content_type=answer.content_type)


def _receipt(answer: Answer, now: Begun, metrics: Metrics, start: Any) -> list[bytes]:
    """What Flask makes of a receipt; the server sends a list in one go."""
    metrics.observe("request_seconds", time.perf_counter() - now.at, "hooks")
    headers = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Request-Id", now.request),
    ]
    start("202 ACCEPTED", headers)
    return [answer.body]


def _webhook(environ: Mapping[str, Any]) -> str | None:
    """The path of a webhook, where the request is a plain one."""
    found = _PATH.fullmatch(environ["PATH_INFO"])
    if (
        found is None
        or environ["REQUEST_METHOD"] not in _METHODS
        or environ.get("SCRIPT_NAME")
        or "HTTP_UPGRADE" in environ
        or not _HOST.fullmatch(environ.get("HTTP_HOST", ""))
    ):
        return None
    return found[1]


def _begin(environ: Mapping[str, Any]) -> Begun:
    """The id is the one that a proxy gave the request, where it is a plain one, else a new one."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return Begun(time.perf_counter(), given if _REQUEST_ID.fullmatch(given) else new_id("req"))
