"""Many processes on one journal and one broker, killed while they work; then count.

    python -m bench.cluster [--runs 20000] [--broker redis|rabbitmq|both] [--journal postgres|sqlite]

Two hosts' worth of processes: 2 webs, 4 workers, 2 clocks. Each worker is killed with -9 once, at a random moment, and
started again. Every webhook carries its own X-Id and is sent until it has a 202, as a careful sender would. At the
end: every 202 must have exactly one finished run, and the rehearsal gateway's own log each text exactly once, but
for runs that say `uncertain`, which are counted and were sent at most once. Exit 0 when that holds, 1 when not.

RINGBACK_BENCH_POSTGRES, _REDIS and _RABBITMQ name other servers than those on this machine.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from bench import crash, house

WARM = 200

POSTGRES = os.environ.get(
    "RINGBACK_BENCH_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
)
BROKERS = {
    "redis": os.environ.get("RINGBACK_BENCH_REDIS", "redis://127.0.0.1:6379/11"),
    "rabbitmq": os.environ.get("RINGBACK_BENCH_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//"),
}
SENDERS = 8

LATER = """\
name: Later
trigger:
  uses: webhook.received
  with: {path: later, dedupe: "{{ headers['x-id'] | default('') }}"}
steps:
  - uses: flow.wait
    with: {for: 2 seconds}
  - uses: sms.send
    with:
      to: "{{ trigger.body.phone }}"
      text: "Hi {{ trigger.body.name }}, order {{ trigger.body.order }} is on its way."
"""


class Cluster:
    """Processes of one project, each with a name such as `worker 2`; `start` those that are wanted."""

    def __init__(self, folder: Path, broker: str, journal: str, threads: int = 8) -> None:
        self.folder = folder
        self.broker = broker
        self.queue = f"ringback-bench-{uuid.uuid4().hex[:8]}"
        self.ports = [house.free_port(), house.free_port()]
        self.gateway_port = house.free_port()
        self.texts = folder / "texts.jsonl"
        self.project = house.project(
            folder, self.ports[0], f"http://127.0.0.1:{self.gateway_port}", threads
        )
        (self.project / "workflows" / "later.yaml").write_text(LATER)
        kept = f"journal: {{url: '{journal}'}}" if journal else ""
        said = f"work: {{where: celery, broker: '{broker}', queue: {self.queue}}}\n{kept}\n"
        with (self.project / "ringback.yaml").open("a") as file:
            file.write(said)
        address = journal.replace("postgresql://", "postgresql+psycopg://")
        self.engine = create_engine(
            address or f"sqlite:///{self.project}/.ringback/journal.db", pool_pre_ping=True
        )
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start `web N`, `worker N`, `clock N` or `gateway`; does not wait for it."""
        kind, _, number = name.partition(" ")
        port = self.ports[int(number) - 1] if kind == "web" else 0
        more = {
            "web": ("serve", "--port", str(port)),
            "worker": ("worker",),
            "clock": ("clock",),
            "gateway": ("rehearse", "--port", str(self.gateway_port), "--log", str(self.texts)),
        }[kind]
        with (self.folder / f"{name.replace(' ', '-')}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                house.ringback(*more, "--project", str(self.project)), stdout=log, stderr=log
            )

    def start_all(self, *names: str) -> None:
        """Start these, and wait until each says that it is ready."""
        self.start("gateway")
        house.wait_until(lambda: house.listening(self.gateway_port), "the gateway to listen")
        for name in names:
            self.start(name)
        house.wait_until(lambda: all(map(self.is_ready, names)), f"{', '.join(names)} to be ready")

    def is_ready(self, name: str) -> bool:
        """Whether a process has said so in its log. RuntimeError where it ended instead."""
        said = (self.folder / f"{name.replace(' ', '-')}.log").read_text()
        if self.processes[name].poll() is not None:
            raise RuntimeError(f"{name} ended: {said[-2000:]}")
        return house.READY[name.partition(" ")[0]] in said

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.processes.pop(name)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def leader(self) -> str:
        """The name of the clock that leads."""
        (pid,) = self.ask(house.LEADER)[0]
        return next(name for name, process in self.processes.items() if process.pid == pid)

    def ask(self, sql: str) -> list[Any]:
        """Rows of the journal."""
        with self.engine.connect() as conn:
            return list(conn.execute(text(sql)))

    def unfinished(self) -> int:
        """Runs that have not ended, but for uncertain ones."""
        ended = ", ".join(f"'{state}'" for state in (*crash.FINISHED, "uncertain"))
        return int(self.ask(f"SELECT count(*) FROM runs WHERE state NOT IN ({ended})")[0][0])

    def door(self, number: int) -> tuple[int, str]:
        """Port and path for a webhook: each web in turn."""
        return self.ports[number % 2], "bench"

    def processor_s(self) -> dict[str, float]:
        """Seconds of processor time that the living processes of each kind have taken (Linux; else nothing)."""
        taken: dict[str, float] = {}
        for name, process in self.processes.items():
            said = Path(f"/proc/{process.pid}/stat")
            if said.exists():
                fields = said.read_text().rpartition(")")[2].split()
                used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                kind = name.partition(" ")[0]
                taken[kind] = taken.get(kind, 0) + used
        return taken

    def stop(self) -> None:
        """SIGTERM to all, and SIGKILL to what stays; the broker's queue goes too."""
        house.stop(*self.processes.values())
        self.engine.dispose()
        forget_queue(self.broker, self.queue)


