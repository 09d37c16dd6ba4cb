"""How things stand in the journal: counted from what is unfinished, however much is finished."""

from __future__ import annotations

from pathlib import Path

from ringback.clock import SimulatedClock
from ringback.ids import first_id, made_at, new_id
from ringback.journal import holders, runs, waits
from ringback.journal.journal import Journal
from ringback.journal.standing import standing

NOW = 1_790_000_000_000


def add(journal: Journal, age_ms: int, *, wake_at: int | None = None, holder: str = "") -> str:
    run_id = first_id("run", NOW - age_ms)
    journal.write(
        lambda conn: runs.add_run(
            conn, id=run_id, event_id=f"evt_{run_id}", workflow="w", definition="d", trigger=0, inputs={},
            created_at=NOW - age_ms, holder=holder or None, wake_at=wake_at,
        )
    )  # fmt: skip
    return run_id


def test_states_ages_and_what_is_due(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", SimulatedClock(NOW))
    add(journal, 90_000, wake_at=NOW - 30_000)
    add(journal, 60_000, wake_at=NOW + 1)
    held = add(journal, 50_000, holder="hld_1")
    woken = add(journal, 40_000, holder="hld_1")
    journal.write(lambda conn: runs.wake(conn, woken, NOW - 20_000))
    journal.write(lambda conn: waits.put_wait(conn, waits.Wait(held, "1", "delivery", "msg_1")))
    for until in (NOW + 1, NOW - 1):
        one = holders.Holder(f"hld_{until}", "host", 1, until, NOW)
        journal.write(lambda conn, one=one: holders.beat(conn, one))  # type: ignore[misc]
    with journal.read() as conn:
        now = standing(conn, NOW)
    journal.close()
    assert now.runs == {"queued": 2, "running": 2, "waiting": 0, "uncertain": 0}
    assert now.oldest_ms == {"queued": 90_000, "running": 50_000, "waiting": 0, "uncertain": 0}
    assert (now.due, now.overdue_ms) == (1, 30_000)
    assert now.waits == {"delivery": 1}
    assert now.holders == {"alive": 1, "gone": 1}


def test_an_empty_journal_stands_at_nothing(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", SimulatedClock(NOW))
    with journal.read() as conn:
        now = standing(conn, NOW)
    journal.close()
    assert (now.due, now.overdue_ms, now.unanswered) == (0, 0, {})


def test_an_id_tells_when_it_was_made() -> None:
    assert made_at(first_id("run", NOW)) == NOW
    assert made_at(new_id("run")) > NOW - 10**12
    assert made_at("run_00u") == 0
    assert made_at("not one of ours") == 0
