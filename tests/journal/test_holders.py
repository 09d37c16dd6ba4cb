"""A dead holder's runs go on with another; a living one's stay."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.journal.rows import NOW, a_step, held_run

from ringback.journal import holders, notes, runs, steps, wakeups
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
        assert wakeups.due(conn, NOW) == freed
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


def _die(journal: Journal, now: int) -> None:
    """Whoever holds runs dies, and that is noticed."""
    journal.write(lambda conn: holders.lapse_dead(conn, now, "here"))


def _run(journal: Journal, run_id: str) -> runs.Run:
    with journal.read() as conn:
        run = runs.get_run(conn, run_id)
    assert run is not None
    return run


def _claim(journal: Journal, run_id: str, now: int) -> runs.Lease:
    lease = journal.write(lambda conn: runs.claim(conn, run_id, "mortal", now))
    assert lease is not None
    return lease


def test_a_run_that_stops_its_workers_is_put_down_and_the_others_go_on(journal: Journal) -> None:
    poison = journal.write(lambda conn: held_run(conn, "mortal")).run_id
    _die(journal, NOW)
    assert _run(journal, poison).wake_at == NOW  # once is chance: at once again
    _claim(journal, poison, NOW)
    _die(journal, NOW)
    later = _run(journal, poison).wake_at
    assert later is not None
    assert later > NOW  # apart from the others that died with it
    _claim(journal, poison, later)
    bystander = journal.write(lambda conn: held_run(conn, "mortal")).run_id
    _die(journal, later)
    run = _run(journal, poison)
    assert (run.state, run.wake_at, run.holder) == ("uncertain", None, None)
    assert "stopped 3 times at the same step" in run.error["message"]
    assert holders.is_put_down(run)
    assert _run(journal, bystander).state == "queued"
    with journal.read() as conn:
        assert wakeups.due(conn, later + 10_000) == [bystander]
        (note,) = notes.of_run(conn, poison)
    assert "put down" in note.message


def test_a_run_that_was_put_down_can_be_tried_again(journal: Journal) -> None:
    lease = journal.write(lambda conn: held_run(conn, "mortal"))
    for _ in range(holders.MOST_LAPSES):
        _die(journal, NOW)
        if not holders.is_put_down(_run(journal, lease.run_id)):
            _claim(journal, lease.run_id, NOW + 60_000)
    assert journal.write(lambda conn: holders.try_again(conn, lease.run_id, NOW))
    run = _run(journal, lease.run_id)
    assert (run.wake_at, run.lapses, run.error) == (NOW, 0, None)
    assert not journal.write(lambda conn: holders.try_again(conn, lease.run_id, NOW))


@pytest.mark.parametrize("progress", ["a step", "a rest"])
def test_a_run_that_comes_on_is_not_put_down(journal: Journal, progress: str) -> None:
    lease = journal.write(lambda conn: held_run(conn, "mortal"))
    now = NOW
    for number in range(5):
        if progress == "a step":
            step = a_step(path=f"step{number}")
            journal.write(lambda conn, lease=lease, step=step: steps.put(conn, lease, step))  # type: ignore[misc]
        else:
            journal.write(lambda conn, lease=lease: runs.park(conn, lease, "waiting", NOW))  # type: ignore[misc]
            lease = _claim(journal, lease.run_id, now)
        _die(journal, now)
        assert _run(journal, lease.run_id).lapses == 1
        lease = _claim(journal, lease.run_id, now)
