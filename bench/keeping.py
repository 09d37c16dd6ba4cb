"""What stays: memory over many runs, and the disk after retention, while webhooks go on.

    python -m bench.keeping [--runs 200000] [--old 300000]

First so many runs through one process, its memory told at each tenth. Then a journal with so many runs that are past
`journal.keep`: the sweep that comes a minute after the start deletes them while webhooks arrive one by one; told are
the journal's size before and after, and how long the webhooks took meanwhile.
"""

from __future__ import annotations

import argparse
import functools
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from bench import house, load, runs

PARTS = 10
OLD_MS = 90 * 86_400_000


def memory(folder: Path, gateway: int, count: int) -> None:
    port = house.free_port()
    project = house.project(folder, port, f"http://127.0.0.1:{gateway}")
    part = count // PARTS
    with house.served(house.ringback("serve", "--project", str(project)), folder, port) as server:
        burst(port, gateway, 500)
        first = runs.resident_mb(server.pid)
        print(f"{0:8} runs {first:7.0f} MB")
        for number in range(1, PARTS + 1):
            done = 0
            while done < part:
                many = min(2_500, part - done)
                burst(port, gateway, many)
                done += many
            print(f"{number * part:8} runs {runs.resident_mb(server.pid):7.0f} MB", flush=True)


def burst(port: int, gateway: int, count: int) -> None:
    before = runs.count_sent(gateway)
    result = load.burst(port, [load.request("/hooks/bench", body) for body in runs.bodies(count)])
    if set(result.statuses) != {202}:
        raise SystemExit(f"answered {dict(result.statuses)}")
    house.wait_until(functools.partial(sent, gateway, before + count), "all texts", 300)


def sent(gateway: int, count: int) -> bool:
    return runs.count_sent(gateway) >= count


def age(journal: Path) -> None:
    """Make everything in the journal three months older."""
    db = sqlite3.connect(journal, timeout=60)
    for table, columns in (
        ("runs", ("created_at", "started_at", "finished_at")),
        ("events", ("received_at",)),
        ("messages", ("created_at", "updated_at")),
    ):
        changes = ", ".join(f"{column} = {column} - {OLD_MS}" for column in columns)
        db.execute(f"UPDATE {table} SET {changes}")
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def size_mb(project: Path) -> float:
    """The journal's file; its log beside it is cut to 64 MB at most by itself."""
    return (project / ".ringback/journal.db").stat().st_size / 1e6


def retention(folder: Path, gateway: int, old: int) -> None:
    port = house.free_port()
    project = house.project(folder, port, f"http://127.0.0.1:{gateway}")
    serve = house.ringback("serve", "--project", str(project))
    journal = project / ".ringback/journal.db"
    with house.served(serve, folder, port):
        burst(port, gateway, 10)
    runs.fill(folder, old)
    age(journal)
    settings = project / "ringback.yaml"
    settings.write_text(settings.read_text() + "journal: {keep: 30 days}\n")
    before = size_mb(project)
    took: list[float] = []
    with house.served(serve, folder, port):
        began = time.perf_counter()
        db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=30)

        def left() -> int:
            return int(
                db.execute("SELECT count(*) FROM runs WHERE id LIKE 'run_00%'").fetchone()[0]
            )

        asked = time.perf_counter()
        while True:
            started = time.perf_counter()
            burst(port, gateway, 1)
            took.append((time.perf_counter() - started) * 1000)
            if time.perf_counter() - asked > 2:
                asked = time.perf_counter()
                if left() == 0 and size_mb(project) < before / 4:
                    break
            if time.perf_counter() - began > 1_200:
                raise SystemExit(f"{left()} old runs are left after 20 minutes, {size_mb(project):.0f} MB")  # fmt: skip
        seconds = time.perf_counter() - began
        db.close()
    took.sort()
    print(f"{old} runs past their time: {before:.0f} MB before, {size_mb(project):.0f} MB after; gone {seconds:.0f} s after the start")  # fmt: skip
    print(f"{len(took)} webhooks meanwhile, each until its text was sent: p50 {statistics.median(took):.1f} ms, p99 {took[int(len(took) * 0.99)]:.1f} ms, slowest {took[-1]:.0f} ms")  # fmt: skip


def main() -> None:
    said = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    said.add_argument("--runs", type=int, default=200_000)
    said.add_argument("--old", type=int, default=300_000)
    options = said.parse_args()
    for work, count in ((memory, options.runs), (retention, options.old)):
        if count:
            with tempfile.TemporaryDirectory() as made, house.stub_gateway(Path(made)) as gateway:
                work(Path(made), gateway, count)


if __name__ == "__main__":
    main()
