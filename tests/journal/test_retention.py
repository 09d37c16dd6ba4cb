"""What is old goes with all that hangs on it; what is not stays whole; the disk gets its space back."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from tests.journal.rows import HAS_ALL, NOW, a_message, a_step, add_event, held_run

from ringback.ids import new_id
from ringback.journal import (
    files,
    messages,
    notes,
    refused,
    reports,
    retention,
    runs,
    steps,
)
from ringback.journal.files import FileStore
from ringback.journal.journal import Journal
from ringback.journal.schema import metadata
from ringback.sdk import File

KEPT_TABLES = {"definitions", "holders", "schedules"}


def a_whole_run(
    conn: Connection, at: int, *files_of_it: File, end: bool = True, weight: int = 10
) -> str:
    """A run with one of everything, at a moment."""
    event = add_event(conn, at=at).id
    lease = held_run(conn, event=event, created_at=at)
    message = a_message(run_id=lease.run_id, gateway_id=lease.run_id, created_at=at)
    output = {"text": "x" * weight}
    steps.put(conn, lease, a_step(state="succeeded", output=output, started_at=at))
    notes.add_notes(conn, lease.run_id, [notes.Note(at, "read 2 fields")])
    messages.add_message(conn, message)
    messages.add_id(conn, "front-desk", lease.run_id, message.id)
    heard = add_event(conn, source="callback:front-desk", at=at).id
    reports.add_report(
        conn,
        reports.Report(new_id("rep"), heard, "front-desk", "delivered", at, message_id=message.id),
    )
    for file in files_of_it:
        files.keep_file(conn, HAS_ALL, file, at, event_id=event)
        files.keep_file(conn, HAS_ALL, file, at, run_id=lease.run_id)
    if end:
        runs.finish(conn, lease, "succeeded", at)
    return lease.run_id


def an_old_file(store: FileStore, content: bytes) -> File:
    file = store.save("form.docx", content)
    long_ago = time.time() - 2 * 86_400
    os.utime(store.path(file["sha256"]), (long_ago, long_ago))
    return file


def rows(journal: Journal) -> dict[str, list[object]]:
    with journal.read() as conn:
        return {
            table.name: [tuple(row) for row in conn.execute(select(table))]
            for table in metadata.sorted_tables
            if table.name not in KEPT_TABLES
        }


def test_nothing_old_nothing_gone(journal: Journal, store: FileStore) -> None:
    journal.write(lambda conn: a_whole_run(conn, NOW, an_old_file(store, b"a")))
    before = rows(journal)
    assert retention.sweep(journal, store, NOW)[:3] == (0, 0, 0)
    assert rows(journal) == before


def test_the_old_goes_and_the_young_stays(journal: Journal, store: FileStore) -> None:
    old_file, shared, young = (an_old_file(store, name) for name in (b"old", b"shared", b"young"))
    journal.write(lambda conn: a_whole_run(conn, NOW, shared, young))
    journal.write(lambda conn: a_whole_run(conn, NOW - 50, end=False))
    before = rows(journal)
    for _ in range(3):
        journal.write(lambda conn: a_whole_run(conn, NOW - 50, old_file, shared))
    journal.write(lambda conn: messages.add_message(conn, a_message(created_at=NOW - 50)))
    callback = refused.Refused(
        "ref_1", "front-desk", NOW - 50, "no signature", "POST", "https://x.example/", {}, b""
    )
    journal.write(lambda conn: refused.add_refused(conn, callback))

    pruned = retention.sweep(journal, store, NOW)
    assert (pruned.runs, pruned.events, pruned.files) == (3, 6, 1)
    assert not (store.folder / old_file["sha256"][:2] / old_file["sha256"][2:]).exists()
    assert store.path(shared["sha256"])
    after = rows(journal)
    assert {name: len(kept) for name, kept in after.items()} == {
        name: len(kept) for name, kept in before.items()
    }
    assert after == before
    assert retention.sweep(journal, store, NOW)[:3] == (0, 0, 0)


def test_more_than_one_batch(journal: Journal, store: FileStore) -> None:
    def many(conn: Connection) -> None:
        for number in range(2 * retention.BATCH + 1):
            a_whole_run(conn, NOW - 1000 + number)

    journal.write(many)
    assert retention.sweep(journal, store, NOW).runs == 2 * retention.BATCH + 1
    assert not any(rows(journal).values())


def test_a_file_stored_just_now_is_left_to_the_next_time(
    journal: Journal, store: FileStore
) -> None:
    file = store.save("form.docx", b"x")
    journal.write(lambda conn: a_whole_run(conn, NOW - 5, file))
    assert retention.sweep(journal, store, NOW).files == 0
    assert store.path(file["sha256"])
    os.utime(store.path(file["sha256"]), (0, 0))
    assert retention.sweep(journal, store, NOW).files == 1


@pytest.mark.sqlite
def test_the_disk_gets_its_space_back(journal: Journal, store: FileStore) -> None:
    def many(conn: Connection) -> None:
        for _ in range(300):
            a_whole_run(conn, NOW - 5, weight=20_000)

    journal.write(many)
    journal.write(lambda conn: a_whole_run(conn, NOW))
    journal.write(lambda conn: None)
    pruned = retention.sweep(journal, store, NOW)
    assert pruned.bytes > 5_000_000
    with journal.read() as conn:
        assert conn.exec_driver_sql("PRAGMA freelist_count").scalar() == 0
    path = Path(journal.place)
    journal.close()
    assert path.stat().st_size < 1_000_000
