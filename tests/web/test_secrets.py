"""Planted secrets are in nothing that is answered, logged, measured, described or kept."""

from __future__ import annotations

import base64
import io
import json
import logging
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from tests.web.conftest import ENVIRON

from ringback.engine.runtime import Runtime
from ringback.observe.logs import set_up
from ringback.web.operations import BASE

HOOK, TOKEN = ENVIRON["HOOK_SECRET"], ENVIRON["CALLBACK_TOKEN"]
SECRETS = list(ENVIRON.values())


def planted_requests(client: Any, bearer: dict[str, str]) -> list[str]:
    """Requests that carry every secret everywhere; their answers, heads and bodies."""
    everywhere = {
        "Authorization": f"Bearer {HOOK}",
        "Cookie": f"session={HOOK}",
        "X-Api-Key": ENVIRON["GATEWAY_KEY"],
        "X-Signature": ENVIRON["GATEWAY_SECRET"],
        "Proxy-Authorization": f"Basic {HOOK}",
    }
    login = base64.b64encode(f"forms:{HOOK}".encode()).decode()
    query = f"?key={HOOK}&api_key={quote(ENVIRON['GATEWAY_KEY'])}&token={TOKEN}"
    answers = [
        client.post(f"/hooks/plain{query}", json={"n": 1}, headers=everywhere),
        client.post(f"/hooks/token{query}", json={}, headers=everywhere),
        client.post(f"/hooks/token?key=wrong-{HOOK}", json={}),
        client.post("/hooks/basic", json={}, headers={"Authorization": f"Basic {login}"}),
        client.post("/hooks/header", json={}, headers={"X-Shop-Key": HOOK}),
        client.post("/hooks/signed", json={}, headers=everywhere),
        client.post(f"/hooks/{HOOK}", json={}),
        client.post(f"/hooks/plain/{TOKEN}{query}", data=b"{", content_type="application/json"),
        client.post(f"/callbacks/by-token/{TOKEN}", json={"message_id": "m", "status": "sent"}),
        client.get(f"/callbacks/by-token?token={TOKEN}&message_id=m&status=sent"),
        client.post(f"/callbacks/front-desk/{TOKEN}{query}", json={}, headers=everywhere),
        client.post(f"/callbacks/{TOKEN}", json={}),
        client.get(f"/{HOOK}{query}"),
    ]
    for path in (
        "/runs",
        "/messages",
        "/workflows",
        "/connectors",
        f"/runs/{HOOK}",
        f"/runs?state={HOOK}",
    ):
        answers.append(client.get(BASE + path, headers=bearer))
    for run in answers[-6].json["runs"]:
        answers.append(client.get(f"{BASE}/runs/{run['id']}", headers=bearer))
    check = {"text": f"name: {HOOK}\n{HOOK}: 1\n", "file": f"{HOOK}.yaml"}
    answers += [
        client.post(BASE + "/check", json=check, headers=bearer),
        client.get(BASE + "/openapi.json"),
        client.get("/metrics"),
        client.get("/readyz"),
    ]
    return [f"{answer.status}\n{answer.headers}\n{answer.text}" for answer in answers]


def test_no_secret_is_in_any_answer_log_line_or_row(
    app: Flask,
    client: Any,
    runtime: Runtime,
    bearer: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    handler = set_up(runtime.masks, "DEBUG", written)
    try:
        shown = planted_requests(client, bearer)
        with monkeypatch.context() as broken:
            broken.setattr("ringback.web.hooks.read_body", lambda *_: 1 / int(f"{HOOK}"))
            answer = client.post(f"/hooks/plain?key={HOOK}", json={})
            assert answer.status_code == 500
            shown.append(answer.text)
    finally:
        root.removeHandler(handler)
        handler.close()
        for one in before:
            root.addHandler(one)
        root.setLevel(level)
    log = written.getvalue()
    assert "Traceback" in log
    runtime.journal.write(lambda _connection: None)
    for secret in SECRETS:
        assert not [text for text in shown if secret in text]
        assert secret not in log
    assert base64.b64encode(f"forms:{HOOK}".encode()).decode() not in json.dumps(shown) + log
    rows = rows_of(runtime)
    for secret in SECRETS:
        assert not [row for row in rows if secret in row]


def rows_of(runtime: Runtime) -> list[str]:
    from ringback.journal.schema import metadata

    with runtime.journal.read() as connection:
        return [
            f"{table.name}: {tuple(row)}"
            for table in metadata.sorted_tables
            for row in connection.execute(table.select())
        ]
