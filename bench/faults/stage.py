"""A project on loopback whose runner can be ill-treated, and the count of what came of it."""

from __future__ import annotations

import functools
import http.client
import itertools
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from bench import house
from bench.faults.gateway import PATIENCE_S, Gateway

SENDERS = 12
PATIENT_S = 90
FINISHED = ("succeeded", "failed", "stopped", "canceled", "skipped")
CONNECTOR = f"""\
id: moody
name: Moody
extends: mysmsgate
actions: {{send: {{request: {{timeout: {PATIENCE_S:g} seconds}}}}}}
"""
POISON = """\
id: poison
name: Poison
kind: core
description: Kills the process that runs it.
actions:
  swallow:
    title: Swallow
    description: Kills the process that runs it.
    effect: none
    python: swallow
    outputs: {}
"""
SWALLOW = """\
import os, signal

def swallow(inputs, context):
    os.kill(os.getpid(), signal.SIGKILL)
"""
POISONED = """\
name: Poisoned
trigger: {uses: webhook.received, with: {path: poison, dedupe: "{{ headers['x-id'] }}"}}
steps:
  - uses: poison.swallow
"""
PROJECT = (
    house.PROJECT.replace("uses: mysmsgate", "uses: moody") + "messages: {{repeat_window: 0}}\n"
)
TOKEN = "bench-api-token-0123456789"
WORKFLOW = """\
name: Bench
trigger:
  uses: webhook.received
  with: {path: bench, dedupe: "{{ headers['x-id'] }}"}
steps:
  - id: confirmation
    uses: sms.send
    retry: {times: 20, delay: 500 ms}
    with:
      to: "{{ trigger.body.phone }}"
      text: "Order {{ trigger.body.order }} is on its way."
"""


@dataclass
class Row:
    """A line of the table. `recovery` is seconds from the end of the fault until a new webhook is texted."""

    fault: str
    tries: int
    receipts: int = 0
    lost: int = 0
    changed: int = 0
    doubled: int = 0
    uncertain: int = 0
    recovery: list[float] = field(default_factory=list)
    said: str = ""

    @property
    def held(self) -> bool:
        return not (self.lost or self.changed or self.doubled)


