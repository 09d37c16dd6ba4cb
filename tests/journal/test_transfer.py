"""A journal is carried over from its file to PostgreSQL: every row, or none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, func, select
from tests.journal.rows import HAS_ALL, NOW, a_message, a_step, add_event, held_run
from tests.stores import Databases

from ringback.clock import SystemClock
from ringback.journal import (
    files,
    holders,
    messages,
    migrations,
    notes,
    refused,
    runs,
    steps,
    transfer,
)
from ringback.journal.journal import Journal
from ringback.journal.postgres import PostgresJournal
from ringback.journal.schema import metadata
from ringback.journal.sqlite import SqliteJournal
from ringback.problems import Failure
from ringback.sdk import File

pytestmark = pytest.mark.postgres
ODD = "half \ud83d, nul \0, ✓ and a tab\t \\N"


def silent(_table: str, _done: int, _total: int) -> None:
    return


def one_of_everything(conn: Connection) -> None:
    lease = held_run(conn, event=add_event(conn, key="k").id)
    steps.put(conn, lease, a_step(output={"said": ODD}))
    notes.add_notes(
        conn,
        lease.run_id,
        [notes.Note(NOW, "first\0", facts={"odd": ODD}), notes.Note(NOW, "second")],
    )
    messages.add_message(
        conn, a_message(run_id=lease.run_id, text="nul \0 and\ttab\\N", gateway_id="g")
    )
    messages.add_id(conn, "front-desk", "g", "msg_x")
    files.keep_file(
        conn,
        HAS_ALL,
        File(name="a.pdf", size=1, media_type="application/pdf", sha256="a" * 64),
        NOW,
        run_id=lease.run_id,
    )
    refused.add_refused(
        conn,
        refused.Refused(
            "ref_1", "front-desk", NOW, "no", "POST", "/", {"a": "b"}, bytes(range(256))
        ),
    )
    runs.finish(conn, lease, "succeeded", NOW)
    holders.beat(conn, holders.Holder("hld_dead", "elsewhere", 1, 5, 1))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.connect(path, SystemClock())
    journal.write(one_of_everything)
    for _ in range(3):
        journal.write(lambda conn: [add_event(conn) for _ in range(900)])
    journal.close()
    return path


def counts(journal: Journal) -> dict[str, int]:
    with journal.read() as conn:
        return {
            name: conn.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


def test_every_row_arrives_as_it_was(source: Path, databases: Databases) -> None:
    name = databases.new()
    seen: list[tuple[str, int, int]] = []
    counted = transfer.transfer(source, databases.url(name), lambda *said: seen.append(said))
    here = PostgresJournal.connect(databases.url(name), SystemClock())
    there = SqliteJournal.connect(source, SystemClock())
    assert counts(here) == counts(there) == {one.table: one.target for one in counted}
    assert ("events", 1000, 2701) in seen
    assert ("events", 2701, 2701) in seen
    with here.read() as new, there.read() as old:
        for table in metadata.sorted_tables:
            ordered = select(table).order_by(*table.primary_key.columns)
            rows = [
                tuple(one.replace("\0", "\ufffd") if isinstance(one, str) else one for one in row)
                for row in old.execute(ordered)
            ]
            assert [tuple(row) for row in new.execute(ordered)] == rows
    lease = here.write(held_run)
    here.write(lambda conn: notes.add_notes(conn, lease.run_id, [notes.Note(NOW, "third")]))
    here.close()
    there.close()
    databases.drop(name)


def test_an_older_file_is_brought_up_to_date_on_the_way(
    tmp_path: Path, databases: Databases
) -> None:
    from tests.journal.test_migrations import a_journal_at

    path, name = tmp_path / "old.db", databases.new()
    a_journal_at(path, "0001")
    transfer.transfer(path, databases.url(name), silent)
    PostgresJournal.connect(databases.url(name), SystemClock()).close()
    databases.drop(name)


def test_broken_off_it_leaves_nothing_and_begins_anew(source: Path, databases: Databases) -> None:
    name = databases.new()

    def interrupt(table: str, done: int, _total: int) -> None:
        if table == "messages" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transfer.transfer(source, databases.url(name), interrupt)
    here = PostgresJournal.connect(databases.url(name), SystemClock())
    assert set(counts(here).values()) == {0}
    here.close()
    assert sum(one.target for one in transfer.transfer(source, databases.url(name), silent)) > 2700
    databases.drop(name)


def test_what_is_refused(source: Path, tmp_path: Path, databases: Databases) -> None:
    name = databases.new()
    journal = SqliteJournal.connect(source, SystemClock())
    alive = holders.Holder("hld_alive", "elsewhere", 7, round(time.time() * 1000) + 60_000, 1)
    journal.write(lambda conn: holders.beat(conn, alive))
    with pytest.raises(Failure, match="in use by process 7 on elsewhere"):
        transfer.transfer(source, databases.url(name), silent)
    journal.write(lambda conn: holders.leave(conn, alive.id, NOW))
    journal.close()
    with pytest.raises(Failure, match="There is no journal"):
        transfer.transfer(tmp_path / "none.db", databases.url(name), silent)
    transfer.transfer(source, databases.url(name), silent)
    with pytest.raises(Failure, match=r"not empty: it has rows in .*events"):
        transfer.transfer(source, databases.url(name), silent)
    engine = create_engine(databases.url(name).replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    engine.dispose()
    with pytest.raises(
        Failure, match=f"at step 0001 and this Ringback works with step {migrations.HEAD}"
    ):
        transfer.transfer(source, databases.url(name), silent)
    databases.drop(name)
