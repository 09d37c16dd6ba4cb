"""A refused callback is diagnosed at once, shown, and taken in once the setting is right."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select

from ringback.cli import commands
from ringback.clock import SimulatedClock
from ringback.connectors import verify
from ringback.connectors.callbacks import incoming
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal.refused import BODY_KEPT
from ringback.journal.runs import list_runs
from ringback.journal.schema import events, reports
from ringback.rehearsal import calling_back
from ringback.settings import load_settings
from ringback.web.app import create_app

PROJECT = """\
project: { name: Harbour School, country: GB, timezone: Europe/London }
public_url: https://texts.example
connections:
  front-desk: { uses: mysmsgate, with: { api_key: "${KEY}", webhook_secret: "${SIGNED}" } }
  spare: { uses: mysmsgate, with: { api_key: "${KEY}", webhook_secret: "${SPARE}" } }
  both: { uses: mysmsgate, with: { api_key: "${KEY}", webhook_secret: "${SIGNED}", callback_token: "${TOKEN}" } }
  phone: { uses: smsgate, with: { username: A1B2C3, password: "${KEY}", webhook_secret: "${SIGNED}" } }
  modem: { uses: kannel, with: { username: ringback, password: "${KEY}", callback_token: "${TOKEN}" } }
  bearer: { uses: httpsms, with: { api_key: "${KEY}", sender: "+447700900200", webhook_secret: "${SIGNED}" } }