def forget_queue(broker: str, queue: str) -> None:
    """Take a queue and its messages away."""
    kombu: Any = import_module("kombu")
    with kombu.Connection(broker) as connection:
        channel = connection.default_channel
        if broker.startswith("redis"):
            client = channel.client
            for key in client.keys(f"*{queue}*"):
                client.delete(key)
        else:
            channel.queue_delete(queue)
            channel.exchange_delete(queue)


@contextmanager
def database(server: str) -> Iterator[str]:
    """A PostgreSQL database of its own; gives its address."""
    import psycopg

    name = f"ringback_bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def cluster(
    folder: Path, broker: str, server: str, *names: str, threads: int = 8
) -> Iterator[Cluster]:
    """Started processes on a journal of their own: a database of `server`, or a file where that is empty."""
    if not server:
        made = Cluster(folder, broker, "", threads)
        try:
            made.start_all(*names)
            yield made
        finally:
            made.stop()
        return
    with database(server) as journal:
        made = Cluster(folder, broker, journal, threads)
        try:
            made.start_all(*names)
            yield made
        finally:
            made.stop()


def verdict(it: Cluster, receipts: dict[int, str]) -> dict[str, int]:
    """What became of the receipts, as `crash.verdict` counts it."""
    states = it.ask("SELECT id, state FROM runs")
    return crash.count({row[0]: row[1] for row in states}, it.texts, receipts)


def send_all(
    numbers: range, door: Callable[[int], tuple[int, str]], receipts: dict[int, str]
) -> None:
    """All webhooks from several senders, each until it has its receipt; `door` gives port and path."""
    give_up = threading.Event()

    def one(number: int) -> None:
        port, path = door(number)
        receipts[number] = crash.deliver(port, number, give_up, path)

    with ThreadPoolExecutor(SENDERS) as senders:
        try:
            for _ in senders.map(one, numbers):
                pass
        except BaseException:
            give_up.set()
            raise


def warm_up(it: Cluster, first: int, receipts: dict[int, str]) -> None:
    """Some runs before it counts: every process is up, and has read what it needs."""
    send_all(range(first, first + WARM), it.door, receipts)
    house.wait_until(lambda: it.unfinished() == 0, "the first runs to end", 600)


def kill_workers(
    it: Cluster, workers: list[str], count: int, receipts: dict[int, str], seed: int
) -> None:
    """Kill each worker once, after a random number of receipts, and start it again."""
    luck = random.Random(seed)
    moments = sorted(luck.randrange(1, max(count * 9 // 10, 2)) for _ in workers)
    for moment, name in zip(moments, workers, strict=True):
        house.wait_until(
            functools.partial(lambda wanted: len(receipts) >= wanted, moment), "receipts", 1800
        )
        it.kill(name)
        it.start(name)


def measure(
    kind: str, server: str, count: int, threads: int, seed: int, *, kills: bool = True
) -> list[str]:
    """One broker; prints the counts and gives what did not hold."""
    workers = [f"worker {number}" for number in (1, 2, 3, 4)]
    names = ["web 1", "web 2", *workers, "clock 1", "clock 2"]
    receipts: dict[int, str] = {}
    with (
        tempfile.TemporaryDirectory() as made,
        cluster(Path(made), BROKERS[kind], server, *names, threads=threads) as it,
    ):
        warm_up(it, count, receipts)
        began, before = time.monotonic(), it.processor_s()
        to_kill = workers if kills else []
        killer = threading.Thread(
            target=kill_workers, args=(it, to_kill, count, receipts, seed), daemon=True
        )
        killer.start()
        send_all(range(count), it.door, receipts)
        taken = time.monotonic() - began
        killer.join()
        house.wait_until(lambda: it.unfinished() == 0, "every run to end", 600)
        took = time.monotonic() - began
        after = it.processor_s()
        counts = verdict(it, receipts)
    print(f"{kind}, {'PostgreSQL' if server else 'SQLite'}: {count} runs in {took:.1f} s, "
          f"{count / took:.0f} a second ({count / taken:.0f} receipts a second); {len(to_kill)} workers killed")  # fmt: skip
    if not kills:
        spent = (f"{name} {(after[name] - before[name]) / count * 1000:.1f}" for name in after)
        print(f"processor time, ms a run: {', '.join(spent)}")
    for name, number in counts.items():
        print(f"{number:8}  {name}")
    return crash.not_held(counts, count + WARM)


def main() -> None:
    said = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    said.add_argument("--runs", type=int, default=20_000)
    said.add_argument("--broker", choices=[*BROKERS, "both"], default="both")
    said.add_argument("--journal", choices=["postgres", "sqlite"], default="postgres")
    said.add_argument("--threads", type=int, default=8, help="of each worker")
    said.add_argument("--no-kills", action="store_true", help="and tell processor time a run")
    said.add_argument("--seed", type=int, default=1)
    options = said.parse_args()
    server = POSTGRES if options.journal == "postgres" else ""
    wrong = [
        f"{kind}: {one}"
        for kind in (BROKERS if options.broker == "both" else [options.broker])
        for one in measure(
            kind, server, options.runs, options.threads, options.seed, kills=not options.no_kills
        )
    ]
    if wrong:
        raise SystemExit("NOT HELD: " + "; ".join(wrong))
    print("held: every receipt has its run, every finished run its one text")


if __name__ == "__main__":
    main()
