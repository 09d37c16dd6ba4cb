"""A stage of many processes: webs, workers and clocks on one PostgreSQL and one broker, all of them ours to ill-treat."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from bench import house
from bench.faults import services
from bench.faults.services import Postgres
from bench.faults.stage import SENDERS, Row, Stage

NAMES = ("web 1", "web 2", "worker 1", "worker 2", "clock 1", "clock 2")
THREADS = 8
MOST_BEHIND = 60
"""With so many runs to be worked off no more webhooks are sent."""
WORDS = {"web": ("serve",), "worker": ("worker", "--threads", str(THREADS)), "clock": ("clock",)}
READY_S = 120


class Hosts(Stage):
    """Processes by name such as `worker 2`. A careful sender tries the webs by turns, as a balancer would."""

    def __init__(self, folder: Path, database: Postgres, broker: Any, workflows: Mapping[str, str]) -> None:  # fmt: skip
        self.broker = broker
        self.database = database
        more = (
            f"work: {{where: celery, broker: '{broker.url}'}}\njournal: {{url: '{database.url}'}}\n"
        )
        super().__init__(folder, more, dict(workflows))
        self.journal = database.url.replace("postgresql://", "postgresql+psycopg://")
        self.engine: Engine = create_engine(self.journal, pool_pre_ping=True)
        self.ports = [self.port, house.free_port()]
        self.of_one: dict[str, Mapping[str, str]] = {}
        self._turn = 0
        self._started: dict[str, int] = {}

    def start(self, *names: str) -> None:
        """Start these; does not wait for them. `of_one` holds what a process has in its environment beside the others'."""
        for name in names:
            kind, _, number = name.partition(" ")
            words = WORDS[kind]
            if kind == "web":
                words += ("--port", str(self.ports[int(number) - 1]))
            path = self._log(name)
            self._started[name] = path.stat().st_size if path.exists() else 0
            with path.open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    self.command(*words), stdout=log, stderr=log,
                    env={**os.environ, **self.environment, **self.of_one.get(name, {})},
                )  # fmt: skip

    def revive(self, name: str) -> None:
        self.start(name)

    def await_ready(self, *names: str) -> None:
        for name in names:
            house.wait_until(lambda name=name: self.is_ready(name), f"{name} to be ready", READY_S)  # type: ignore[misc]

    def is_ready(self, name: str) -> bool:
        """Whether a process has said so since it was started. RuntimeError where it ended instead."""
        said = self._log(name).read_bytes()[self._started[name] :].decode()
        if self.processes[name].poll() is not None:
            raise RuntimeError(f"{name} ended: {said[-2000:]}")
        return house.READY[name.partition(" ")[0]] in said

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send it a signal; the process id. It is gone afterwards where the signal was SIGKILL."""
        process = self.processes[name]
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()
        return process.pid

    def leader(self) -> str:
        """The name of the clock that leads; waits for one."""
        house.wait_until(lambda: bool(self.ask(house.LEADER)), "a clock to lead", READY_S)
        pid = self.ask(house.LEADER)[0][0]
        return next(name for name, process in self.processes.items() if process.pid == pid)

    def is_forgotten(self, pid: int) -> bool:
        """Whether all that a process held has been taken over."""
        return not self.ask(f"SELECT 1 FROM holders WHERE pid = {pid}")

    def held_by(self, *pids: int) -> dict[str, int]:
        """The runs that processes hold, and how often each was claimed."""
        those = ", ".join(map(str, pids))
        return dict(
            map(tuple, self.ask(f"SELECT r.id, r.fence FROM runs r JOIN holders h ON h.id = r.holder WHERE h.pid IN ({those})"))
        )  # fmt: skip

    def taken_from(self, held: dict[str, int]) -> list[str]:
        """Those of the runs that another took over since; the others were ended by a commit that was on its way."""
        now = self.ask("SELECT id, fence, finished_at FROM runs")
        return [run for run, fence, ended in now if run in held and (fence > held[run] or ended is None)]  # fmt: skip

    def behind(self) -> int:
        """How many receipts have no finished run yet; 0 where the database is away."""
        try:
            return int(
                self.ask("SELECT count(*) FROM runs WHERE state IN ('queued', 'running')")[0][0]
            )
        except DBAPIError:
            return 0

    def ask(self, sql: str) -> list[Any]:
        with self.reading() as conn:
            return list(conn.execute(text(sql)))

    @contextmanager
    def reading(self) -> Iterator[Any]:
        with self.engine.connect() as conn:
            yield conn

    def post(self, path: str, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
        self._turn += 1
        return self.post_to(self.ports[self._turn % len(self.ports)], path, body, headers)

    def judge(self, fault: str, tries: int, recovery: list[float], before: dict[str, Any] | None = None) -> Row:  # fmt: skip
        """As `Stage.judge`; of uncertain runs it is told how many texts went."""
        row = super().judge(fault, tries, recovery, before)
        order_of = {run: order for order, run in self.receipts.items()}
        doubtful = [
            order_of[run]
            for run, state in self.states().items()
            if state == "uncertain" and run in order_of
        ]
        went = sum(map(self.texted, doubtful))
        if doubtful:
            row.said = f"of the uncertain {went} were texted and {len(doubtful) - went} not"
        return row

    def log_of(self, *names: str) -> str:
        return "".join(self._log(name).read_text() for name in names)

    def close(self) -> None:
        house.stop(*self.processes.values())
        self.engine.dispose()
        super().close()

    def _log(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '-')}.log"


@contextmanager
def hosts(
    folder: Path, broker: str, *names: str, workflows: Mapping[str, str] | None = None,
    of_one: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Hosts]:  # fmt: skip
    """Servers and processes, all ready, for the length of a block."""
    with ExitStack() as opened:
        servers: list[services.Service] = [Postgres(), services.BROKERS[broker]()]
        for server in servers:
            opened.callback(server.close)
        with ThreadPoolExecutor() as starting:
            list(starting.map(lambda server: server.start(), servers))
        stage = Hosts(folder, servers[0], servers[1], workflows or {})  # type: ignore[arg-type]
        opened.callback(stage.close)
        stage.of_one = dict(of_one or {})
        names = names or NAMES
        stage.start(*names)
        stage.await_ready(*names)
        stage.leader()
        yield stage


@contextmanager
def loaded(stage: Hosts) -> Iterator[None]:
    """Webhooks are sent beside a block, about as fast as they are worked off; each has its receipt after it."""
    over = threading.Event()

    def send() -> None:
        while not over.wait(SENDERS / 100):
            if stage.behind() < MOST_BEHIND:
                stage.send(SENDERS)

    load = threading.Thread(target=send)
    load.start()
    try:
        yield
    finally:
        over.set()
        load.join()
