"""Every gateway of the registry: what is verified is answered 2xx, however little we know of it, and can be seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
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
from ringback.journal.schema import events, messages, reports, runs
from ringback.rehearsal import calling_back
from ringback.rehearsal.paper import FORM
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
    assert manifest.callbacks is not None
    words = {word for spec in manifest.callbacks.report for word in spec.statuses.values()}
    last = "delivered" if "delivered" in words else "sent"  # a modem's own box may know no more
    for status, known in (("unknown", False), (last, True)):
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


def test_a_wrong_proof_is_turned_away_and_starts_nothing(
    client: FlaskClient, runtime: Runtime
) -> None:
    """Signed with other secrets, not at all, or with a body that nobody can read: refused before it is read."""
    _, manifest, settings = runtime.connection("front-desk")
    url, now = f"{ADDRESS}/callbacks/front-desk", runtime.clock.now_ms()
    other = {**settings, **{name: _other(settings.get(name)) for name in verify.proof_settings(manifest)}}  # fmt: skip
    facts = calling_back.Facts("g-1", "+447700900077", "delivered", now, "msg_1")
    text = calling_back.Text("+447700900077", "+447700900100", "YES", now)
    wrong = [
        calling_back.report(manifest, other, url, facts),
        calling_back.inbound(manifest, other, url, text, Random(1)),
        callbacks.incoming("POST", url, {"Content-Type": "application/json"}, b'{"unread'),
        callbacks.incoming("GET", url, {}, b""),
    ]
    for made in wrong:
        assert made is not None
        assert post(client, made) in (401, 403)
    runtime.journal.write(lambda _connection: None)
    for table in (messages, reports, events, runs):
        assert rows(runtime, table) == []
    with runtime.journal.read() as conn:
        assert len(list_refused(conn, "front-desk")) == len(wrong)


def _other(given: Any) -> Any:
    """Another secret of the same kind."""
    if isinstance(given, list):
        return [_other(one) for one in given]
    return f"{given[:-1]}{'1' if given.endswith('0') else '0'}" if given else given


def test_a_ping(client: FlaskClient, runtime: Runtime) -> None:
    """What a dashboard's “send a test” may say: verified, and nothing that we know."""
    _, manifest, settings = runtime.connection("front-desk")
    url, now = f"{ADDRESS}/callbacks/front-desk", runtime.clock.now_ms()
    bare = callbacks.incoming("POST", url, {"Content-Type": "application/json"}, b'{"ping":"hello"}')  # fmt: skip
    form = callbacks.incoming("POST", url, {"Content-Type": FORM}, b"ping=hello")
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
