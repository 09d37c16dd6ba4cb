"""Servers to measure, each its own process on a free port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
READY = {"web": "POST http", "worker": "Worker with", "clock": "Clock on"}
"""What each kind of process says in its log once it works."""
LEADER = "SELECT h.pid FROM leaders l JOIN holders h ON h.id = l.holder WHERE l.name = 'clock'"
"""The process id of the clock that leads."""

PROJECT = """\
project: {{name: Bench, country: GB, timezone: Europe/London}}
public_url: http://127.0.0.1:{port}
send_through: stub
connections:
  stub:
    uses: mysmsgate
    with: {{api_key: bench-key-0123456789, base_url: "{gateway}", callback_token: bench-callback-token}}
serve: {{host: 127.0.0.1, port: {port}, workers: {workers}}}
api: {{tokens: [bench-api-token-0123456789]}}
"""

WORKFLOW = """\
name: Bench
trigger:
  uses: webhook.received
  with: {path: bench, dedupe: "{{ headers['x-id'] | default('') }}"}
steps:
  - id: confirmation
    uses: sms.send
    with:
      to: "{{ trigger.body.phone }}"
      text: "Hi {{ trigger.body.name }}, order {{ trigger.body.order }} is on its way."
"""


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def wait_until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for a condition; TimeoutError names it."""
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.02)


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def start(
    command: list[str], folder: Path, port: int, more: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a server and wait until it listens; its output goes to a file in `folder`."""
    with (folder / f"server-{port}.log").open("ab") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **(more or {})}
        )

    def ready() -> bool:
        if server.poll() is not None:
            raise RuntimeError((folder / f"server-{port}.log").read_text()[-2000:])
        return listening(port)

    wait_until(ready, f"{command[:4]} to listen")
    return server


def stop(*servers: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """SIGTERM to all at once, frozen ones too, and SIGKILL to what stays."""
    for server in servers:
        server.send_signal(signal.SIGCONT)
        server.terminate()
    for server in servers:
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def served(
    command: list[str], folder: Path, port: int, more: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server for the length of a block."""
    server = start(command, folder, port, more)
    try:
        yield server
    finally:
        stop(server)


@contextmanager
def stub_gateway(folder: Path) -> Iterator[int]:
    """The C responder, compiled on the spot; gives its port."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("The bench needs a C compiler (cc) for its stub gateway.")
    binary = folder / "gateway"
    subprocess.run([compiler, "-O2", "-o", str(binary), str(HERE / "gateway.c")], check=True)
    told = folder / "gateway.port"
    server = subprocess.Popen([str(binary), str(told)])
    try:
        wait_until(lambda: told.exists() and told.read_text() != "", "the stub gateway")
        yield int(told.read_text())
    finally:
        server.kill()
        server.wait()


def project(folder: Path, port: int, gateway: str, workers: int = 16, journal: str = "") -> Path:
    """A project with one workflow: webhook JSON, template, send; its journal in a file unless an address is given."""
    made = folder / "project"
    (made / "workflows").mkdir(parents=True, exist_ok=True)
    said = PROJECT.format(port=port, gateway=gateway, workers=workers)
    kept = f"journal: {{url: '{journal}'}}\n" if journal else ""
    (made / "ringback.yaml").write_text(said + kept)
    (made / "workflows" / "bench.yaml").write_text(WORKFLOW)
    return made


def ringback(*words: str) -> list[str]:
    return [sys.executable, "-m", "ringback", *words]
