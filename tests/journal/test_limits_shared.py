"""The limits of a connection hold over all processes that share a journal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bench.cluster import POSTGRES, database
from sqlalchemy import select
from tests.rings.needed import absent

from ringback.clock import SystemClock
from ringback.journal.journal import Journal
from ringback.journal.schema import places

PROCESSES = 3
EACH = 40
PER_SECOND = 10
PROGRAM = """
import sys
from zoneinfo import ZoneInfo
from concurrent.futures import ThreadPoolExecutor
from ringback.clock import SystemClock
from ringback.journal import locks
from ringback.journal.journal import Journal
from ringback.settings import Limits
from ringback.sms import room

clock = SystemClock()
journal = Journal.open(sys.argv[1], clock)
limits = Limits(per_second=int(sys.argv[3]), per_day=int(sys.argv[4]))

def one(_):
    def write(conn):
        locks.hold(conn, locks.limits("front-desk"))  # as a send step does
        now = clock.now_ms()
        verdict = room.cap(conn, "front-desk", limits, ZoneInfo("UTC"), now)
        if verdict.passed:
            room.count(conn, "front-desk", limits, ZoneInfo("UTC"), now)
            room.take(conn, "front-desk", limits, now)
        return verdict.passed
    return journal.write(write)

sys.stdin.readline()
with ThreadPoolExecutor(4) as threads:
    print(sum(threads.map(one, range(int(sys.argv[2])))))
journal.close()
"""


def hammer(address: str) -> None:
    """Several processes, several threads each, all at once."""
    Journal.open(address, SystemClock()).close()
    cap = PROCESSES * EACH - 25
    said = [sys.executable, "-c", PROGRAM, address, str(EACH), str(PER_SECOND), str(cap)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(said, stdin=pipe, stdout=pipe, text=True) for _ in range(PROCESSES)]
    try:
        for one in started:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        passed = [int(one.communicate(timeout=60)[0]) for one in started]
    finally:
        for one in started:
            one.kill()
            one.wait()
    assert sum(passed) == cap
    journal = Journal.open(address, SystemClock())
    with journal.read() as conn:
        at = list(conn.execute(select(places.c.at).order_by(places.c.at)).scalars())
    journal.close()
    assert len(at) == cap
    gaps = [later - at[number] for number, later in enumerate(at[PER_SECOND:])]
    assert min(gaps) >= 1000


@pytest.mark.sqlite
def test_processes_share_a_rate_and_a_cap_in_a_file(tmp_path: Path) -> None:
    hammer(str(tmp_path / "journal.db"))


@pytest.mark.ring
def test_processes_share_a_rate_and_a_cap_in_postgresql() -> None:
    psycopg = pytest.importorskip("psycopg", reason="needs ringback[postgres]")
    try:
        psycopg.connect(POSTGRES, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        absent(f"there is no PostgreSQL at its address: {error}")
    with database(POSTGRES) as address:
        hammer(address)
