"""Whole runs beside a hand-written loop, in one go.

    python -m bench.runs [--requests 3000] [--million] [--journal URL] [--json FILE]

Work: webhook JSON → template → send (HTTP POST to a stub gateway) → journal. Beside Ringback: a Flask loop with
the same commits, and a bare route with one commit (`bench/handwritten.py`), on the same server, one after the other.
`--journal postgresql://…` measures Ringback a second time, on that (empty) database.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import sqlite3
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from bench import house, load

CONNECTIONS = 32


@dataclass
class Figures:
    """One side's figures; rates are a second, times milliseconds, memory MB."""

    name: str
    receipts: float
    runs: float | None = None
    p50: float | None = None
    p99: float | None = None
    start: float | None = None
    memory: float | None = None


ORDERS = itertools.count()
"""No order comes twice: the same text to the same phone would be held back as a repeat."""


def bodies(count: int) -> list[bytes]:
    return [
        json.dumps(
            {"name": "Amina Yusuf", "order": at, "phone": f"+4477009{at % 100000:05d}"}
        ).encode()
        for at in itertools.islice(ORDERS, count)
    ]


def count_sent(gateway: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway}/count") as answer:
        return int(answer.read())


def sent_times(gateway: int) -> list[int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway}/times") as answer:
        return [int(line) for line in answer.read().split()]


def whole_runs(port: int, count: int, finished: Callable[[], int]) -> tuple[float, float]:
    """Receipts a second and whole runs a second of one burst."""
    before = finished()
    started = time.perf_counter()
    result = load.burst(
        port, [load.request("/hooks/bench", body) for body in bodies(count)], CONNECTIONS
    )
    if result.statuses != {202: count}:
        raise SystemExit(
            f"not every webhook got its receipt: {dict(result.statuses)}; {result.answers[0]!r}"
        )
    house.wait_until(lambda: finished() >= before + count, "all runs to finish", 300)
    return result.per_second, count / (time.perf_counter() - started)


def called_since(gateway: int, before: int) -> bool:
    return count_sent(gateway) > before


def idle_latency(port: int, gateway: int, tries: int) -> tuple[float, float]:
    """Webhook in → gateway called, milliseconds, p50 and p99, one at a time on an idle server."""
    before = count_sent(gateway)
    sent = []
    for at, body in enumerate(bodies(tries)):
        sent.append(time.time_ns())
        load.burst(port, [load.request("/hooks/bench", body)], 1)
        house.wait_until(
            functools.partial(called_since, gateway, before + at), "the gateway to be called"
        )
    took = sorted(
        (called - start) / 1e6
        for start, called in zip(sent, sent_times(gateway)[before:], strict=True)
    )
    return statistics.median(took), took[int(len(took) * 0.99) - 1]


