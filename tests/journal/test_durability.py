"""What was acknowledged is there after the process was killed, and nothing is there by half."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ringback.clock import SystemClock
from ringback.journal.journal import Journal

_CHILD = """
    import sys, threading
    from pathlib import Path
    from ringback.clock import SystemClock
    from ringback.journal.journal import Journal

    journal = Journal.open(Path(sys.argv[1]), SystemClock())
    insert = "INSERT INTO holders VALUES (:id, 'host', :part, 2, 3)"

    def work(worker):
        number = 0
        while True:
            name = f"{worker}-{number}"
            def both(conn):
                for part in (1, 2):
                    conn.exec_driver_sql(insert, {"id": f"{name}/{part}", "part": part})
            journal.write(both)
            sys.stdout.write(name + "\\n")
            sys.stdout.flush()
            number += 1

    for worker in range(4):
        threading.Thread(target=work, args=(worker,)).start()
"""


@pytest.mark.sqlite
def test_every_acknowledged_write_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_CHILD), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(200)]
    child.send_signal(signal.SIGKILL)
    acknowledged += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.wait(10)
    child.stdout.close()

    journal = Journal.open(path, SystemClock())
    with journal.read() as conn:
        kept = set(conn.exec_driver_sql("SELECT id FROM holders").scalars())
        sound = conn.exec_driver_sql("PRAGMA integrity_check").scalar()
    journal.close()
    whole = {f"{name}/{part}" for name in acknowledged for part in (1, 2)}
    assert whole <= kept
    assert {name.removesuffix("/1") + "/2" for name in kept if name.endswith("/1")} <= kept
    assert sound == "ok"
