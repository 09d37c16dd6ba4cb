"""What is read in order to decide still holds when it is written, however many decide at once.

On one file that is so by itself; these tests matter where the journals are in PostgreSQL (`make ring-postgres`).
"""

from __future__ import annotations

import random
from functools import partial

import pytest
from sqlalchemy import Connection, func, select
from tests.journal.rows import HAS_ALL, NOW, a_step, add_event, add_run, held_run
from tests.together import together

from ringback.ids import new_id
from ringback.journal import (
    contacts,
    files,
    holders,
    limits,
    locks,
    refused,
    retention,
    runs,
    steps,
)
from ringback.journal.contacts import Contact
from ringback.journal.files import FileStore
from ringback.journal.journal import Journal
from ringback.journal.schema import file_uses, notes
from ringback.journal.schema import files as files_table
from ringback.journal.schema import refused as refused_table
from ringback.sdk import File
from ringback.settings import Limits
from ringback.sms import contactbook, room

TRIES = 25
THREADS = 6


def test_one_lock_lets_one_in_at_a_time(journal: Journal) -> None:
    def add(conn: Connection) -> int:
        locks.hold(conn, locks.number("+44"), locks.limits("front-desk"))
        count = conn.execute(select(func.count()).select_from(notes)).scalar_one()
        conn.execute(notes.insert().values(run_id=f"run_{count}", at=1, message="", facts="{}"))
        return int(count)

    for attempt in range(TRIES):
        got = together(*[partial(journal.write, add)] * THREADS)
        assert sorted(got) == list(range(attempt * THREADS, (attempt + 1) * THREADS))


def test_locks_are_taken_in_one_order() -> None:
    kinds = [locks.file("a"), locks.event("s", "k"), locks.pieces("c", "n", "r", 2), locks.unmatched("c", "n"),
             locks.gateway("c", "g"), locks.message("m"), locks.number("n"), locks.limits("c"),
             locks.concurrency("k"), locks.call("r"), locks.refused("c"), locks.SCHEDULES]  # fmt: skip
    shuffled = random.sample(kinds, len(kinds))
    several = [kind for kind, *_ in sorted(shuffled, key=locks._place)]
    assert several == [kind for kind in locks.ORDER if kind in several]


def test_what_a_lock_is_of_can_not_be_mistaken() -> None:
    alike = [
        ("event", "ab", "c"),
        ("event", "a", "bc"),
        ("event", "abc"),
        ("event", "a\ud800", "bc"),
    ]
    assert len({locks._key(one) for one in alike}) == len(alike)
    assert locks._key(("message", "msg_1")) == 3874592857882807592, (
        "every version of Ringback says the same number"
    )


def test_copies_of_an_event_open_one_run(journal: Journal) -> None:
    def accept(conn: Connection, key: str) -> str:
        added = add_event(conn, key=key)
        return added.run or add_run(conn, event=added.id)

    for attempt in range(TRIES):
        got = together(*[partial(journal.write, partial(accept, key=str(attempt)))] * THREADS)
        assert len(set(got)) == 1


def test_copies_of_an_event_that_has_no_run_any_more_open_one(journal: Journal) -> None:
    def accept(conn: Connection, key: str) -> str:
        added = add_event(conn, key=key)
        return added.run or add_run(conn, event=added.id)

    for attempt in range(TRIES):
        journal.write(partial(add_event, key=str(attempt)))
        got = together(*[partial(journal.write, partial(accept, key=str(attempt)))] * THREADS)
        assert len(set(got)) == 1


def test_a_copy_and_retention_leave_no_run_without_its_event(
    journal: Journal, store: FileStore
) -> None:
    def accept(conn: Connection, key: str) -> str:
        added = add_event(conn, key=key)
        return added.run or add_run(conn, event=added.id)

    for attempt in range(TRIES):
        journal.write(partial(add_event, key=str(attempt), at=NOW - 10))

        def copy(key: str = str(attempt)) -> str:
            return journal.write(partial(accept, key=key))

        def prune() -> str:
            retention.sweep(journal, store, NOW - 5)
            return ""

        run_id = together(copy, prune)[0]
        with journal.read() as conn:
            run = runs.get_run(conn, run_id)
            assert run is not None
            assert conn.exec_driver_sql(f"SELECT count(*) FROM events WHERE id = '{run.event_id}'").scalar() == 1  # fmt: skip


def test_a_run_is_claimed_once(journal: Journal) -> None:
    for _ in range(TRIES):
        run_id = journal.write(add_run)
        claims = [
            partial(journal.write, partial(runs.claim, run_id=run_id, holder=f"h{n}", now=NOW))
            for n in range(THREADS)
        ]
        assert sum(lease is not None for lease in together(*claims)) == 1


def test_who_lives_is_not_taken_for_dead(journal: Journal) -> None:
    """A process that beats for the first time and claims a run, while another looks for the dead."""
    for attempt in range(TRIES):
        mine = holders.Holder(f"new-{attempt}", "elsewhere", 1, NOW + 1000, NOW)
        run_id = journal.write(add_run)

        def begin(mine: holders.Holder = mine, run_id: str = run_id) -> object:
            journal.write(partial(holders.beat, holder=mine))
            return journal.write(partial(runs.claim, run_id=run_id, holder=mine.id, now=NOW))

        def look() -> object:
            return [journal.write(partial(holders.lapse_dead, now=NOW, host="here")) for _ in "123"]

        together(begin, look, look)
        with journal.read() as conn:
            run = runs.get_run(conn, run_id)
        assert run is not None
        assert run.holder == mine.id


