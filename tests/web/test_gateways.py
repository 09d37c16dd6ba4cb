"""What gateways of other kinds ask of the callback door: a handshake, an empty answer, our own id in the address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from ringback.connectors import verify
from ringback.connectors.callbacks import incoming
from ringback.connectors.transport import Answer, Call
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal.refused import list_refused
from ringback.journal.schema import events, reports
from ringback.settings import load_settings
from ringback.web.app import create_app

PROJECT = """\
project: { name: Riverside Garage, country: GB, timezone: Europe/London }
public_url: https://texts.example
connections:
  topic: { uses: aws, with: { access_key_id: AKIDEXAMPLE, secret_access_key: "${SECRET}", topics: ["arn:aws:sns:eu-west-1:1:texts"], certificate: rehearsal } }
  modem: { uses: kannel, with: { username: ringback, password: "${SECRET}", callback_token: "${TOKEN}" } }
"""
ENVIRON = {"SECRET": "planted-secret-key-1234", "TOKEN": "plantedtoken5678"}
CONFIRM = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"


class Network:
    """Answers every call with `status`."""

    status = 200

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def send(self, call: Call) -> Answer:
        self.calls.append(call)
        return Answer(self.status, {}, b"", call.url)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def runtime(tmp_path: Path, network: Any) -> Iterator[Runtime]:
    (tmp_path / "ringback.yaml").write_text(PROJECT)
    made = open_runtime(load_settings(tmp_path, ENVIRON), transport=network)
    made.start()
    yield made
    made.close(0)


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


def notify(client: Any, runtime: Runtime, **envelope: Any) -> Any:
    _, manifest, settings = runtime.connection("topic")
    said = {"MessageId": "m1", "Message": "…", "SigningCertURL": "rehearsal", **envelope}
    request = incoming("POST", "https://texts.example/callbacks/topic", {"Content-Type": "text/plain"}, json.dumps(said).encode())  # fmt: skip
    signed = verify.sign(manifest, settings, request, runtime.clock.now_ms())
    return client.post("/callbacks/topic", data=signed.body, content_type="text/plain")


def test_a_handshake_is_confirmed_once_it_is_verified(
    client: Any, runtime: Runtime, network: Network
) -> None:
    answer = notify(client, runtime, Type="SubscriptionConfirmation", Token="t", SubscribeURL=CONFIRM)  # fmt: skip
    assert (answer.status_code, answer.data) == (200, b"")
    assert [(call.method, call.url, call.guard) for call in network.calls] == [("GET", CONFIRM, True)]  # fmt: skip
    forged = {"Type": "SubscriptionConfirmation", "TopicArn": "arn:aws:sns:eu-west-1:1:texts", "SubscribeURL": CONFIRM}  # fmt: skip
    assert client.post("/callbacks/topic", json=forged).status_code == 401
    assert len(network.calls) == 1


def test_a_handshake_that_cannot_be_confirmed_yet_is_asked_for_again(
    client: Any, runtime: Runtime, network: Network
) -> None:
    network.status = 500
    answer = notify(client, runtime, Type="SubscriptionConfirmation", Token="t", SubscribeURL=CONFIRM)  # fmt: skip
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    network.status = 403
    assert notify(client, runtime, Type="SubscriptionConfirmation", Token="t", SubscribeURL=CONFIRM).status_code == 200  # fmt: skip
    runtime.journal.write(lambda _connection: None)
    with runtime.journal.read() as connection:
        (row,) = list_refused(connection, "topic")
    assert "answered 403" in row.reason


def test_an_event_inside_a_text_is_a_report(client: Any, runtime: Runtime) -> None:
    event = {"eventType": "TEXT_DELIVERED", "messageId": "a1", "eventTimestamp": 1782657000123}
    assert notify(client, runtime, Type="Notification", Message=json.dumps(event)).status_code == 200  # fmt: skip
    with runtime.journal.read() as connection:
        rows = connection.execute(select(reports)).all()
    assert [(row.gateway_id, row.status) for row in rows] == [("a1", "delivered")]


def test_a_gateway_that_texts_its_answer_gets_an_empty_one(client: Any, runtime: Runtime) -> None:
    token = ENVIRON["TOKEN"]
    text = client.get(f"/callbacks/modem?token={token}&from=%2B447700900077&to=60777&text=Yes&at=1782657000&id=1")  # fmt: skip
    report = client.get(f"/callbacks/modem?token={token}&message=msg_x&status=1&at=1782657000")
    for answer in (text, report):
        assert (answer.status_code, answer.data) == (200, b"")
    assert client.get("/callbacks/modem?message=msg_x&status=1").status_code == 401
    with runtime.journal.read() as connection:
        kinds = sorted(row.kind for row in connection.execute(select(events)))
    assert kinds == ["inbound", "report"]
