"""The web application: every door of a running project."""

from __future__ import annotations

from typing import cast

from flask import Flask, Response, g, request

from ringback.engine.runtime import Runtime
from ringback.observe.here import working
from ringback.observe.metrics import Metrics
from ringback.web import errors
from ringback.web.api import api
from ringback.web.callbacks import callbacks
from ringback.web.health import health
from ringback.web.hooks import HookDoor, hooks
from ringback.web.straight import Application, begun, finish, straight


def create_app(runtime: Runtime) -> Flask:
    """The Flask application of a runtime; it neither starts nor closes the runtime."""
    app = Flask("ringback.web", static_folder=None, template_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    metrics = runtime.metrics
    errors.install(app, runtime.masks)
    webhooks = HookDoor(runtime)
    for door in (
        hooks(runtime, webhooks),
        callbacks(runtime),
        api(runtime),
        health(runtime),
    ):
        app.register_blueprint(door)
    _measure(app, metrics)
    way = straight(cast("Application", app.wsgi_app), webhooks.take, metrics)
    app.wsgi_app = way  # type: ignore[method-assign, assignment]
    return app


def _measure(app: Flask, metrics: Metrics) -> None:
    @app.before_request
    def begin() -> None:
        g.begun = begun(request.environ)
        g.at = working(request=g.begun.request)
        g.at.__enter__()

    @app.after_request
    def end(answer: Response) -> Response:
        finish(answer, g.begun, request.blueprint or "none", metrics)
        return answer

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        if "at" in g:
            g.pop("at").__exit__(None, None, None)
