"""A project served by `ringback serve` in a process of its own, beside the real gateway of a ring."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from tests.rings.kannel import until

API_TOKEN = "ring-api-token-0123456789"


class Garage:
    """A served project, by its API."""

    def __init__(self, address: str, log: Path) -> None:
        self.address, self.log = address, log
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {API_TOKEN}"

    def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.session.request(method, f"{self.address}/api/v1{path}", timeout=10, **more)
        assert answer.ok, answer.text
        return answer.json()

    def is_up(self) -> bool:
        try:
            return self.session.get(f"{self.address}/healthz", timeout=5).status_code < 500
        except requests.ConnectionError:
            return False

    def finished(self, run: str) -> dict[str, Any] | None:
        story: dict[str, Any] = self.ask("GET", f"/runs/{run}")
        return story if story["run"]["finished_at"] is not None else None


@contextmanager
def served(folder: Path, port: int) -> Iterator[Garage]:
    log = folder / "serve.log"
    command = [sys.executable, "-m", "ringback", "serve", "--project", str(folder)]
    with log.open("wb") as out:
        started = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "NO_COLOR": "1"})  # fmt: skip
        garage = Garage(f"http://127.0.0.1:{port}", log)
        try:
            until("ringback serves", garage.is_up)
            yield garage
        finally:
            garage.session.close()
            started.terminate()
            started.wait(30)
