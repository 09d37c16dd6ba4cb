"""The rehearsal gateway over HTTP: sends in, callbacks out, and its own list of texts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ringback.clock import SystemClock
from ringback.connectors import callbacks, invoke, verify
from ringback.connectors.callbacks import incoming
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.transport import Answer, Call, Transport
from ringback.problems import Failure
from ringback.rehearsal.gateway import Rehearsal
from ringback.rehearsal.project import stand_in_settings
from ringback.rehearsal.server import RehearsalServer

MANIFEST = load_catalogue().connectors["mysmsgate"]
CALLBACKS = "http://school.example/callbacks/front-desk"
SETTINGS = stand_in_settings(MANIFEST, {})


class Runner:
    """Takes the callbacks, in place of the network; refuses the first `refusing` of them."""

    def __init__(self) -> None:
        self.read: list[Any] = []
        self.refusing = 0
        self.attempts = 0
        self._lock = threading.Lock()

    def send(self, call: Call) -> Answer:
        with self._lock:
            self.attempts += 1
            if self.attempts <= self.refusing:
                if self.attempts % 2:
                    raise Failure("unreachable", "Nobody is there.")
                return Answer(503, {}, b"Not yet")
            request = incoming(call.method, call.url, call.headers, call.body or b"")
            now = SystemClock().now_ms()
            verify.check(MANIFEST, SETTINGS, request, "http://school.example", now)
            self.read += callbacks.read(MANIFEST, SETTINGS, request)
        return Answer(200, {}, b"{}")


class Stage:
    def __init__(self, server: RehearsalServer, runner: Runner, address: str) -> None:
        self.server, self.runner, self.address = server, runner, address
        self.transport = Transport()
        self.settings = SETTINGS | {
            name: address for name, one in MANIFEST.settings.items() if one.type == "url"
        }

    def send(self, to: str, text: str = "Hello", **other: Any) -> invoke.SendResult:
        message = {"to": to, "text": text}
        return invoke.send_sms(MANIFEST, self.settings | other, message, self.transport)

    def get(self, path: str) -> Any:
        answer = self.transport.send(Call("GET", self.address + path))
        assert answer.status == 200
        return json.loads(answer.body)

    def post(self, path: str, body: Any) -> Answer:
        headers = {"Content-Type": "application/json"}
        return self.transport.send(
            Call("POST", self.address + path, headers, json.dumps(body).encode())
        )

    def statuses(self, gateway_id: str | None) -> list[str]:
        return [one.status for one in self.runner.read if one.gateway_id == gateway_id]


def until(true: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "texts.jsonl"


@pytest.fixture
def stage(log: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("ringback.rehearsal.delivery.RETRY_S", (0.01, 0.02, 0.03, 0.04))
    runner = Runner()
    rehearsals = [
        Rehearsal(
            MANIFEST,
            SETTINGS,
            CALLBACKS,
            SystemClock(),
            connection=name,
            delay_ms=10,
        )
        for name in ("front-desk",)
    ]
    server = RehearsalServer(rehearsals, transport=runner, log=log)
    stage = Stage(server, runner, server.start())
    yield stage
    stage.transport.close()
    server.stop()


def test_a_send_is_taken_and_reported(stage: Stage, log: Path) -> None:
    sent = stage.send("+447700900077", "Hi “Amina”")
    until(lambda: stage.statuses(sent.gateway_id) == ["sent", "delivered"])
    (entry,) = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert (entry["id"], entry["to"], entry["text"]) == (sent.gateway_id, "+447700900077", "Hi “Amina”")  # fmt: skip
    told = stage.get("/rehearsal/messages")
    assert told["count"] == 1
    assert told["messages"][0]["connection"] == "front-desk"
    until(lambda: len(stage.get("/rehearsal/messages")["callbacks"]) == 2)


def test_the_report_before_the_answer(stage: Stage) -> None:
    sent = stage.send("+447700900005")
    assert stage.statuses(sent.gateway_id) == ["delivered"]


def test_callbacks_are_tried_again_until_they_are_taken(stage: Stage) -> None:
    stage.runner.refusing = 3
    sent = stage.send("+447700900077")
    until(lambda: sorted(stage.statuses(sent.gateway_id)) == ["delivered", "sent"])


def test_a_callback_that_nobody_takes_is_given_up(stage: Stage) -> None:
    stage.runner.refusing = 1000
    stage.send("+447700900077")
    until(
        lambda: sum("given up" in one["said"] for one in stage.server.recent()[1]) == 2,
    )


def test_wrong_credentials(stage: Stage, log: Path) -> None:
    wrong = {name: "wrong" for name, one in MANIFEST.settings.items() if one.type == "secret"}
    with pytest.raises(Failure) as caught:
        stage.send("+447700900077", **wrong)
    assert caught.value.code == "unauthorized"
    assert log.read_text() == ""


def test_a_phone_texts_in(stage: Stage) -> None:
    given = {"from": "+447700900077", "to": "+447700900100", "text": "Yes"}
    assert stage.post("/rehearsal/text-in", given).status == 202
    until(lambda: stage.runner.read)
    assert stage.runner.read[0].text == "Yes"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"from": "+447700900077"}, 400, "to and text are missing."),
        ([], 400, "from and to and text are missing."),
        ({"from": "1", "to": "2", "text": "x", "connection": "no"}, 404, "There is no connection no here."),
    ],
)  # fmt: skip
def test_what_cannot_be_texted_in(stage: Stage, body: Any, status: int, says: str) -> None:
    answer = stage.post("/rehearsal/text-in", body)
    assert (answer.status, json.loads(answer.body)["error"]["message"]) == (status, says)


def test_an_address_of_no_gateway(stage: Stage) -> None:
    answer = stage.post("/no/such/thing", {})
    assert answer.status == 404
    assert json.loads(answer.body)["error"]["code"] == "not_found"


def test_the_page_shows_texts_as_text(stage: Stage) -> None:
    stage.send("+447700900002", "<script>alert(1)</script>")
    page = stage.transport.send(Call("GET", stage.address + "/")).body.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page


def test_many_sends_at_once_are_each_on_the_list_once(stage: Stage, log: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda n: stage.send("+447700900002", f"text {n}"), range(200)))
    texts = [json.loads(line)["text"] for line in log.read_text().splitlines()]
    assert sorted(texts) == sorted(f"text {number}" for number in range(200))
    assert len({one.gateway_id for one in sent}) == 200


def test_a_log_goes_on_after_a_line_cut_short(log: Path) -> None:
    log.write_bytes(b'{"text":"whole"}\n{"text":"cu')
    server = RehearsalServer(
        [Rehearsal(MANIFEST, SETTINGS, CALLBACKS, SystemClock())], transport=Runner(), log=log
    )
    stage = Stage(server, Runner(), server.start())
    stage.send("+447700900002", "next")
    stage.transport.close()
    server.stop()
    assert json.loads(log.read_text().splitlines()[-1])["text"] == "next"