def test_who_beats_again_is_not_taken_for_dead_afterwards(journal: Journal) -> None:
    """Whoever comes first: a holder that was freed has no row, or it lives and keeps what it holds."""
    for attempt in range(TRIES):
        old = holders.Holder(f"slow-{attempt}", "elsewhere", 1, NOW - 1, NOW)
        journal.write(partial(holders.beat, holder=old))
        lease = journal.write(partial(held_run, holder=old.id))
        again = partial(journal.write, partial(holders.beat, holder=old._replace(until=NOW + 1000)))
        look = partial(journal.write, partial(holders.lapse_dead, now=NOW, host="here"))
        _, freed = together(again, look)
        with journal.read() as conn:
            run = runs.get_run(conn, lease.run_id)
        assert run is not None
        assert (run.holder is None) == (lease.run_id in (freed or []))


def test_rate_and_cap_hold_for_all_who_send_at_once(journal: Journal) -> None:
    from zoneinfo import ZoneInfo

    rule, zone = Limits(per_second=1, per_day=20), ZoneInfo("UTC")

    def take(conn: Connection) -> int | None:
        locks.hold(conn, locks.limits("front-desk"))
        if not room.cap(conn, "front-desk", rule, zone, NOW).passed:
            return None
        room.count(conn, "front-desk", rule, zone, NOW)
        return room.take(conn, "front-desk", rule, NOW).until or NOW

    got = [at for _ in range(5) for at in together(*[partial(journal.write, take)] * THREADS)]
    places = sorted(at for at in got if at is not None)
    assert places == [NOW + 1000 * place for place in range(20)]
    with journal.read() as conn:
        assert limits.used(conn, "front-desk", "2023-11-14") == 20


def test_a_contact_keeps_what_several_say_of_it_at_once(journal: Journal) -> None:
    for attempt in range(TRIES):
        number = f"+4477009{attempt:05}"
        tags = [
            partial(journal.write, partial(contactbook.merge, given=Contact(number, tags=(str(n),)), now=NOW))
            for n in range(THREADS)
        ]  # fmt: skip
        out = partial(
            journal.write, partial(contacts.opt_out, number=number, source="STOP", now=NOW)
        )
        bad = partial(
            journal.write, partial(contacts.flag_invalid, number=number, why="no", now=NOW)
        )
        together(*tags, out, bad)
        with journal.read() as conn:
            found = contacts.get_contact(conn, number)
        assert found is not None
        assert sorted(found.tags) == [str(n) for n in range(THREADS)]
        assert (found.opted_out_at, found.invalid) == (NOW, True)


def test_refused_callbacks_keep_their_bound_in_a_storm(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused, "KEPT_EACH", 10)

    def junk(conn: Connection) -> None:
        row = refused.Refused(new_id("ref"), "front-desk", NOW, "no", "POST", "/", {}, b"x")
        refused.add_refused(conn, row)

    for _ in range(TRIES):
        together(*[partial(journal.write, junk)] * THREADS)
        with journal.read() as conn:
            kept = conn.execute(select(func.count()).select_from(refused_table)).scalar()
        assert kept is not None
        assert kept <= 10


def test_a_file_that_is_used_again_while_it_is_pruned_is_known(
    journal: Journal, store: FileStore
) -> None:
    for attempt in range(TRIES):
        file = File(name="a.pdf", size=1, media_type="application/pdf", sha256=f"{attempt:064}")

        def old(conn: Connection, file: File = file) -> None:
            lease = held_run(conn, event=add_event(conn, at=NOW - 10).id)
            files.keep_file(conn, HAS_ALL, file, NOW, run_id=lease.run_id)
            runs.finish(conn, lease, "succeeded", NOW - 10)

        def use(file: File = file) -> None:
            journal.write(
                lambda conn: files.keep_file(conn, HAS_ALL, file, NOW, event_id="evt_young")
            )

        journal.write(old)
        together(use, lambda: retention.sweep(journal, store, NOW - 5) and None)
        with journal.read() as conn:
            used = set(conn.execute(select(file_uses.c.sha256)).scalars())
            known = set(conn.execute(select(files_table.c.sha256)).scalars())
        assert used == known
        assert file["sha256"] in used


def test_several_sweep_at_once(journal: Journal, store: FileStore) -> None:
    def old(conn: Connection) -> None:
        for _ in range(250):
            lease = held_run(conn, event=add_event(conn, at=NOW - 10).id)
            steps.put(conn, lease, a_step())
            runs.finish(conn, lease, "succeeded", NOW - 10)

    journal.write(old)
    pruned = together(*[partial(retention.sweep, journal, store, NOW - 5)] * 4)
    assert sum(one.runs for one in pruned) == 250
    with journal.read() as conn:
        assert runs.list_runs(conn).runs == []


def test_a_step_is_settled_once_and_not_after_its_run_has_ended(journal: Journal) -> None:
    def uncertain(conn: Connection) -> str:
        lease = held_run(conn)
        steps.put(conn, lease, a_step("a", state="uncertain"))
        runs.park(conn, lease, "uncertain", None)
        return lease.run_id

    for _ in range(TRIES):
        run_id = journal.write(uncertain)
        sent = partial(steps.settle_sent, run_id=run_id, path="a", output={}, now=NOW)
        end = partial(runs.finish_free, run_id=run_id, state="canceled", at=NOW)

        def settle(conn: Connection, sent: partial[bool] = sent, run_id: str = run_id) -> bool:
            done = sent(conn)
            return done and runs.wake(conn, run_id, NOW) == done

        *settled, _ = together(
            *[partial(journal.write, settle)] * THREADS, partial(journal.write, end)
        )
        with journal.read() as conn:
            step = steps.get_step(conn, run_id, "a")
        assert step is not None
        assert sum(settled) == (step.state == "succeeded")
