"""What holds of a journal, wherever it is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.journal.rows import NOW

from ringback.clock import SimulatedClock
from ringback.journal import afterwards
from ringback.journal.journal import Journal
from ringback.problems import Failure

Write = Callable[[Connection], Any]


def put(name: str) -> Write:
    return lambda conn: conn.exec_driver_sql(
        f"INSERT INTO holders (id, host, pid, until, started_at) VALUES ('{name}', 'host', 1, 2, 3)"
    )


def names(journal: Journal) -> list[str]:
    with journal.read() as conn:
        return list(conn.exec_driver_sql("SELECT id FROM holders ORDER BY id").scalars())


def test_what_a_write_returns_and_keeps(journal: Journal) -> None:
    assert journal.write(lambda conn: put("anna")(conn).rowcount) == 1
    assert names(journal) == ["anna"]


def test_an_exception_alone_takes_back_its_part(journal: Journal) -> None:
    def half(conn: Connection) -> None:
        put("half")(conn)
        raise KeyError("mine")

    with pytest.raises(KeyError):
        journal.write(half)
    journal.write(put("later"))
    assert names(journal) == ["later"]


def test_even_an_exit_inside_a_write_is_its_callers(journal: Journal) -> None:
    def leave(_conn: Connection) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        journal.write(leave)
    journal.write(put("later"))
    assert names(journal) == ["later"]


def test_writes_are_carried_out_in_order(journal: Journal) -> None:
    order: list[int] = []

    def note(number: int) -> Write:
        return lambda _conn: order.append(number)

    futures = [journal.submit(note(number)) for number in range(500)]
    journal.write(note(500))
    assert all(future.done() for future in futures)
    assert order == list(range(501))


def test_a_write_sees_what_was_handed_in_before_it(journal: Journal) -> None:
    journal.submit(put("first"))
    seen = journal.write(
        lambda conn: conn.exec_driver_sql("SELECT id FROM holders").scalars().all()
    )
    assert seen == ["first"]


def test_reads_go_on_beside_a_write(journal: Journal) -> None:
    journal.write(put("before"))
    begun, go = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        put("during")(conn)
        begun.set()
        assert go.wait(10)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(journal.write, slow)
        assert begun.wait(10)
        assert names(journal) == ["before"]
        go.set()
        writing.result(10)
    assert names(journal) == ["before", "during"]


def test_a_reader_sees_one_moment(journal: Journal) -> None:
    with journal.read() as conn:
        count = "SELECT count(*) FROM holders"
        assert conn.exec_driver_sql(count).scalar() == 0
        journal.write(put("meanwhile"))
        assert conn.exec_driver_sql(count).scalar() == 0


def test_a_reader_cannot_write(journal: Journal) -> None:
    with pytest.raises(Exception, match=r"read.?only"), journal.read() as conn:
        put("sly")(conn)


def test_a_write_inside_a_write_is_refused(journal: Journal) -> None:
    with pytest.raises(RuntimeError, match="inside a write"):
        journal.write(lambda _conn: journal.write(put("inner")))


def test_closing_finishes_what_was_handed_in(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path, SimulatedClock(NOW))
    futures = [journal.submit(put(f"{number:03}")) for number in range(300)]
    journal.close()
    journal.close()
    assert all(future.done() for future in futures)
    with pytest.raises(Failure, match="closed"):
        journal.write(put("late"))
    again = Journal.open(path, SimulatedClock(NOW))
    assert len(names(again)) == 300
    again.close()


def test_what_follows_a_write_happens_once_it_is_kept(journal: Journal) -> None:
    told: list[list[str]] = []

    def write(conn: Connection) -> None:
        put("anna")(conn)
        afterwards.once_kept(conn, lambda: told.append(names(journal)))
        assert told == []

    journal.write(write)
    assert told == [["anna"]]
    journal.write(put("berta"))
    assert told == [["anna"]]


def test_what_would_follow_a_write_that_is_taken_back_does_not_happen(journal: Journal) -> None:
    told: list[str] = []

    def half(conn: Connection) -> None:
        afterwards.once_kept(conn, lambda: told.append("half"))
        raise KeyError("mine")

    with pytest.raises(KeyError):
        journal.write(half)
    journal.write(put("later"))
    assert told == []


def test_what_breaks_after_a_write_leaves_it_and_what_else_follows(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def write(conn: Connection) -> str:
        put("anna")(conn)
        afterwards.once_kept(conn, lambda: told[7])
        afterwards.once_kept(conn, lambda: told.append("second"))
        return "kept"

    assert journal.write(write) == "kept"
    assert (names(journal), told) == (["anna"], ["second"])
    assert "What follows a write broke" in caplog.text
