"""Schemathesis on the served OpenAPI: no 5xx, answers as described, closed without a token."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rings.fuzz.serving import TOKEN, served

SECONDS = os.environ.get("RINGBACK_FUZZ_SECONDS", "")
STAYS = "use_after_free"
"""A deleted contact who has opted out stays as that bare fact, so that nobody texts them; and PATCH notes an opt-out of
somebody unknown. Said of these paths alone (`[[operations]]`), it did not reach the stateful phase."""

pytestmark = [
    pytest.mark.ring,
    pytest.mark.skipif(not SECONDS, reason="a long ring: make ring-fuzz"),
    pytest.mark.skipif(not importlib.util.find_spec("schemathesis"), reason="needs schemathesis"),
]


def test_the_api_is_as_it_says(tmp_path: Path) -> None:
    with served(tmp_path) as address:
        command = [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(Path(__file__).with_name("schemathesis.toml")),
            "run", f"{address}/api/v1/openapi.json", "--url", f"{address}/api/v1",
            "--header", f"Authorization: Bearer {TOKEN}", "--checks", "all", "--mode", "all",
            "--exclude-checks", STAYS, "--max-time", SECONDS, "--continue-on-failure", "--generation-allow-x00", "true", "--request-timeout", "20",
        ]  # fmt: skip
        if int(SECONDS) < 60:  # where little time is, the same is tried each time
            command.append("--generation-deterministic")
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        log = (tmp_path / "serve.log").read_text()
    print(done.stdout[-4000:])
    assert done.returncode == 0, f"{done.stdout[-20000:]}\n{done.stderr[-2000:]}\n{log[-3000:]}"
    assert "Traceback" not in log, log[-5000:]
