"""A small project behind the web application, with its journal in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ringback.engine.runtime import Runtime, open_runtime
from ringback.settings import load_settings
from ringback.web.app import create_app

ENVIRON = {
    "GATEWAY_KEY": "planted-gateway-key-8127",
    "GATEWAY_SECRET": "planted-gateway-secret-5521",
    "CALLBACK_TOKEN": "planted-callback-token-9911",
    "HOOK_SECRET": "planted-hook-secret-3344",
    "HOOK_OLD": "planted-hook-old-secret-3345",
    "API_TOKEN": "planted-api-token-0123456789",
    "STANDARD": "whsec_cGxhbnRlZC1zdGFuZGFyZC13ZWJob29rcw==",
}

PROJECT = """\
project: { name: Harbour School, country: GB, timezone: Europe/London }
public_url: https://texts.example
connections:
  front-desk: { uses: mysmsgate, with: { api_key: "${GATEWAY_KEY}", webhook_secret: "${GATEWAY_SECRET}" } }
  by-token: { uses: mysmsgate, with: { api_key: "${GATEWAY_KEY}", callback_token: "${CALLBACK_TOKEN}" } }
serve: { max_body: 2 MB, max_file: 1 MB, workers: 2 }
api: { tokens: ["${API_TOKEN}"] }
secrets: { shop: ["${HOOK_SECRET}", "${HOOK_OLD}"], standard: "${STANDARD}" }
workflows: { asleep: { enabled: false } }
"""

STEPS = "steps:\n  - { id: note, uses: data.set, with: { seen: yes indeed } }\n"

HOOKS = {
    "plain": "{ path: plain, methods: [POST, GET] }",
    "asleep": "{ path: asleep }",
    "small": "{ path: small, max_body: 10 KB }",
    "token": "{ path: token, auth: { type: token, secret: shop, query: key } }",
    "header": "{ path: header, auth: { type: token, secret: shop, header: X-Shop-Key } }",
    "basic": "{ path: basic, auth: { type: basic, secret: shop, username: forms } }",
    "signed": "{ path: signed, auth: { type: hmac, secret: shop, header: X-Signature, prefix: sha256=, timestamp_header: X-Timestamp } }",
    "standard": "{ path: standard, auth: { type: standard_webhooks, secret: standard } }",
    "once": "{ path: once, dedupe: \"{{ headers['X-Id'] }}\" }",
    "files": "{ path: files, files: { agreement: { types: [docx], max_size: 100 KB, required: true }, photo: { types: [image/*] } } }",
    "notes": "{ path: notes, files: { notes: { types: [txt], required: true } } }",
    "typed": "{ path: typed, body_schema: { type: object, required: [name, phone], properties: { age: { type: integer } } } }",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ringback.yaml").write_text(PROJECT)
    (tmp_path / "workflows").mkdir()
    for name, with_ in HOOKS.items():
        text = (
            f"name: The {name} one\ntrigger: {{ uses: webhook.received, with: {with_} }}\n{STEPS}"
        )
        (tmp_path / "workflows" / f"{name}.yaml").write_text(text)
    return tmp_path


@pytest.fixture
def runtime(folder: Path) -> Iterator[Runtime]:
    made = open_runtime(load_settings(folder, ENVIRON))
    assert not made.workflows.problems, "\n".join(map(str, made.workflows.problems))
    made.start()
    yield made
    made.close(0)


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    return create_app(runtime)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {ENVIRON['API_TOKEN']}"}