class Stage:
    """One project, its gateway and its processes by name. `receipts` are the runs that 2xx named, by order."""

    def __init__(
        self, folder: Path, more: str = "", workflows: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.port = house.free_port()
        self.gateway = Gateway()
        self.project = folder / "project"
        (self.project / "workflows").mkdir(parents=True)
        for name, source in (
            ("moody/connector.yaml", CONNECTOR),
            ("poison/connector.yaml", POISON),
            ("poison/swallow.py", SWALLOW),
        ):
            path = self.project / "connectors" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        (self.project / "ringback.yaml").write_text(
            PROJECT.format(port=self.port, gateway=self.gateway.address, workers=16) + more
        )
        for name, source in {"bench": WORKFLOW, **(workflows or {})}.items():
            (self.project / "workflows" / f"{name}.yaml").write_text(source)
        self.journal = f"sqlite:///{self.project}/.ringback/journal.db"
        self.environment: dict[str, str] = {}
        self.orders = itertools.count(1)
        self.receipts: dict[int, str] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def revive(self, name: str) -> None:
        """Start a process that ended again; does not wait for it."""
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(self.command("serve"), stdout=log, stderr=log)

    def serve(self) -> Any:
        """Start the web process; it listens when this returns."""
        return house.start(self.command("serve"), self.folder, self.port, self.environment)

    def command(self, *words: str) -> list[str]:
        return house.ringback(*words, "--project", str(self.project))

    def send(self, count: int, give_up: threading.Event | None = None) -> None:
        """Send webhooks from several senders, each until it has its receipt, as a careful sender would."""
        stop = give_up or threading.Event()
        with ThreadPoolExecutor(SENDERS) as senders:
            for order, run in senders.map(
                functools.partial(self._one, stop=stop), itertools.islice(self.orders, count)
            ):
                if run:
                    self.receipts[order] = run

    def _one(self, order: int, stop: threading.Event) -> tuple[int, str]:
        body = json.dumps({"order": order, "phone": f"+4477009{order % 90000 + 1000:05d}"})
        ends = time.monotonic() + PATIENT_S
        while not stop.is_set() and time.monotonic() < ends:
            status, said = self.post("/hooks/bench", body, {"X-Id": str(order)})
            if status == 202:
                return order, str(json.loads(said)["run"])
            stop.wait(0.05)
        return order, ""

    def post(self, path: str, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and answer; 0 where there was none."""
        return self.post_to(self.port, path, body, headers)

    def post_to(
        self, port: int, path: str, body: str, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """As `post`, to a port."""
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        try:
            client.request("POST", path, body, {"Content-Type": "application/json", **headers})
            answer = client.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            client.close()

    def poison(self) -> str:
        """Hand in a run that kills whoever advances it (`POISONED`); its id."""
        order = str(next(self.orders))
        ends = time.monotonic() + PATIENT_S
        while time.monotonic() < ends:
            status, said = self.post("/hooks/poison", "{}", {"X-Id": order})
            if status == 202:
                return str(json.loads(said)["run"])
            time.sleep(0.05)
        raise SystemExit("the poisoned run has no receipt")

    def shown(self, run: str) -> dict[str, Any]:
        """A run as the API shows it."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            client.request(
                "GET", f"/api/v1/runs/{run}", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            answer = client.getresponse()
            return {"status": answer.status, **json.loads(answer.read())}
        finally:
            client.close()

    def recover(self) -> float:
        """Seconds until a new webhook has its receipt and its text is at the gateway."""
        began = time.monotonic()
        order = next(self.orders)
        _, run = self._one(order, threading.Event())
        if not run:
            raise SystemExit(f"no receipt within {PATIENT_S} s after the fault")
        self.receipts[order] = run
        house.wait_until(lambda: self.texted(order), "the text after the fault", PATIENT_S)
        return time.monotonic() - began

    def texted(self, order: int) -> bool:
        return self.gateway.taken[f"Order {order} is on its way."] > 0

    @contextmanager
    def reading(self) -> Iterator[Any]:
        engine = create_engine(self.journal)
        try:
            with engine.connect() as conn:
                yield conn
        finally:
            engine.dispose()

    def states(self) -> dict[str, str]:
        with self.reading() as conn:
            return {row[0]: row[1] for row in conn.execute(text("SELECT id, state FROM runs"))}

    def fingerprint(self) -> dict[str, Any]:
        """What the journal says of each finished run: none of it may change any more."""
        asked = "SELECT id, state, finished_at, fence, result, error FROM runs WHERE finished_at IS NOT NULL"
        with self.reading() as conn:
            return {row[0]: tuple(row[1:]) for row in conn.execute(text(asked))}

    def settle(self) -> None:
        """Wait until every run has ended or waits for a person's word."""
        open_ones = "SELECT id, state, wake_at, holder, attempts FROM runs WHERE finished_at IS NULL AND (state <> 'uncertain' OR wake_at IS NOT NULL)"
        left: list[Any] = []

        def quiet() -> bool:
            with self.reading() as conn:
                left[:] = map(tuple, conn.execute(text(open_ones)))
            return not left

        try:
            house.wait_until(quiet, "every run to end", PATIENT_S)
        except TimeoutError:
            raise TimeoutError(f"{len(left)} runs do not end: {left[:5]}") from None

    def judge(self, fault: str, tries: int, recovery: list[float], before: dict[str, Any] | None = None) -> Row:  # fmt: skip
        """The counts. `before` are fingerprints taken during the fault."""
        states, now = self.states(), self.fingerprint()
        row = Row(fault, tries, len(self.receipts), recovery=recovery)
        for order, run in self.receipts.items():
            state = states.get(run)
            untold = state == "succeeded" and not self.texted(order)
            row.lost += state is None or untold or state in ("failed", "canceled", "skipped")
        row.changed = sum(now.get(run) != said for run, said in (before or {}).items())
        row.doubled = self.gateway.twice()
        row.uncertain = sum(state == "uncertain" for state in states.values())
        return row

    def close(self) -> None:
        self.gateway.close()


class Nurse(threading.Thread):
    """Starts what ended of a stage's `processes` again, as systemd or compose would, until `leave`."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(daemon=True)
        self.stage = stage
        self.deaths = 0
        self._left = threading.Event()

    def run(self) -> None:
        while not self._left.wait(0.1):
            for name, process in list(self.stage.processes.items()):
                if process.poll() is not None:
                    self.deaths += 1
                    self.stage.revive(name)

    def leave(self) -> None:
        self._left.set()
        self.join()
