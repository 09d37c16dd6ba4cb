"""A dead holder's runs go on with another; a living one's stay."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.journal.rows import NOW, held_run

from ringback.journal import holders, runs
from ringback.journal.holders import Holder
from ringback.journal.journal import Journal


def process(which: str) -> int:
    """The number of a process: `ours`, our `parent`, the `first` of the machine, or one that is `gone`."""
    if which == "gone":
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        return child.pid
    return {"ours": os.getpid(), "parent": os.getppid(), "first": 1}[which]


LIVES = NOW + 1000


@pytest.mark.parametrize(
    ("host", "which", "until", "dead"),
    [
        ("here", "ours", LIVES, False),
        ("here", "ours", NOW - 1, True),
        ("here", "parent", LIVES, False),
        ("here", "first", LIVES, False),
        ("here", "gone", LIVES, True),
        ("there", "gone", LIVES, False),
        ("there", "first", NOW - 1, True),
    ],
)
def test_who_is_dead(journal: Journal, host: str, which: str, until: int, dead: bool) -> None:
    pid = process(which)
    journal.write(lambda conn: holders.beat(conn, Holder("anna", host, pid, until, NOW)))
    lease = journal.write(held_run)
    freed = journal.write(lambda conn: holders.lapse_dead(conn, NOW, "here"))
    assert freed == ([lease.run_id] if dead else [])
    with journal.read() as conn:
        run = runs.get_run(conn, lease.run_id)
        assert run is not None
        assert (run.state, run.wake_at) == (("queued", NOW) if dead else ("running", None))
        assert runs.due(conn, NOW) == freed
    if dead:
        again = journal.write(lambda conn: runs.claim(conn, lease.run_id, "bert", NOW))
        assert again == runs.Lease(lease.run_id, "bert", 2)
        with pytest.raises(runs.LeaseLost):
            journal.write(lambda conn: runs.finish(conn, lease, "succeeded", NOW))
    journal.write(lambda conn: holders.leave(conn, "anna", NOW))


def test_an_earlier_process_with_our_number_is_dead(journal: Journal) -> None:
    journal.write(lambda conn: holders.beat(conn, Holder("old", "here", os.getpid(), LIVES, NOW)))
    lease = journal.write(lambda conn: held_run(conn, "old"))
    holders._ours.discard("old")
    assert journal.write(lambda conn: holders.lapse_dead(conn, NOW, "here")) == [lease.run_id]


def test_a_holder_that_never_said_it_lives_is_dead(journal: Journal) -> None:
    lease = journal.write(lambda conn: held_run(conn, "unknown"))
    assert journal.write(lambda conn: holders.lapse_dead(conn, NOW, "here")) == [lease.run_id]


def test_beating_on_and_leaving(journal: Journal) -> None:
    for until in (NOW - 5, LIVES):
        journal.write(
            lambda conn, until=until: holders.beat(  # type: ignore[misc]
                conn, Holder("anna", "here", os.getpid(), until, NOW)
            )
        )
    lease = journal.write(held_run)
    assert journal.write(lambda conn: holders.lapse_dead(conn, NOW, "here")) == []
    assert journal.write(lambda conn: holders.leave(conn, "anna", NOW)) == [lease.run_id]
