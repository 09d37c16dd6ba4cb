"""The bridge by itself: what it takes, what it keeps, what it tells. `tests/rings/test_gammu.py` has it beside a real SMSD."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.clock import SystemClock
from ringback.connectors import callbacks, verify
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.incoming import IncomingRequest, incoming
from ringback.connectors.transport import Answer, Call, Transport

MANIFEST = load_catalogue().connectors["gammu"]
SPEC = importlib.util.spec_from_file_location("gammu_bridge", MANIFEST.folder / "bridge.py")
assert SPEC is not None
assert SPEC.loader is not None
bridge: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bridge)
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SETTINGS = {"key": "k-1", "callback_secret": [SECRET]}
TEXT = {"id": "msg_1", "key": "run_1:steps.text", "to": "+447700900077", "text": "Hi “Amina” 🎉"}


class Taker(bridge.BaseHTTPRequestHandler):  # type: ignore[misc]
    """Takes callbacks, after refusing as many as it is told to."""

    requests: list[IncomingRequest]
    refusing: int

    def do_POST(self) -> None:  # noqa: N802
        kind = type(self)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind.requests.append(incoming("POST", "http://ringback.example/callbacks/modem", dict(self.headers), body))  # fmt: skip
        kind.refusing -= 1
        self.send_response(503 if kind.refusing >= 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def taker() -> Iterator[tuple[type[Taker], str]]:
    kind = type("OneTaker", (Taker,), {"requests": [], "refusing": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield kind, f"http://127.0.0.1:{server.server_port}/callbacks/modem"
    server.shutdown()
    server.server_close()


def made(folder: Path, callback_url: str = "http://127.0.0.1:9/x", extra: str = "") -> Any:
    for name in ("outbox", "sent", "error", "spool"):
        (folder / name).mkdir()
    config = folder / "smsdrc"
    config.write_text(
        f"[gammu]\nmodel = dummy\n[smsd]\nservice = files  # ours\noutboxpath = {folder}/outbox\n"
        f"sentsmspath = {folder}/sent\nerrorsmspath = {folder}/error\n{extra}\n[bridge]\nkey = k-1\n"
        f"callback_url = {callback_url}\ncallback_secret = {SECRET}\nspool = {folder}/spool\n"
    )
    return bridge.Bridge(str(config))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[Any, str]]:
    own = made(tmp_path)
    quiet = type("Quiet", (bridge.Door,), {"bridge": own, "log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), quiet)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield own, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ask(address: str, method: str, path: str, body: Any = None, key: str = "k-1") -> Answer:
    transport = Transport()
    content = None if body is None else json.dumps(body).encode()
    try:
        return transport.send(Call(method, address + path, {"Authorization": f"Bearer {key}"}, content))  # fmt: skip
    finally:
        transport.close()


def test_a_text_goes_into_the_outbox_once(door: tuple[Any, str], tmp_path: Path) -> None:
    _, address = door
    first, second = ask(address, "POST", "/messages", TEXT), ask(address, "POST", "/messages", TEXT)
    assert first.status == second.status == 202
    assert json.loads(first.body) == json.loads(second.body)
    (file,) = (tmp_path / "outbox").iterdir()
    assert file.name.startswith("OUTC")
    assert "_00_+447700900077_ringback-" in file.name
    assert file.read_bytes().decode("utf-16") == TEXT["text"]
    own_id = json.loads(first.body)["id"]
    file.rename(tmp_path / "sent" / file.name)
    assert json.loads(ask(address, "POST", "/messages", TEXT).body)["state"] == "sent"
    assert not list((tmp_path / "outbox").iterdir())
    assert json.loads(ask(address, "GET", f"/messages/{own_id}").body)["state"] == "sent"
    other = ask(address, "POST", "/messages", {**TEXT, "key": "", "id": "msg_2"})
    assert json.loads(other.body)["id"] != own_id


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**TEXT, "to": "../../etc"}, 422),
        ({**TEXT, "to": "+44 7700"}, 422),
        ({"to": "+447700900077", "text": "x"}, 400),
        ({"id": "m", "to": "+447700900077"}, 400),
        ({**TEXT, "text": "\ud800"}, 400),
        ([1], 400),
        ("x" * 70_000, 413),
    ],
)
def test_what_is_not_taken(door: tuple[Any, str], tmp_path: Path, body: Any, status: int) -> None:
    assert ask(door[1], "POST", "/messages", body).status == status
    assert not list((tmp_path / "outbox").iterdir())


def test_nobody_without_the_key(door: tuple[Any, str], tmp_path: Path) -> None:
    for key in ("", "k-2", "k-1 "[:2]):
        assert ask(door[1], "POST", "/messages", TEXT, key).status == 401
        assert ask(door[1], "GET", "/messages/x", key=key).status == 401
    assert ask(door[1], "GET", "/messages/*").status == 404
    assert not list((tmp_path / "outbox").iterdir())


def test_an_outbox_that_cannot_be_written(door: tuple[Any, str], tmp_path: Path) -> None:
    (tmp_path / "outbox").rmdir()
    answer = ask(door[1], "POST", "/messages", TEXT)
    assert answer.status == 503
    assert b"No such file" in answer.body


def test_what_smsd_says_is_kept_until_it_is_taken(
    tmp_path: Path, taker: tuple[type[Taker], str]
) -> None:
    kind, url = taker
    own = made(tmp_path, url)
    kind.refusing = 2
    own.note("sent", ["OUTC20261121_151843_00_+447700900077_ringback-0a1b.txt"], {})
    own.note("sent", ["OUTC20261121_151139_00_+447700900077_sms0.smsbackup"], {})  # another's
    own.note("received", ["IN20261121_151844_00_+447700900078_00.txt"], {"SMS_MESSAGES": "1", "SMS_1_NUMBER": "+447700900078", "SMS_1_TEXT": "Yes 🎉\ntwo"})  # fmt: skip
    assert own.deliver() == 2
    assert len(list((tmp_path / "spool").iterdir())) == 2
    assert own.deliver() == 0
    assert not list((tmp_path / "spool").iterdir())
    refused, taken = kind.requests[:2], kind.requests[2:]
    assert [one.headers["webhook-id"] for one in refused] == [one.headers["webhook-id"] for one in taken]  # fmt: skip
    for request in taken:
        now = SystemClock().now_ms()
        verify.check(MANIFEST, SETTINGS, request, "http://ringback.example", now)
    (report,), (inbound,) = (callbacks.read(MANIFEST, SETTINGS, request) for request in taken)
    assert isinstance(report, callbacks.Report)
    assert isinstance(inbound, callbacks.Inbound)
    assert (report.gateway_id, report.status) == ("0a1b", "sent")
    assert (inbound.number_from, inbound.text) == ("+447700900078", "Yes 🎉\ntwo")


def test_a_long_text_is_the_joined_one() -> None:
    pieces = {"SMS_MESSAGES": "2", "SMS_1_TEXT": "one ", "SMS_2_TEXT": "two"}
    assert bridge._text(pieces) == "one two"
    assert (
        bridge._text({**pieces, "DECODED_PARTS": "1", "DECODED_1_TEXT": "one two!"}) == "one two!"
    )
    assert bridge._text({}) == ""


@pytest.mark.parametrize("extra", ["service = sql", "deliveryreport = sms"])
def test_settings_with_which_it_would_mislead(tmp_path: Path, extra: str) -> None:
    with pytest.raises(SystemExit, match="service = files"):
        made(tmp_path, extra=extra)


@given(text=st.text(min_size=1, max_size=200))
def test_any_text_is_kept_as_it_is(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("bridge")
    own = made(folder)
    own.send("a1", "+447700900077", text)
    (file,) = (folder / "outbox").iterdir()
    assert file.read_bytes().decode("utf-16") == text
