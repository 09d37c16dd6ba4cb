"""A real `ringback serve` of a small project, for as long as a ring needs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from ringback.connectors.catalogue import load_catalogue
from ringback.rehearsal.project import stand_in_settings

TOKEN = "a-token-for-the-fuzz-ring-0001"
_GATEWAY = next(
    one
    for one in load_catalogue().connectors.values()
    if one.kind == "sms-gateway" and one.callbacks is not None
)
_HOOK = """\
name: What came in
trigger: { uses: webhook.received, with: { path: came } }
steps: [{ id: kept, uses: data.set, with: { body: "{{ trigger.body }}" } }]
"""
_BY_HAND = """\
name: By hand
inputs: { greeting: { label: Greeting, default: Hello } }
trigger: { uses: manual }
steps: [{ id: said, uses: data.set, with: { words: "{{ inputs.greeting }}" } }]
"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a project that is served from `folder` until the body ends."""
    project = {
        "project": {"name": "Harbour School", "country": "GB", "timezone": "Europe/London"},
        "public_url": "https://texts.example",
        "connections": {
            "front-desk": {"uses": _GATEWAY.id, "with": stand_in_settings(_GATEWAY, {})}
        },
        "api": {"tokens": [TOKEN]},
        "serve": {"port": 0, "workers": 2},
    }
    (folder / "ringback.yaml").write_text(yaml.safe_dump(project))
    (folder / "workflows").mkdir()
    (folder / "workflows" / "came.yaml").write_text(_HOOK)
    (folder / "workflows" / "by_hand.yaml").write_text(_BY_HAND)
    log = folder / "serve.log"
    with log.open("wb") as out:
        command = [
            sys.executable,
            "-m",
            "ringback",
            "serve",
            "--port",
            "0",
            "--project",
            str(folder),
        ]
        server = subprocess.Popen(command, stdout=out, stderr=out, env=dict(os.environ))
        try:
            yield _address(server, log)
        finally:
            server.terminate()
            server.wait(40)


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(r" on (http://\S+)", log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"ringback serve did not start:\n{log.read_text()}")
