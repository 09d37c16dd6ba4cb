"""A Prometheus of Debian's package, with the configuration that docs/observing.md gives to operators."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml
from tests.rings.kannel import until

from ringback.paths import shelf

OBSERVING = shelf("schemas").parent / "docs" / "observing.md"
RULES = OBSERVING.parent / "observing" / "ringback.rules.yml"


def missing() -> str:
    """Why there can be no ring; empty where all is there."""
    gone = [one for one in ("prometheus", "promtool") if shutil.which(one) is None]
    return f"{' and '.join(gone)} not installed: run .ci/prometheus as root" if gone else ""


def promtool(*words: str | Path) -> None:
    """Have promtool check something. Raises AssertionError with what it says."""
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def as_documented() -> str:
    """The prometheus.yml of docs/observing.md."""
    found = re.search(r"```yaml\n(# prometheus\.yml\n.*?)```", OBSERVING.read_text("utf-8"), re.DOTALL)  # fmt: skip
    assert found
    return found[1]


class Prometheus:
    """One that runs, by its API."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, path: str, **query: str) -> Any:
        told = requests.get(f"{self.address}/api/v1/{path}", params=query, timeout=10).json()
        assert told["status"] == "success", (query, told)
        return told["data"]

    def values(self, expression: str) -> list[float]:
        """What an expression comes to now; nothing where it finds nothing."""
        return [float(one["value"][1]) for one in self.ask("query", query=expression)["result"]]

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.address}/-/ready", timeout=5).ok
        except requests.ConnectionError:
            return False


@contextmanager
def running(folder: Path, port: int, scraped: int) -> Iterator[Prometheus]:
    """A Prometheus that looks every second at a `ringback serve` on the port `scraped`, until the end of the block."""
    folder.mkdir()
    shutil.copy(RULES, folder)
    settings = yaml.safe_load(as_documented().replace("127.0.0.1:8080", f"127.0.0.1:{scraped}"))
    del settings["scrape_configs"][1]  # there are no workers here
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as out:
        started = subprocess.Popen(command, stdout=out, stderr=out)
        made = Prometheus(f"http://127.0.0.1:{port}")
        try:
            until("Prometheus answers", made.is_up)
            yield made
        finally:
            started.terminate()
            started.wait(30)
