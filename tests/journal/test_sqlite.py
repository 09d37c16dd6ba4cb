"""The writer of a file: one commit for many callers, and nobody's mistake but one's own."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.journal.rows import NOW, add_event

from ringback.clock import SimulatedClock
from ringback.journal import sqlite as module
from ringback.journal.journal import Journal
from ringback.journal.sqlite import SqliteJournal
from ringback.problems import Failure

pytestmark = pytest.mark.sqlite
Write = Callable[[Connection], Any]


def put(name: str) -> Write:
    return lambda conn: conn.exec_driver_sql(
        "INSERT INTO holders VALUES (:id, 'host', 1, 2, 3)", {"id": name}
    )


def file_of(journal: Journal) -> Path:
    assert isinstance(journal, SqliteJournal)
    return journal.path


def names(journal: Journal) -> list[str]:
    with journal.read() as conn:
        return list(conn.exec_driver_sql("SELECT id FROM holders ORDER BY rowid").scalars())


def together(journal: Journal, *writes: Write) -> list[Future[Any]]:
    """Hand the writes in while the writer is busy, so that they make one batch; returns when all are done."""
    begun, go = threading.Event(), threading.Event()

    def hold(_conn: Connection) -> None:
        begun.set()
        assert go.wait(10)

    first = journal.submit(hold)
    assert begun.wait(10)
    futures = [journal.submit(write) for write in writes]
    go.set()
    first.result(10)
    for future in futures:
        future.exception(10)
    return futures


def test_a_batch_is_one_commit(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    commit = module._commit

    def counted(conn: Connection, batch: list[Any]) -> None:
        sizes.append(len(batch))
        commit(conn, batch)

    monkeypatch.setattr(module, "_commit", counted)
    together(journal, *[put(f"{number:03}") for number in range(module.MAX_BATCH + 5)])
    assert sizes == [1, module.MAX_BATCH, 5]
    assert names(journal) == [f"{number:03}" for number in range(module.MAX_BATCH + 5)]


def test_an_exception_takes_back_its_own_part_only(journal: Journal) -> None:
    def half(conn: Connection) -> None:
        put("half")(conn)
        raise KeyError("mine")

    before, wrong, after = together(journal, put("before"), half, put("after"))
    assert before.exception() is None
    assert isinstance(wrong.exception(), KeyError)
    assert after.exception() is None
    assert names(journal) == ["before", "after"]


def test_a_broken_statement_spoils_only_its_own_part(journal: Journal) -> None:
    def twice(conn: Connection) -> None:
        put("twice")(conn)
        put("twice")(conn)

    _, wrong, _ = together(journal, put("a"), twice, put("z"))
    assert "UNIQUE" in str(wrong.exception())
    assert names(journal) == ["a", "z"]


def test_a_failed_commit_fails_every_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_WRITER", (*module._WRITER, "PRAGMA foreign_keys = ON"))
    journal = Journal.open(tmp_path / "journal.db", SimulatedClock(NOW))
    journal.write(
        lambda conn: conn.exec_driver_sql(
            "CREATE TABLE owed (id INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)"
        )
    )

    def owe(conn: Connection) -> None:
        conn.exec_driver_sql("INSERT INTO owed VALUES (7)")  # noticed by COMMIT

    with caplog.at_level(logging.CRITICAL):
        futures = together(journal, put("a"), owe, put("z"))
    for future in futures:
        failure = future.exception()
        assert isinstance(failure, Failure)
        assert failure.code == "internal"
        assert failure.next
    assert len({id(future.exception()) for future in futures}) == 3
    assert names(journal) == []
    journal.write(put("later"))
    assert names(journal) == ["later"]
    journal.close()


@pytest.mark.parametrize("others", [0, 2])
def test_a_full_disk_is_said_and_got_over(
    journal: Journal, caplog: pytest.LogCaptureFixture, others: int
) -> None:
    def limit(pages: int) -> Write:
        return lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}").all()

    def much(conn: Connection) -> None:
        for _ in range(50):
            conn.exec_driver_sql(
                "INSERT INTO notes (run_id, at, message, facts) VALUES ('r', 1, :text, '{}')",
                {"text": "x" * 10_000},
            )

    journal.write(limit(1))  # SQLite takes the number of pages that there are
    with caplog.at_level(logging.CRITICAL):
        futures = together(journal, *[put(str(number)) for number in range(others)], much)
    failure = futures[-1].exception()
    assert isinstance(failure, Failure)
    assert failure.code == "internal"
    assert "full" in failure.message
    assert failure.next
    kept = [future for future in futures[:-1] if future.exception() is None]
    assert len(names(journal)) == len(kept)
    journal.write(limit(1_000_000))
    journal.write(much)


def test_the_words_of_a_failed_write() -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_WRITE"
    failure = module._not_written(error)
    assert failure.code == "internal"
    assert "disk I/O error" in failure.message
    error.sqlite_errorname = "SQLITE_FULL"
    assert "full" in module._not_written(error).message


def test_a_writer_that_dies_says_so_to_everybody(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def die(conn: Connection, batch: list[Any]) -> None:
        raise MemoryError("no more")

    journal.write(put("kept"))
    monkeypatch.setattr(module, "_commit", die)
    with caplog.at_level(logging.CRITICAL + 1):
        for _ in range(2):
            with pytest.raises(Failure, match="stopped writing: no more") as caught:
                journal.write(put("lost"))
            assert caught.value.code == "internal"
    assert names(journal) == ["kept"]


def test_a_canceled_submit_is_left_out(journal: Journal) -> None:
    begun, go = threading.Event(), threading.Event()

    def hold(_conn: Connection) -> None:
        begun.set()
        assert go.wait(10)

    first = journal.submit(hold)
    assert begun.wait(10)
    unwanted = journal.submit(put("unwanted"))
    assert unwanted.cancel()
    go.set()
    first.result(10)
    journal.write(put("wanted"))
    assert names(journal) == ["wanted"]


def test_two_journals_write_one_file(journal: Journal) -> None:
    other = Journal.open(f"sqlite:///{file_of(journal)}", SimulatedClock(NOW))
    with ThreadPoolExecutor(8) as pool:
        for number in range(200):
            pool.submit((journal, other)[number % 2].write, put(f"{number:03}"))
    assert len(names(journal)) == len(names(other)) == 200
    other.close()


def test_a_lock_that_is_not_given_up_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "BUSY_MS", 20)
    journal = Journal.open(tmp_path / "journal.db", SimulatedClock(NOW))
    other = sqlite3.connect(file_of(journal), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.CRITICAL), pytest.raises(Failure, match="busy") as caught:
        journal.write(put("blocked"))
    assert caught.value.code == "internal"
    other.execute("ROLLBACK")
    other.close()
    journal.write(put("free"))
    assert names(journal) == ["free"]
    journal.close()


def test_many_open_a_new_journal_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.db"
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: Journal.open(path, SimulatedClock(NOW)), range(6)))
    for journal in opened:
        journal.write(lambda conn: add_event(conn))
        journal.close()


def test_the_files_are_for_our_eyes_only(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "kept" / "journal.db", SimulatedClock(NOW))
    journal.write(put("anna"))
    modes = {
        entry.name: entry.stat().st_mode & 0o777 for entry in file_of(journal).parent.iterdir()
    }
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    assert file_of(journal).parent.stat().st_mode & 0o777 == 0o700
    journal.close()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("auto_vacuum", 2)],
)
def test_how_the_database_is_set(journal: Journal, pragma: str, value: object) -> None:
    assert journal.write(lambda conn: conn.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("/proc/none/journal.db", "cannot be opened"),
        ("mysql://db/ringback", "mysql"),
        ("{folder}", "cannot be opened"),
        ("{folder}/letter.txt", "not a database"),
    ],
)
def test_what_cannot_be_opened_is_said(tmp_path: Path, where: str, said: str) -> None:
    (tmp_path / "letter.txt").write_text("Dear Amina, " * 1000)
    with pytest.raises(Failure, match=said) as caught:
        Journal.open(where.format(folder=tmp_path), SimulatedClock(NOW))
    assert caught.value.code == "invalid_input"
    assert caught.value.next
