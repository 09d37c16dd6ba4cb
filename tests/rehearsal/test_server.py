"""The rehearsal gateway over HTTP: sends in, callbacks out, and its own list of texts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ringback.clock import SystemClock
from ringback.connectors import callbacks, invoke, verify
from ringback.connectors.callbacks import incoming
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.media import own_headers
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
        self.manifest, self.settings = MANIFEST, SETTINGS
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
            verify.check(self.manifest, self.settings, request, "http://school.example", now)
            self.read += callbacks.read(self.manifest, self.settings, request)
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


@pytest.mark.parametrize(
    ("ending", "code"), [("0011", "no_credit"), ("0012", "throttled"), ("0013", "unauthorized")]
)
def test_refusals_are_the_gateways_own(stage: Stage, ending: str, code: str) -> None:
    with pytest.raises(Failure) as caught:
        stage.send(f"+44770090{ending}")
    assert caught.value.code == code
    assert caught.value.retry_after == (2 if code == "throttled" else None)
    assert not stage.server.taken


def test_a_connection_is_broken_off(stage: Stage) -> None:
    with pytest.raises(Failure, match="broke the connection off") as caught:
        stage.send("+447700900015")
    assert caught.value.code == "no_answer"
    assert not stage.server.taken
    with pytest.raises(Failure, match="broke the connection off"):
        stage.send("+447700900016")
    (taken,) = stage.server.taken
    until(lambda: stage.statuses(taken["id"]) == ["sent", "delivered"])
    stage.send("+447700900077")  # and the server is as well as before


class Hurried:
    """A sender that waits a fifth of a second."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, call: Call) -> Answer:
        return self._transport.send(replace(call, timeout_s=0.2))


def test_an_answer_comes_when_nobody_waits_any_more(stage: Stage) -> None:
    (rehearsal,) = stage.server.rehearsals
    assert rehearsal.action.request is not None
    hurried = replace(rehearsal.action.request, timeout_ms=200)
    rehearsal.action = replace(rehearsal.action, request=hurried)
    message = {"to": "+447700900017", "text": "Hello"}
    with pytest.raises(Failure, match="did not answer") as caught:
        invoke.send_sms(MANIFEST, stage.settings, message, Hurried(stage.transport))
    assert caught.value.code == "no_answer"
    (taken,) = stage.server.taken
    until(lambda: stage.statuses(taken["id"]) == ["sent", "delivered"])


def test_every_number_behaves_as_one(stage: Stage) -> None:
    assert json.loads(stage.post("/rehearsal/always", {"ending": "0011"}).body) == {"ending": "0011"}  # fmt: skip
    with pytest.raises(Failure) as caught:
        stage.send("+447700900077")
    assert caught.value.code == "no_credit"
    wrong = stage.post("/rehearsal/always", {"ending": "4711"})
    assert wrong.status == 400
    assert b"0001, 0002" in wrong.body
    assert stage.post("/rehearsal/always", {"ending": ""}).status == 200
    assert stage.send("+447700900077").gateway_id


def test_a_file_comes_with_a_text(stage: Stage) -> None:
    """With a gateway that brings files: the address in its callback gives the file."""
    twilio = load_catalogue().connectors["twilio"]
    settings = stand_in_settings(twilio, {})
    stage.runner.manifest, stage.runner.settings = twilio, settings
    stage.server.rehearsals[:] = [Rehearsal(twilio, settings, CALLBACKS, SystemClock())]
    body = (
        b'--x\r\nContent-Disposition: form-data; name="from"\r\n\r\n+447700900077\r\n'
        b'--x\r\nContent-Disposition: form-data; name="to"\r\n\r\n+447700900100\r\n'
        b'--x\r\nContent-Disposition: form-data; name="media"; filename="Eselsohr \xe2\x98\x83.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\x00\xff\r\n--x--\r\n"
    )
    call = Call("POST", f"{stage.address}/rehearsal/text-in", {"Content-Type": "multipart/form-data; boundary=x"}, body)  # fmt: skip
    assert stage.transport.send(call).status == 202
    until(lambda: stage.runner.read)
    (inbound,) = stage.runner.read
    (media,) = inbound.media
    assert (inbound.text, media.content_type) == ("", "image/png")
    refused = stage.transport.send(Call("GET", media.url))
    assert refused.status == 401
    own = own_headers(media.url, twilio, {**settings, "base_url": stage.address})
    assert own is not None
    file = stage.transport.send(Call("GET", media.url, own))
    assert (file.status, file.headers["content-type"], file.body) == (200, "image/png", b"\x89PNG\x00\xff")  # fmt: skip
    other = media.url.replace("/media/", "/media/x")
    assert stage.transport.send(Call("GET", other, own)).status == 404


def test_the_page_says_what_is_wrong(stage: Stage) -> None:
    headers = {"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded"}
    call = Call("POST", f"{stage.address}/rehearsal/text-in", headers, b"from=%2B44&to=&text=%3Cb%3E")  # fmt: skip
    answer = stage.transport.send(call)
    assert answer.status == 400
    assert b"to is missing" in answer.body
    good = Call("POST", f"{stage.address}/rehearsal/text-in", headers, b"from=%2B44&to=1&text=%3Cb%3E")  # fmt: skip
    assert stage.transport.send(good).status == 303


def test_what_went_wrong_is_on_the_page(stage: Stage) -> None:
    for ending in ("0011", "0015"):
        with pytest.raises(Failure):
            stage.send(f"+44770090{ending}")
    said = [(one["callback"], one["said"]) for one in stage.server.recent()[1]]
    assert said == [
        ("send to +447700900011: the account has no credit left", "answered 402"),
        ("send to +447700900015: the connection breaks off, and the message is not taken", "no answer"),
    ]  # fmt: skip


def test_a_file_lies_where_the_connection_knows_the_server(stage: Stage) -> None:
    (rehearsal,) = stage.server.rehearsals
    port = stage.address.rpartition(":")[2]
    rehearsal.settings["base_url"] = f"http://localhost:{port}/api"
    assert stage.server._known_as(rehearsal) == f"http://localhost:{port}"
    rehearsal.settings["base_url"] = "https://mysmsgate.example"
    assert stage.server._known_as(rehearsal) == ""
