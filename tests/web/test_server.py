"""The real server, in a process of its own: streaming, hanging up, stopping."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import select
from tests.web.conftest import ENVIRON

import ringback
from ringback.clock import SystemClock
from ringback.journal.journal import Journal
from ringback.journal.schema import runs
from ringback.problems import Failure
from ringback.web.server import _SPARE_THREADS, _free_address

Server = tuple[str, "subprocess.Popen[str]"]


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    script = Path(__file__).with_name("project_server.py")
    environ = {
        **os.environ,
        **ENVIRON,
        "PYTHONPATH": str(Path(ringback.__file__).parent.parent),
        "HTTP_X_AMBIENT": "from-the-environment",
        "PATIENCE_S": "1",
    }
    with subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            if process.poll() is None:
                process.kill()


def connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)


def status_of(wire: socket.socket) -> int:
    with wire.makefile("rb") as reader:
        return int(reader.readline().split()[1])


def send_chunks(wire: socket.socket, path: str, chunk: bytes, count: int) -> None:
    head = f"POST /hooks/{path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/octet-stream\r\n\r\n"
    wire.sendall(head.encode())
    framed = f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
    for _ in range(count):
        wire.sendall(framed)


def stop(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    return log


@pytest.mark.sqlite
def test_it_serves_streams_refuses_and_stops_in_order(server: Server, folder: Path) -> None:
    address, process = server
    asked = Request(address + "/hooks/plain", b'{"a": 1}', {"Content-Type": "application/json"})
    with urlopen(asked, timeout=20) as answer:
        receipt = json.load(answer)
        assert answer.status == 202

    with connect(address) as wire:  # chunked, in pieces, within the cap
        send_chunks(wire, "plain", b"PK\x03\x04" + b"\xfe" * 1000, 100)
        wire.sendall(b"0\r\n\r\n")
        assert status_of(wire) == 202

    with connect(address) as wire:  # chunked, beyond the cap, and never ending
        try:
            send_chunks(wire, "small", b"\xfe" * 1000, 5000)
        except OSError:
            pass  # the server is free to hang up on who goes on talking
        else:
            assert status_of(wire) == 413

    with connect(address) as wire:  # a promise beyond the cap is refused before anything is sent
        wire.sendall(b"POST /hooks/small HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        assert status_of(wire) == 413

    with connect(address) as wire:  # who hangs up in the middle opens no run
        wire.sendall(
            b"POST /hooks/plain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b'Content-Length: 100\r\n\r\n{"a":'
        )

    log = stop(process)
    assert "listening on" in log
    assert "stopped" in log
    journal = Journal.open(folder / ".ringback" / "journal.db", SystemClock())
    with journal.read() as connection:
        kept = connection.execute(select(runs.c.id, runs.c.holder)).all()
    journal.close()
    assert len(kept) == 2
    assert receipt["run"] in {row.id for row in kept}
    assert {row.holder for row in kept} == {None}
    assert not list((folder / ".ringback" / "files" / "incoming").iterdir())
    for secret in ENVIRON.values():
        assert secret not in log


def test_slow_bodies_are_given_up_and_open_no_run_while_steady_ones_are_taken(
    server: Server,
) -> None:
    address, process = server
    head = b"POST /hooks/plain HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n%s\r\n\r\n%s"
    slow = [(b"application/json", b"Content-Length: 1000", b"{"), (b"text/plain", b"Transfer-Encoding: chunked", b"5\r\nhello\r\n")]  # fmt: skip
    wires = [connect(address) for _ in slow]
    for wire, parts in zip(wires, slow, strict=True):
        wire.sendall(head % parts)
    with connect(address) as wire:  # three seconds of an upload at 100 kB/s
        wire.sendall(head % (b"application/octet-stream", b"Content-Length: 300000", b""))
        pause = threading.Event()
        for _ in range(30):
            wire.sendall(b"\xfe" * 10_000)
            pause.wait(0.1)
        assert status_of(wire) == 202
    for wire in wires:
        with wire, wire.makefile("rb") as answer:
            said = answer.read()  # to the end: the server hangs up
            assert not said or (b" 408 " in said and b"came too slowly" in said)
    with urlopen(f"{address}/metrics", timeout=20) as answer:
        told = answer.read().decode()
    assert "ringback_slow_bodies_total 2.0" in told
    assert 'ringback_refused_webhooks_total{code="timed_out"} 2.0' in told
    assert 'ringback_runs_finished_total{state="succeeded",workflow="plain"} 1.0' in told
    stop(process)


def test_idle_connections_hold_no_thread(server: Server) -> None:
    address, process = server
    with ExitStack() as idle:
        for _ in range(_SPARE_THREADS + 20):
            wire = idle.enter_context(connect(address))
            wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in wire.recv(1000)
        with urlopen(f"{address}/healthz", timeout=20) as answer:
            assert answer.status == 200
    stop(process)


def test_environment_variables_are_not_headers(server: Server) -> None:
    address, process = server
    asked = Request(address + "/hooks/plain", b"{}", {"Content-Type": "application/json"})
    with urlopen(asked, timeout=20) as answer:
        run = json.load(answer)["run"]
    token = {"Authorization": f"Bearer {ENVIRON['API_TOKEN']}"}
    with urlopen(Request(f"{address}/api/v1/runs/{run}", headers=token), timeout=20) as answer:
        story = json.load(answer)
    assert "x-ambient" not in story["event"]["data"]["headers"]
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{address}/api/v1/runs/{run}", timeout=20)
    assert caught.value.code == 401
    caught.value.close()
    stop(process)


def test_a_taken_port_is_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Failure, match="something else listens there"):
            _free_address("127.0.0.1", port)
    with pytest.raises(Failure, match="no such address"):
        _free_address("192.0.2.1", 8080)


STUCK = """
import logging, signal, sys, threading, types
from ringback.web import server

logging.basicConfig(level="INFO", stream=sys.stderr)
server._END_S = 0
runtime = types.SimpleNamespace(close=lambda grace_ms: print("closed", grace_ms, flush=True))
stuck = types.SimpleNamespace(signal_handler_interrupt=lambda: None)
signal.signal(signal.SIGTERM, lambda *_: None)
server._end_surely(stuck, runtime, 5)
print("up", flush=True)
threading.Event().wait()
"""


def test_a_server_that_does_not_end_is_left_in_order() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        told, log = process.communicate(timeout=60)
    assert (process.returncode, told) == (0, "closed 5\n")
    assert "did not end in 0 s and are left" in log