def resident_mb(pid: int) -> float:
    """Memory of a process and its children, MB."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            facts = dict(
                line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line
            )
        except OSError:
            continue
        if pid in (int(facts["Pid"]), int(facts["PPid"])):
            total += int(facts.get("VmRSS", "0 kB").split()[0])
    return total / 1000


def measure_handwritten(folder: Path, gateway: int, count: int) -> tuple[Figures, Figures]:
    port = house.free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--blocking-threads", "8", "--no-access-log", "bench.handwritten:app",
    ]  # fmt: skip
    more = {"BENCH_FOLDER": str(folder), "BENCH_GATEWAY": f"http://127.0.0.1:{gateway}"}
    with house.served(command, folder, port, more):
        db = sqlite3.connect(folder / "handwritten.db", timeout=30)

        def finished() -> int:
            made: int = db.execute(
                "SELECT count(*) FROM runs WHERE state = 'succeeded'"
            ).fetchone()[0]
            return made

        whole_runs(port, count // 10, finished)
        receipts, runs = whole_runs(port, count, finished)
        p50, p99 = idle_latency(port, gateway, 100)
        bare = load.burst(
            port, [load.request("/bare", body) for body in bodies(count)], CONNECTIONS
        )
    return Figures("hand-written Flask loop", receipts, runs, p50, p99), Figures(
        "bare Flask route", bare.per_second
    )


def measure_ringback(
    folder: Path, gateway: int, count: int, name: str = "Ringback", journal: str = ""
) -> Figures:
    port = house.free_port()
    project = house.project(folder, port, f"http://127.0.0.1:{gateway}", journal=journal)
    sent = count_sent(gateway)
    began = time.perf_counter()
    with house.served(house.ringback("serve", "--project", str(project)), folder, port) as server:
        load.burst(port, [load.request("/hooks/bench", bodies(1)[0])], 1)
        start = time.perf_counter() - began
        address = journal.replace("postgresql://", "postgresql+psycopg://")
        db = create_engine(address or f"sqlite:///{project}/.ringback/journal.db")

        def ask(statement: str, **values: str) -> Any:
            with db.connect() as conn:
                return conn.execute(text(statement), values).scalar_one()

        first = ask("SELECT coalesce(max(id), '') FROM runs")

        def finished() -> int:
            return int(
                ask("SELECT count(*) FROM runs WHERE id > :id AND state = 'succeeded'", id=first)
            )

        house.wait_until(lambda: count_sent(gateway) > sent, "the first run")
        memory = resident_mb(server.pid)
        whole_runs(port, count // 10, finished)
        receipts, runs = whole_runs(port, count, finished)
        p50, p99 = idle_latency(port, gateway, 100)
        db.dispose()
    return Figures(name, receipts, runs, p50, p99, start, memory)


def fill(folder: Path, runs: int) -> None:
    """Copy one finished run of the journal, with what hangs on it, `runs` times."""
    db = sqlite3.connect(folder / "project/.ringback/journal.db", timeout=60)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {runs})"
    (run,) = db.execute("SELECT id FROM runs WHERE state = 'succeeded' LIMIT 1").fetchone()
    (event,) = db.execute("SELECT event_id FROM runs WHERE id = ?", (run,)).fetchone()
    for table, changed, own in (
        ("events", {"id": "'evt_00' || i", "key": "NULL"}, ("id", event)),
        ("runs", {"id": "'run_00' || i", "event_id": "'evt_00' || i"}, ("id", run)),
        ("steps", {"run_id": "'run_00' || i"}, ("run_id", run)),
        (
            "messages",
            {"id": "'msg_00' || i", "run_id": "'run_00' || i", "gateway_id": "'old-' || i"},
            ("run_id", run),
        ),
    ):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        values = ", ".join(changed.get(column, f"t.{column}") for column in columns)
        db.execute(
            f"{numbers} INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {values} FROM n, (SELECT * FROM {table} WHERE {own[0]} = ? LIMIT 1) t",
            (own[1],),
        )
        db.commit()
    db.close()


def show(sides: list[Figures], handwritten: Figures, bare: Figures) -> None:
    print(
        f"\n{'':28}{'runs/s':>9}{'of loop':>9}{'receipts/s':>12}{'of bare':>9}{'p50 ms':>8}{'p99 ms':>8}"
    )
    for side in sides:
        runs = (
            f"{side.runs:9.0f}{side.runs / (handwritten.runs or 1):9.2f}" if side.runs else " " * 18
        )
        late = (
            f"{side.p50:8.1f}{side.p99:8.1f}"
            if side.p50 is not None and side.p99 is not None
            else ""
        )
        print(
            f"{side.name:28}{runs}{side.receipts:12.0f}{side.receipts / bare.receipts:9.2f}{late}"
        )
    for side in sides:
        if side.start is not None:
            print(
                f"{side.name}: start to first receipt {side.start:.2f} s, memory idle {side.memory:.0f} MB"
            )


def main() -> None:
    said = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    said.add_argument("--requests", type=int, default=3000)
    said.add_argument(
        "--million", action="store_true", help="again with 1,000,000 finished runs in the journal"
    )
    said.add_argument("--journal", default="", help="postgresql://… to measure too, empty")
    said.add_argument("--json", type=Path, help="write the figures here too")
    options = said.parse_args()
    with tempfile.TemporaryDirectory() as made, house.stub_gateway(Path(made)) as gateway:
        folder = Path(made)
        handwritten, bare = measure_handwritten(folder, gateway, options.requests)
        sides = [bare, handwritten, measure_ringback(folder, gateway, options.requests)]
        if options.journal:
            sides.append(
                measure_ringback(
                    folder, gateway, options.requests, "Ringback on PostgreSQL", options.journal
                )
            )
        if options.million:
            fill(folder, 1_000_000)
            sides.append(
                measure_ringback(folder, gateway, options.requests, "Ringback, 1,000,000 runs")
            )
    show(sides, handwritten, bare)
    if options.json:
        options.json.write_text(json.dumps([asdict(side) for side in sides], indent=2))


if __name__ == "__main__":
    main()
