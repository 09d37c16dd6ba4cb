"""The web application: every door of a running project."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Flask, Response, g, request

from ringback.engine.runtime import Runtime
from ringback.web import errors
from ringback.web.api import api
from ringback.web.callbacks import callbacks
from ringback.web.health import health
from ringback.web.hooks import hooks
from ringback.web.metrics import Metrics


def create_app(runtime: Runtime) -> Flask:
    """The Flask application of a runtime; it neither starts nor closes the runtime."""
    app = Flask("ringback.web", static_folder=None, template_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    metrics = Metrics(runtime.journal)
    errors.install(app, runtime.masks)
    for door in (
        hooks(runtime, metrics),
        callbacks(runtime, metrics),
        api(runtime),
        health(runtime, metrics),
    ):
        app.register_blueprint(door)
    _measure(app, metrics)
    return app


def _measure(app: Flask, metrics: Metrics) -> None:
    observe: dict[str | None, Callable[[float], None]] = {
        door: metrics.seconds.labels(door or "none").observe for door in (None, *app.blueprints)
    }

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(answer: Response) -> Response:
        answer.headers["X-Content-Type-Options"] = "nosniff"
        observe[request.blueprint](time.perf_counter() - g.began)
        return answer
