"""Every gateway of the registry: what is verified is answered 2xx, however little we know of it, and can be seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from ringback.connectors import callbacks, verify
from ringback.connectors.callbacks import IncomingRequest
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.manifest import Manifest
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal.refused import list_refused
from ringback.journal.schema import messages, reports
from ringback.rehearsal import calling_back
from ringback.rehearsal.project import stand_in_settings
from ringback.settings import load_settings
from ringback.web.app import create_app

ADDRESS = "https://texts.example"
CATALOGUE = load_catalogue()
GATEWAYS = [
    one
    for one in CATALOGUE.connectors.values()
    if one.kind == "sms-gateway" and one.callbacks is not None
]


@pytest.fixture(params=GATEWAYS, ids=[one.id for one in GATEWAYS])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    gateway: Manifest = request.param
    project = {
        "project": {"name": "Harbour School", "country": "GB", "timezone": "Europe/London"},
        "public_url": ADDRESS,
        "connections": {"front-desk": {"uses": gateway.id, "with": stand_in_settings(gateway, {})}},
    }
    (tmp_path / "ringback.yaml").write_text(json.dumps(project))
    made = open_runtime(load_settings(tmp_path, {}))
    made.start()
    yield made
    made.close(0)


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


def post(client: FlaskClient, request: IncomingRequest) -> int:
    path = request.url.removeprefix(ADDRESS)
    headers = {name: text for name, text in request.headers.items() if name != "content-length"}
    return client.open(path, method=request.method, data=request.body, headers=headers).status_code


def rows(runtime: Runtime, table: Any) -> list[Any]:
    with runtime.journal.read() as conn:
        return list(conn.execute(select(table)).all())


def test_an_unknown_status_of_an_unknown_message(client: FlaskClient, runtime: Runtime) -> None:
    _, manifest, settings = runtime.connection("front-desk")
    url = f"{ADDRESS}/callbacks/front-desk"
    now = runtime.clock.now_ms()
    for status, known in (("unknown", False), ("delivered", True)):
        facts = calling_back.Facts("nobody-knows-1", "+447700900077", status, now, "msg_none")
        made = calling_back.report(manifest, settings, url, facts)
        if made is None:
            pytest.skip(f"{manifest.name} sends no reports")
        assert post(client, made) // 100 == 2
        assert post(client, made) // 100 == 2
        told = [row for row in rows(runtime, reports) if (row.status != "unknown") == known]
        if told:
            assert {row.message_id for row in told} == {None}
            assert all(row.raw_status for row in told)
        else:
            # gateways whose event's name is the status: another name is another shape
            runtime.journal.write(lambda _connection: None)
            with runtime.journal.read() as conn:
                assert not known
                assert list_refused(conn, "front-desk")
    assert rows(runtime, messages) == []


def test_a_ping(client: FlaskClient, runtime: Runtime) -> None:
    """What a dashboard's “send a test” may say: verified, and nothing that we know."""
    _, manifest, settings = runtime.connection("front-desk")
    url, now = f"{ADDRESS}/callbacks/front-desk", runtime.clock.now_ms()
    bare = callbacks.incoming("POST", url, {"Content-Type": "application/json"}, b'{"ping":"hello"}')  # fmt: skip
    form = callbacks.incoming("POST", url, {"Content-Type": calling_back.FORM}, b"ping=hello")
    try:
        signed = verify.sign(manifest, settings, bare, now)
    except verify.Refused:  # its signature covers forms alone
        signed = verify.sign(manifest, settings, form, now)
    assert post(client, signed) // 100 == 2
    runtime.journal.write(lambda _connection: None)
    with runtime.journal.read() as conn:
        shown = [row.why for row in list_refused(conn, "front-desk")]
    told = client.get("/metrics").text
    assert 'ringback_callbacks_total{connection="front-desk",kind="ping"} 1.0' in told
    assert len(shown) == 1
    assert "fits no shape" in shown[0]
