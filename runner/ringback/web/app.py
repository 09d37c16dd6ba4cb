"""The web application: every door of a running project."""

from __future__ import annotations

import re
import time

from flask import Flask, Response, g, request

from ringback.engine.runtime import Runtime
from ringback.ids import new_id
from ringback.observe.here import here, working
from ringback.observe.metrics import Metrics
from ringback.web import errors
from ringback.web.api import api
from ringback.web.callbacks import callbacks
from ringback.web.health import health
from ringback.web.hooks import hooks

_REQUEST_ID = re.compile(r"[\w.-]{8,64}")


def create_app(runtime: Runtime) -> Flask:
    """The Flask application of a runtime; it neither starts nor closes the runtime."""
    app = Flask("ringback.web", static_folder=None, template_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    metrics = runtime.metrics
    errors.install(app, runtime.masks)
    for door in (
        hooks(runtime),
        callbacks(runtime),
        api(runtime),
        health(runtime),
    ):
        app.register_blueprint(door)
    _measure(app, metrics)
    return app


def _measure(app: Flask, metrics: Metrics) -> None:
    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        g.at = working(request=_request_id())
        g.at.__enter__()

    @app.after_request
    def end(answer: Response) -> Response:
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["X-Request-Id"] = here().request
        metrics.observe(
            "request_seconds", time.perf_counter() - g.began, request.blueprint or "none"
        )
        return answer

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        if "at" in g:
            g.pop("at").__exit__(None, None, None)


def _request_id() -> str:
    """The id that a proxy gave the request, where it is a plain one, else a new one."""
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else new_id("req")
