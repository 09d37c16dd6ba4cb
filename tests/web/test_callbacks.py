"""Callbacks of gateways: verified on raw bytes, kept, answered as the gateway wants."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from sqlalchemy import select
from tests.web.conftest import ENVIRON

from ringback.engine.runtime import Runtime
from ringback.journal.heard import last_heard
from ringback.journal.refused import Refused, list_refused
from ringback.journal.schema import events, reports
from ringback.problems import Failure

REPORT = {
    "message_id": "msg_1",
    "phone": "+447700900077",
    "status": "delivered",
    "timestamp": 1678886400,
}
TEXT = {"from": "+447700900077", "to": "+447700900200", "message": "YES", "timestamp": 1678886400}


def post(client: Any, body: Any, path: str = "/callbacks/front-desk", **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    made = hmac.new(ENVIRON["GATEWAY_SECRET"].encode(), raw, hashlib.sha256).hexdigest()
    sent = {"X-Signature": made, **headers}
    return client.post(path, data=raw, headers=sent, content_type="application/json")


def refused(runtime: Runtime, connection: str = "front-desk") -> list[Refused]:
    runtime.journal.write(lambda _connection: None)  # after what was submitted
    with runtime.journal.read() as conn:
        return list_refused(conn, connection)


def test_a_report_is_kept_and_answered_as_the_gateway_wants(client: Any, runtime: Runtime) -> None:
    answer = post(client, REPORT)
    assert (answer.status_code, answer.data) == (200, b'{"status":"success"}')
    with runtime.journal.read() as connection:
        rows = connection.execute(select(reports)).all()
    assert [(row.gateway_id, row.status) for row in rows] == [("msg_1", "delivered")]
    assert json.loads(rows[0].raw) == REPORT


@pytest.mark.parametrize(
    "body",
    [
        TEXT,
        {**REPORT, "status": "teleported"},
        {"event": "test", "hello": 1},
        {},
        [1, 2],
    ],
)
def test_whatever_is_verified_is_answered_2xx(client: Any, body: Any) -> None:
    assert post(client, body).status_code == 200
    assert post(client, body).status_code == 200


def test_what_is_answered_and_changes_nothing_is_seen_all_the_same(
    client: Any, runtime: Runtime
) -> None:
    def seen() -> dict[str, int]:
        runtime.journal.write(lambda _connection: None)  # after what was submitted
        known = runtime.journal.look(last_heard)
        return dict(known["front-desk"].at) if known else {}

    assert seen() == {}
    post(client, REPORT, **{"X-Signature": "00"})
    assert seen().keys() == {"refused"}
    post(client, {"event": "test", "hello": 1})
    assert seen().keys() == {"refused", "no_shape"}
    post(client, {**REPORT, "status": "teleported"})
    assert seen().keys() == {"refused", "no_shape", "report", "unknown_message", "unknown_status"}
    known = runtime.journal.look(last_heard)["front-desk"]
    assert [(one.status, one.times) for one in known.unknown_statuses] == [("teleported", 1)]
    post(client, TEXT)
    assert "inbound" in seen()


def test_a_text_that_comes_in_is_kept(client: Any, runtime: Runtime) -> None:
    post(client, TEXT)
    with runtime.journal.read() as connection:
        kinds = [row.kind for row in connection.execute(select(events))]
    assert kinds == ["inbound"]


def test_what_fails_verification_is_401_and_kept(client: Any, runtime: Runtime) -> None:
    answer = post(client, REPORT, **{"X-Signature": "00", "Authorization": "Bearer stranger"})
    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "refused"
    (row,) = refused(runtime)
    assert row.body == json.dumps(REPORT).encode()
    assert "X-Signature" in row.reason
    assert row.headers["authorization"] == "•••"
    assert row.url == "https://texts.example/callbacks/front-desk"


def test_refused_callbacks_do_not_fill_the_disk(client: Any, runtime: Runtime) -> None:
    for _ in range(40):
        assert post(client, b"x" * 500_000, **{"X-Signature": "00"}).status_code == 401
    kept = refused(runtime)
    assert 1 <= len(kept) <= 15
    assert all(len(row.body) <= 64 * 1024 for row in kept)
    assert post(client, b"x" * 1_100_000).status_code == 413


def test_a_body_that_is_not_what_it_says_is_400_and_kept(client: Any, runtime: Runtime) -> None:
    assert post(client, b"{broken").status_code == 400
    assert len(refused(runtime)) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"?token={ENVIRON['CALLBACK_TOKEN']}", 200),
        (f"/{ENVIRON['CALLBACK_TOKEN']}", 200),
        ("?token=wrong", 401),
        ("/wrong", 401),
        ("", 401),
    ],
)
def test_the_token_stands_in_the_query_or_in_the_path(
    client: Any, runtime: Runtime, path: str, status: int
) -> None:
    answer = client.post(f"/callbacks/by-token{path}", json=REPORT)
    assert answer.status_code == status
    shown = json.dumps([row.url for row in refused(runtime, "by-token")])
    assert ENVIRON["CALLBACK_TOKEN"] not in shown


def test_what_cannot_be_verified_now_is_asked_for_again(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any) -> None:
        raise Failure("unreachable", "The host of its certificate could not be reached.")

    monkeypatch.setattr("ringback.web.callbacks.check", unreachable)
    answer = post(client, REPORT)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    monkeypatch.undo()
    assert post(client, REPORT).status_code == 200


def test_an_unknown_connection_is_404(client: Any) -> None:
    answer = client.post("/callbacks/nobody", json=REPORT)
    assert answer.status_code == 404
    assert answer.json["error"]["where"] == "/callbacks/nobody"


def test_a_journal_that_cannot_write_is_503(
    client: Any, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ringback.web.callbacks.accept_report", full)
    answer = post(client, REPORT)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
