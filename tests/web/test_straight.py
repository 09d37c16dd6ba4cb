"""The short way to the hooks' door: nobody outside can tell it from Flask's."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import ImATeapot

from ringback.engine.runtime import Runtime
from ringback.observe.here import NOWHERE, here
from ringback.problems import Failure
from ringback.web.app import create_app
from ringback.web.hooks import HookDoor

ID = "from-the-proxy-0001"
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "plain", {"json": {"name": "Amina"}}),
    ("POST", "plain", {"data": {"name": "Amina"}}),
    ("GET", "plain?name=Amina", {}),
    ("DELETE", "plain", {}),
    ("POST", "plain", {"data": b"{", "content_type": "application/json"}),
    ("POST", "typed", {"json": {"age": "old"}}),
    ("POST", "small", {"data": b"x" * 20_000, "content_type": "text/plain"}),
    ("POST", "token", {"json": {}}),
    ("POST", "once", {"json": {}}),
    ("POST", "asleep", {"json": {}}),
    ("POST", "nowhere/at.all", {"json": {}}),
]


@pytest.fixture
def by_flask(runtime: Runtime) -> FlaskClient:
    app = create_app(runtime)
    del app.wsgi_app
    return app.test_client()


def told(runtime: Runtime, name: str, **labels: str) -> float:
    return runtime.metrics.registry.get_sample_value(name, labels) or 0


def shown(answer: Any) -> tuple[str, list[tuple[str, str]], Any]:
    """An answer without what is another each time."""
    body = answer.json
    if "run" in body:
        body = {name: len(str(value)) for name, value in body.items()}
    return answer.status, list(answer.headers), body


@pytest.mark.parametrize(("method", "path", "more"), REQUESTS)
def test_both_ways_answer_alike(
    client: FlaskClient, by_flask: FlaskClient, method: str, path: str, more: dict[str, Any]
) -> None:
    with_id = {"method": method, "headers": {"X-Request-Id": ID}, **more}
    assert shown(client.open(f"/hooks/{path}", **with_id)) == shown(
        by_flask.open(f"/hooks/{path}", **with_id)
    )
    assert here() is NOWHERE


def test_a_webhook_in_order_never_meets_flask(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "request_context", None)
    answer = client.post("/hooks/plain", json={})
    assert answer.status_code == 202
    assert answer.headers["X-Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    "path", ["/hooks/", "/hooks//plain", "/hooks/plain/", "/hooks/pl%C3%A4in", "/healthz"]
)
def test_any_other_address_is_read_by_flask(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    seen: list[str] = []
    real = app.request_context

    def noting(environ: Any) -> Any:
        seen.append(environ["PATH_INFO"])
        return real(environ)

    monkeypatch.setattr(app, "request_context", noting)
    client.post(path, json={})
    assert len(seen) == 1


def test_a_refusal_is_counted_once_and_by_its_own_id(
    client: FlaskClient, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ringback.web.hooks"):
        answer = client.post("/hooks/token", json={}, headers={"X-Request-Id": ID})
    assert answer.status_code == 401
    assert answer.headers["X-Request-Id"] == ID
    assert len([one for one in caplog.records if "refused" in one.getMessage()]) == 1
    assert told(runtime, "ringback_refused_webhooks_total", code="unauthorized") == 1
    assert told(runtime, "ringback_request_seconds_count", door="hooks") == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(Failure("not_found", "Gone."), 404), (ImATeapot(), 418), (ZeroDivisionError(), 500)],
)
def test_whatever_the_door_raises_has_flasks_answer(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def broken(*_args: object) -> None:
        raise error

    monkeypatch.setattr(HookDoor, "take", broken)
    answer = create_app(runtime).test_client().post("/hooks/plain", json={})
    assert answer.status_code == status
    assert (answer.json or {})["error"]["code"]
