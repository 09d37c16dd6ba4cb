"""Who may advance a run, when it is due, and that its end is final."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.journal.rows import NOW, a_step, add_run, held_run

from ringback.journal import holders, runs, steps, waits, wakeups
from ringback.journal.journal import Journal
from ringback.journal.runs import Lease, LeaseLost


def get(journal: Journal, run_id: str) -> runs.Run:
    with journal.read() as conn:
        run = runs.get_run(conn, run_id)
    assert run is not None
    return run


def claim(journal: Journal, run_id: str, holder: str = "anna", now: int = NOW + 5) -> Lease | None:
    return journal.write(lambda conn: runs.claim(conn, run_id, holder, now))


def test_a_run_opened_by_its_holder_runs_at_once(journal: Journal) -> None:
    lease = journal.write(lambda conn: held_run(conn, inputs={"starts": "Monday"}))
    run = get(journal, lease.run_id)
    assert (run.state, run.holder, run.fence, run.attempts) == ("running", "anna", 1, 1)
    assert (run.started_at, run.wake_at, run.inputs) == (NOW, None, {"starts": "Monday"})
    assert not run.finished
    assert claim(journal, lease.run_id, "bert") is None


def test_claiming_parking_and_claiming_again(journal: Journal) -> None:
    run_id = journal.write(add_run)
    first = claim(journal, run_id)
    assert first == Lease(run_id, "anna", 1)
    assert get(journal, run_id).started_at == NOW + 5
    assert claim(journal, run_id) is None
    assert journal.write(lambda conn: runs.park(conn, first, "waiting", NOW + 60)) == NOW + 60
    assert get(journal, run_id).holder is None
    assert claim(journal, run_id, "bert", NOW + 59) is None
    second = claim(journal, run_id, "bert", NOW + 60)
    assert second == Lease(run_id, "bert", 2)
    assert get(journal, run_id).wake_at is None
    with pytest.raises(LeaseLost):
        journal.write(lambda conn: runs.park(conn, first, "waiting", None))


def test_a_fence_tells_two_leases_of_one_holder_apart(journal: Journal) -> None:
    old = journal.write(held_run)
    journal.write(lambda conn: runs.park(conn, old, "queued", NOW))
    new = claim(journal, old.run_id)
    assert new == old._replace(fence=2)
    with pytest.raises(LeaseLost):
        journal.write(lambda conn: steps.put(conn, old, a_step()))
    journal.write(lambda conn: steps.put(conn, new, a_step()))


def test_a_lost_lease_takes_the_whole_write_back(journal: Journal) -> None:
    lease = journal.write(held_run)

    def write(conn: Connection) -> None:
        waits.put_wait(conn, waits.Wait(lease.run_id, "2", "time", None, NOW))
        runs.check(conn, lease._replace(holder="bert"))

    with pytest.raises(LeaseLost):
        journal.write(write)
    with journal.read() as conn:
        assert waits.of_run(conn, lease.run_id) == []


CHANGES: dict[str, Callable[[Connection, Lease], Any]] = {
    "park": lambda conn, lease: runs.park(conn, lease, "waiting", NOW),
    "finish": lambda conn, lease: runs.finish(conn, lease, "failed", NOW + 9),
    "check": runs.check,
    "put": lambda conn, lease: steps.put(conn, lease, a_step(state="failed")),
    "put_all": lambda conn, lease: steps.put_all(conn, lease, [a_step(state="failed")]),
    "forget": lambda conn, lease: steps.forget(conn, lease, "confirmation"),
    "claim": lambda conn, lease: runs.claim(conn, lease.run_id, "bert", NOW),
    "finish_free": lambda conn, lease: runs.finish_free(conn, lease.run_id, "canceled", NOW),
    "wake": lambda conn, lease: runs.wake(conn, lease.run_id, NOW),
    "cancel": lambda conn, lease: runs.request_cancel(conn, lease.run_id, NOW),
    "settle_sent": lambda conn, lease: steps.settle_sent(conn, lease.run_id, "doubt", {}, NOW),
    "settle_again": lambda conn, lease: steps.settle_again(conn, lease.run_id, "doubt"),
    "lapse": lambda conn, _lease: holders.lapse_dead(conn, NOW, "host"),
    "leave": lambda conn, lease: holders.leave(conn, lease.holder, NOW),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_finished_run_is_immutable(journal: Journal, name: str) -> None:
    lease = journal.write(held_run)

    def end(conn: Connection) -> None:
        steps.put(conn, lease, a_step(state="succeeded", output={"status": "sent"}))
        steps.put(conn, lease, a_step("doubt", state="uncertain"))
        runs.finish(conn, lease, "succeeded", NOW + 1, result={"ok": True})

    journal.write(end)

    def kept() -> tuple[object, object]:
        with journal.read() as conn:
            return runs.get_run(conn, lease.run_id), steps.of_run(conn, lease.run_id)

    before = kept()
    try:
        changed = journal.write(lambda conn: CHANGES[name](conn, lease))
    except LeaseLost:
        changed = None
    assert not changed
    assert kept() == before


def test_how_a_run_ends(journal: Journal) -> None:
    first = journal.write(held_run)

    def wait(conn: Connection) -> None:
        waits.put_wait(conn, waits.Wait(first.run_id, "2", "delivery", "msg_1", NOW))
        runs.park(conn, first, "waiting", NOW)

    journal.write(wait)
    lease = claim(journal, first.run_id)
    assert lease is not None
    journal.write(
        lambda conn: runs.finish(conn, lease, "failed", NOW + 7, error={"code": "refused"})
    )
    run = get(journal, lease.run_id)
    assert run.finished
    assert (run.state, run.finished_at, run.error) == ("failed", NOW + 7, {"code": "refused"})
    assert (run.holder, run.wake_at, run.result) == (None, None, None)
    with journal.read() as conn:
        assert waits.of_run(conn, lease.run_id) == []


@pytest.mark.parametrize("state", ["running", "succeeded", "sleeping"])
def test_what_a_run_cannot_be_parked_as(journal: Journal, state: str) -> None:
    lease = journal.write(held_run)
    with pytest.raises(ValueError, match=state):
        journal.write(lambda conn: runs.park(conn, lease, state, NOW))


@pytest.mark.parametrize("state", ["running", "queued", "done"])
def test_what_a_run_cannot_end_as(journal: Journal, state: str) -> None:
    lease = journal.write(held_run)
    with pytest.raises(ValueError, match=state):
        journal.write(lambda conn: runs.finish(conn, lease, state, NOW))


def test_due_runs_come_in_the_order_of_their_time(journal: Journal) -> None:
    times = {"late": 300, "soon": 100, "now": 0, "past": -50}
    named = {
        name: journal.write(lambda conn, at=at: add_run(conn, wake_at=NOW + at))  # type: ignore[misc]
        for name, at in times.items()
    }
    journal.write(lambda conn: add_run(conn, wake_at=None))
    journal.write(held_run)
    with journal.read() as conn:
        assert wakeups.due(conn, NOW) == [named["past"], named["now"]]
        assert wakeups.due(conn, NOW + 1000, limit=3) == [
            named["past"],
            named["now"],
            named["soon"],
        ]
        assert wakeups.next_wake(conn) == NOW - 50
    claim(journal, named["past"])
    with journal.read() as conn:
        assert wakeups.next_wake(conn) == NOW


def test_a_wake_up_that_comes_while_it_is_held_is_not_lost(journal: Journal) -> None:
    lease = journal.write(held_run)
    assert journal.write(lambda conn: runs.wake(conn, lease.run_id, NOW + 3))
    with journal.read() as conn:
        assert wakeups.due(conn, NOW + 10) == []
        assert wakeups.next_wake(conn) is None
    assert journal.write(lambda conn: runs.park(conn, lease, "waiting", NOW + 900)) == NOW + 3
    with journal.read() as conn:
        assert wakeups.due(conn, NOW + 10) == [lease.run_id]


def test_asking_to_cancel(journal: Journal) -> None:
    lease = journal.write(held_run)
    assert journal.write(lambda conn: runs.check(conn, lease)) is False
    assert journal.write(lambda conn: runs.request_cancel(conn, lease.run_id, NOW)) is True
    assert journal.write(lambda conn: runs.check(conn, lease)) is True
    assert get(journal, lease.run_id).cancel is True


def test_ending_a_run_that_nobody_holds(journal: Journal) -> None:
    free, lease = journal.write(add_run), journal.write(held_run)

    def end(run_id: str) -> bool:
        return journal.write(lambda conn: runs.finish_free(conn, run_id, "skipped", NOW))

    assert end(free) is True
    assert end(free) is False
    assert end(lease.run_id) is False
    assert get(journal, free).state == "skipped"


def test_peers_children_and_counts(journal: Journal) -> None:
    first = journal.write(lambda conn: held_run(conn, concurrency_key="+44770"))
    second = journal.write(lambda conn: add_run(conn, concurrency_key="+44770", wake_at=None))
    child = journal.write(
        lambda conn: add_run(conn, parent_run=first.run_id, parent_step="call", wake_at=NOW)
    )
    with journal.read() as conn:
        assert runs.peers(conn, "+44770") == [
            runs.Peer(first.run_id, "running", "anna"),
            runs.Peer(second, "queued", None),
        ]
        assert [run.id for run in runs.children(conn, first.run_id)] == [child]
        counts = {"queued": 2, "running": 1, "waiting": 0, "uncertain": 0}
        assert runs.unfinished_counts(conn) == counts
    journal.write(lambda conn: runs.finish(conn, first, "succeeded", NOW))
    with journal.read() as conn:
        assert [peer.id for peer in runs.peers(conn, "+44770")] == [second]


def test_pages_of_runs(journal: Journal) -> None:
    ids = [
        journal.write(lambda conn, n=n: add_run(conn, workflow=f"w{n % 2}"))  # type: ignore[misc]
        for n in range(7)
    ]
    journal.write(lambda conn: runs.finish_free(conn, ids[0], "canceled", NOW))
    with journal.read() as conn:
        seen, cursor = [], None
        while True:
            page = runs.list_runs(conn, before=cursor, limit=3)
            seen += [run.id for run in page.runs]
            cursor = page.cursor
            if cursor is None:
                break
        assert sorted(seen, reverse=True) == seen
        assert set(seen) == set(ids)
        assert {run.workflow for run in runs.list_runs(conn, workflow="w1").runs} == {"w1"}
        ended = runs.list_runs(conn, states=("canceled", "failed"))
        assert [run.id for run in ended.runs] == [ids[0]]
        assert runs.get_run(conn, "run_none") is None