api: { tokens: ["${API}"] }
"""
FLOW = "name: Note\ntrigger: { uses: sms.received }\nsteps:\n  - { id: note, uses: data.set, with: { seen: yes indeed } }\n"
ENVIRON = {
    "KEY": "planted-gateway-key-8127",
    "SIGNED": "planted-signing-secret-5521",
    "SPARE": "planted-spare-secret-5522",
    "TOKEN": "plantedcallbacktoken9911",
    "API": "planted-api-token-0123456789",
}
REPORT = {"message_id": "msg_1", "phone": "+447700900077", "status": "delivered", "timestamp": 1}
TEXT = {"from": "+447700900077", "to": "+447700900200", "message": "YES", "timestamp": 1678886400}
NOW = 1_782_657_000_000
Opens = Callable[..., tuple[Runtime, FlaskClient]]


@pytest.fixture
def opens(tmp_path: Path) -> Iterator[Opens]:
    """Opens the project, as with other settings after a restart."""
    (tmp_path / "ringback.yaml").write_text(PROJECT)
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "note.yaml").write_text(FLOW)
    opened: list[Runtime] = []

    def open_(now: int = NOW, **environ: str) -> tuple[Runtime, FlaskClient]:
        for one in opened:
            one.close(0)
        settings = load_settings(tmp_path, {**ENVIRON, **environ})
        opened.append(open_runtime(settings, clock=SimulatedClock(now)))
        opened[-1].start()
        return opened[-1], create_app(opened[-1]).test_client()

    yield open_
    for one in opened:
        one.close(0)


def post(
    client: FlaskClient, body: Any, secret: str, path: str = "/callbacks/front-desk", **headers: str
) -> int:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    made = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    sent = {"X-Signature": made, **headers}
    return client.post(path, data=raw, headers=sent, content_type="application/json").status_code


def api(client: FlaskClient, method: str, path: str) -> Any:
    return client.open(
        f"/api/v1{path}", method=method, headers={"Authorization": f"Bearer {ENVIRON['API']}"}
    )


def listed(runtime: Runtime, client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    runtime.journal.write(lambda _connection: None)  # after what was submitted
    answer = api(client, "GET", f"/refused{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json["refused"]
    return found


def replay(client: FlaskClient, refused_id: str) -> Any:
    return api(client, "POST", f"/refused/{refused_id}/replay")


def rows(runtime: Runtime, table: Any) -> list[Any]:
    with runtime.journal.read() as conn:
        return list(conn.execute(select(table)).all())


def test_the_diagnosis_is_kept_and_tells_no_secret(
    opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    runtime, client = opens()
    assert post(client, REPORT, ENVIRON["SPARE"]) == 401
    (row,) = listed(runtime, client)
    assert row["connection"] == "front-desk"
    assert "X-Signature" in row["reason"]
    assert row["findings"] == ["Would verify with another secret: webhook_secret of spare."]
    assert row["findings"][0] in caplog.text
    assert not any(secret in json.dumps(row) + caplog.text for secret in ENVIRON.values())
    assert listed(runtime, client, "?connection=spare") == []


def test_a_wrong_public_url_is_found_and_replayed_once_it_is_right(
    opens: Opens, tmp_path: Path
) -> None:
    settings = tmp_path / "ringback.yaml"
    settings.write_text(
        PROJECT.replace(
            "  modem:",
            '  tw: { uses: twilio, with: { account_sid: AC1, auth_token: "${SIGNED}", sender: "+447700900200" } }\n  modem:',
        )
    )
    runtime, client = opens()
    _, manifest, given = runtime.connection("tw")
    body = b"MessageSid=SM1&MessageStatus=delivered&To=%2B447700900077"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    public = "https://hooks.example/callbacks/tw"
    signed = verify.sign(manifest, given, incoming("POST", public, form, body), NOW)
    headers = {**signed.headers, "X-Forwarded-Host": "hooks.example", "X-Forwarded-Proto": "https"}
    assert client.post("/callbacks/tw", data=body, headers=headers).status_code == 401
    (row,) = listed(runtime, client)
    assert "set `public_url` to https://hooks.example." in row["findings"][0]
    assert replay(client, row["id"]).status_code == 409
    settings.write_text(settings.read_text().replace("texts.example", "hooks.example"))
    runtime, client = opens()
    answer = replay(client, row["id"])
    assert answer.json == {"taken": [{"kind": "report", "says": "delivered of SM1", "runs": []}]}


def test_a_replay_goes_the_way_of_every_callback(opens: Opens) -> None:
    runtime, client = opens()
    assert post(client, TEXT, "tomorrows-secret-77") == 401
    assert post(client, REPORT, "tomorrows-secret-77") == 401
    report, text = listed(runtime, client)
    still = replay(client, report["id"])
    assert (still.status_code, still.json["error"]["code"]) == (409, "refused")
    assert "is refused by the settings of today too" in still.json["error"]["message"]
    runtime, client = opens(SIGNED="tomorrows-secret-77")
    assert post(client, REPORT, "tomorrows-secret-77") == 200  # the gateway sent it again
    answer = replay(client, report["id"])
    assert answer.json == {"taken": [{"kind": "report", "says": "delivered of msg_1", "runs": []}]}
    (taken,) = replay(client, text["id"]).json["taken"]
    with runtime.journal.read() as conn:
        assert [run.id for run in list_runs(conn).runs] == taken["runs"]
    assert len(rows(runtime, reports)) == 1
    assert sorted(row.kind for row in rows(runtime, events)) == ["inbound", "report"]
    assert listed(runtime, client) == []
    assert replay(client, text["id"]).status_code == 404


def test_what_was_in_time_when_it_came_is_replayed_later(opens: Opens) -> None:
    runtime, client = opens()
    body = json.dumps({"event": "sms:delivered", "payload": {"messageId": "m1", "phoneNumber": "+447700900077"}}).encode()  # fmt: skip
    stamp = str(NOW // 1000)

    def send(secret: str, stamp: str) -> int:
        made = hmac.new(secret.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
        headers = {"X-Signature": made, "X-Timestamp": stamp}
        return client.post("/callbacks/phone", data=body, headers=headers, content_type="application/json").status_code  # fmt: skip

    old = str(NOW // 1000 - 86_400)
    assert (send("tomorrows-secret-77", stamp), send("tomorrows-secret-77", old)) == (401, 401)
    late, fresh = listed(runtime, client)
    runtime, client = opens(now=NOW + 86_400_000, SIGNED="tomorrows-secret-77")
    assert replay(client, fresh["id"]).json["taken"][0]["says"] == "delivered of m1"
    assert replay(client, late["id"]).status_code == 409


@pytest.mark.parametrize("way", ["?token={}", "/{}"])
def test_the_right_token_is_not_kept_and_put_back_at_replay(opens: Opens, way: str) -> None:
    runtime, client = opens()
    path = "/callbacks/both" + way.format(ENVIRON["TOKEN"])
    assert post(client, REPORT, "tomorrows-secret-77", path) == 401
    (row,) = listed(runtime, client)
    assert ENVIRON["TOKEN"] not in json.dumps(row)
    assert "•••token•••" in row["url"]
    answer = replay(client, row["id"])
    assert answer.status_code == 409
    assert "refused by the settings of today too" in answer.json["error"]["message"]
    runtime, client = opens(SIGNED="tomorrows-secret-77", TOKEN="a-new-token-12345678")
    assert replay(client, row["id"]).json["taken"][0]["says"] == "delivered of msg_1"
    assert listed(runtime, client) == []


@pytest.mark.parametrize("way", ["?token={}", "/{}"])
def test_another_secret_in_the_address_is_gone_for_good(opens: Opens, way: str) -> None:
    runtime, client = opens()
    path = "/callbacks/both" + way.format(ENVIRON["API"])
    assert post(client, REPORT, "tomorrows-secret-77", path) == 401
    (row,) = listed(runtime, client)
    assert ENVIRON["API"] not in json.dumps(row)
    runtime, client = opens(SIGNED="tomorrows-secret-77")
    answer = replay(client, row["id"])
    assert answer.status_code == 409
    assert "cannot be replayed: its address was kept without the secret" in answer.json["error"]["message"]  # fmt: skip
    assert len(listed(runtime, client)) == 1


@pytest.mark.parametrize("way", ["?token={}", "/{}"])
def test_a_token_that_was_wrong_can_be_replayed(opens: Opens, way: str) -> None:
    runtime, client = opens()
    query = "message=msg_x&status=1&at=1782657000"
    path = "/callbacks/modem" + way.format("tomorrowstoken77")
    assert client.get(f"{path}{'&' if '?' in path else '?'}{query}").status_code == 401
    (row,) = listed(runtime, client)
    runtime, client = opens(TOKEN="tomorrowstoken77")
    assert replay(client, row["id"]).json["taken"][0]["says"] == "delivered of msg_x"


def test_a_web_token_is_kept_like_any_signature(opens: Opens) -> None:
    runtime, client = opens()
    _, manifest, settings = runtime.connection("bearer")
    facts = calling_back.Facts("m1", "+447700900077", "delivered", NOW, "msg_none")
    url = "https://texts.example/callbacks/bearer"
    tomorrows = {**settings, "webhook_secret": ["tomorrows-secret-77"]}
    made = calling_back.report(manifest, tomorrows, url, facts)
    assert made is not None
    headers = {name: text for name, text in made.headers.items() if name != "content-length"}
    for proof in (made.headers["authorization"], "Bearer a-password-of-theirs"):
        sent = {**headers, "authorization": proof}
        assert client.post("/callbacks/bearer", data=made.body, headers=sent).status_code == 401
    password, token = listed(runtime, client)
    assert password["headers"]["authorization"] == "•••"
    runtime, client = opens(now=NOW + 86_400_000, SIGNED="tomorrows-secret-77")
    message = replay(client, password["id"]).json["error"]["message"]
    assert "its header authorization was kept without the secret" in message
    assert replay(client, token["id"]).json["taken"][0]["says"] == "delivered of m1"


def test_a_shape_that_nobody_knows_is_shown_and_stays(opens: Opens) -> None:
    runtime, client = opens()
    assert post(client, {"hello": 1}, ENVIRON["SIGNED"]) == 200
    (row,) = listed(runtime, client)
    assert "fits no shape" in row["reason"]
    assert "fits no shape" in replay(client, row["id"]).json["error"]["message"]
    assert len(listed(runtime, client)) == 1


def test_a_body_that_was_cut_is_not_replayed(opens: Opens) -> None:
    runtime, client = opens()
    assert post(client, {"more": "x" * BODY_KEPT}, "tomorrows-secret-77") == 401
    (row,) = listed(runtime, client)
    assert row["findings"] == []
    assert "too long to be kept whole" in replay(client, row["id"]).json["error"]["message"]


def test_pages(opens: Opens) -> None:
    runtime, client = opens()
    for number in range(3):
        assert post(client, {**REPORT, "n": number}, "tomorrows-secret-77") == 401
    first = listed(runtime, client, "?limit=2")
    answer = api(client, "GET", f"/refused?limit=2&cursor={first[-1]['id']}").json
    assert (len(first), len(answer["refused"]), answer["next"]) == (2, 1, None)


def test_the_command_line(opens: Opens, tmp_path: Path) -> None:
    runtime, client = opens()
    assert post(client, TEXT, ENVIRON["SPARE"]) == 401
    (row,) = listed(runtime, client)
    runtime.close(0)

    def ringback(*arguments: str, **environ: str) -> Any:
        command = ["refused", *arguments, "--project", str(tmp_path)]
        return CliRunner().invoke(commands, command, env={**ENVIRON, **environ})

    plain = ringback()
    assert plain.exit_code == 0, plain.output
    assert f"✗ {row['id']}  front-desk" in plain.output
    assert "Would verify with another secret: webhook_secret of spare." in plain.output
    shown = ringback("show", row["id"])
    assert "POST https://texts.example/callbacks/front-desk" in shown.output
    assert json.dumps(TEXT) in shown.output
    assert json.loads(ringback("show", row["id"], "--json").output)["body"] == json.dumps(TEXT)
    assert ringback("replay", row["id"]).exit_code == 1
    done = ringback("replay", row["id"], SIGNED=ENVIRON["SPARE"])
    assert done.exit_code == 0, done.output
    assert "✓ inbound: a text from +447700900077  run_" in done.output
    assert json.loads(ringback("--json").output) == []
    assert "No callback was refused." in ringback().output
    for verb in ("show", "replay"):
        assert "There is no refused callback" in ringback(verb, row["id"]).output
