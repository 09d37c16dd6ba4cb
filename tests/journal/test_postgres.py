"""What is special about a journal in PostgreSQL: a server that goes away, text it cannot hold, tables made by several at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, select, text
from tests.journal.rows import NOW, a_message, a_step, add_event, held_run
from tests.stores import Databases
from tests.together import together

from ringback.clock import SharedClock, SimulatedClock
from ringback.engine.runtime import open_runtime
from ringback.journal import (
    afterwards,
    database,
    events,
    messages,
    migrations,
    runs,
    steps,
    upgrading,
)
from ringback.journal.journal import Journal
from ringback.journal.postgres import PostgresJournal
from ringback.journal.schema import metadata
from ringback.journal.schema import runs as runs_table
from ringback.problems import Failure
from ringback.settings import load_settings

pytestmark = pytest.mark.postgres
ODD = "half \ud83d and nul \0 and ✓"


class Server:
    """A database of its own, which can be away."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        self.name = databases.take()
        self.url = databases.url(self.name)

    def goes(self) -> None:
        """Every connection is cut and no new one taken."""
        self._allow(False)
        self.cut()

    def cut(self) -> None:
        self._say(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", self.name
        )

    def comes(self) -> None:
        self._allow(True)

    def _allow(self, yes: bool) -> None:
        self._say(f'ALTER DATABASE "{self.name}" ALLOW_CONNECTIONS {str(yes).lower()}')

    def _say(self, statement: str, *values: str) -> None:
        with psycopg.connect(self.databases.url("postgres"), autocommit=True) as admin:
            admin.execute(statement, values or None)


@pytest.fixture
def server(databases: Databases) -> Iterator[Server]:
    made = Server(databases)
    yield made
    made.comes()
    databases.drop(made.name)


@pytest.fixture
def shared(server: Server) -> Iterator[Journal]:
    opened = PostgresJournal.connect(server.url, SimulatedClock(NOW))
    yield opened
    opened.close()


def ids(journal: Journal) -> list[str]:
    return journal.look(lambda conn: [row[0] for row in conn.execute(select(runs_table.c.id))])


def test_a_server_that_goes_away_is_waited_for(server: Server, shared: Journal) -> None:
    first = shared.write(held_run)
    server.goes()
    later = threading.Timer(1.5, server.comes)
    later.start()
    got = together(*[lambda: shared.write(held_run).run_id] * 6, lambda: ids(shared)[0])
    later.join()
    assert sorted(ids(shared)) == sorted({first.run_id, *got})


def test_a_connection_lost_in_the_middle_of_a_write_begins_it_anew(
    server: Server, shared: Journal
) -> None:
    tries: list[int] = []

    def cut_once(conn: Connection) -> str:
        made = held_run(conn).run_id
        tries.append(1)
        if len(tries) == 1:
            server.cut()
        add_event(conn)
        return made

    made = shared.write(cut_once)
    assert len(tries) == 2
    assert ids(shared) == [made]


def test_a_connection_lost_in_the_commit_is_not_tried_again(
    server: Server, shared: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def write(conn: Connection) -> None:
        tries.append(1)
        held_run(conn)
        conn.connection.dbapi_connection.pgconn.finish()  # type: ignore[union-attr]

    with pytest.raises(Failure, match="in the middle of a commit") as caught:
        shared.write(write)
    assert caught.value.code == "internal"
    assert len(tries) == 1
    shared.write(held_run)


def test_a_look_that_loses_its_connection_begins_anew(server: Server, shared: Journal) -> None:
    tries: list[int] = []

    def look(conn: Connection) -> int:
        tries.append(1)
        conn.execute(text("SELECT 1"))
        if len(tries) == 1:
            server.cut()
        return int(conn.execute(text("SELECT 2")).scalar_one())

    assert shared.look(look) == 2
    assert len(tries) == 2

    def read() -> None:
        with shared.read() as conn:
            conn.execute(text("SELECT 1"))
            server.cut()
            conn.execute(text("SELECT 1"))

    with pytest.raises(Failure, match="cannot be reached"):
        read()


def test_the_waiting_has_an_end(
    server: Server, shared: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "RIDE_OUT_S", 0.3)
    server.goes()
    for call in (lambda: shared.write(held_run), lambda: ids(shared)):
        with pytest.raises(Failure, match="cannot be reached") as caught:
            call()
        assert caught.value.code == "internal"
        assert caught.value.next
    assert isinstance(shared.submit(held_run).exception(), Failure)
    server.comes()
    assert shared.write(held_run)


def test_writes_that_wait_for_each_other_in_a_circle_are_carried_out(shared: Journal) -> None:
    first, second = (shared.write(held_run).run_id for _ in "12")
    gate, tries = threading.Barrier(2), []

    def wake(one: str, other: str) -> Callable[[Connection], None]:
        def write(conn: Connection) -> None:
            tries.append(one)
            runs.wake(conn, one, NOW)
            if len(tries) <= 2:
                gate.wait(10)
            runs.wake(conn, other, NOW)

        return write

    together(lambda: shared.write(wake(first, second)), lambda: shared.write(wake(second, first)))
    assert len(tries) > 2


def test_no_event_is_lost_for_an_odd_character(shared: Journal) -> None:
    def keep(conn: Connection) -> str:
        added = events.add_event(
            conn, id="evt_1", source=f"hook:{ODD}", key=ODD, workflow="w", kind="webhook", data={"body": {ODD: ODD}}, received_at=NOW,
        )  # fmt: skip
        lease = held_run(conn, event=added.id)
        steps.put(conn, lease, a_step(output=ODD))
        messages.add_message(conn, a_message(text=ODD, number_to=ODD, run_id=lease.run_id))
        return lease.run_id

    run_id = shared.write(keep)
    plain = ODD.replace("\0", "\ufffd").replace("\ud83d", "\ufffd")
    with shared.read() as conn:
        event = events.get_event(conn, "evt_1")
        assert event is not None
        assert event.data == {
            "body": {ODD.replace("\ud83d", "\ufffd"): ODD.replace("\ud83d", "\ufffd")}
        }
        assert messages.of_run(conn, run_id)[0].text == plain
        assert [one.text for one in messages.sent_to(conn, ODD, 0)] == [plain]
        assert runs.list_runs(conn, workflow=ODD).runs == []
    again = shared.write(lambda conn: add_event(conn, source=f"hook:{ODD}", key=ODD))
    assert (again.id, again.run, again.duplicate) == ("evt_1", run_id, True)


def test_many_start_on_an_empty_database(databases: Databases) -> None:
    name = databases.new()
    opened = together(
        *[lambda: PostgresJournal.connect(databases.url(name), SimulatedClock(NOW))] * 5
    )
    for journal in opened:
        journal.write(held_run)
        journal.close()
    databases.drop(name)


def at(url: str, revision: str) -> None:
    """Let the tables of a database be those of a step, and nothing else."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
    engine.dispose()


def test_an_older_database_waits_for_migrate_and_is_like_a_new_one_then(
    databases: Databases,
) -> None:
    name = databases.new()
    url = databases.url(name)
    wanted = shape(databases.url(databases.take()))
    for revision in [f"{number:04}" for number in range(1, int(migrations.HEAD))]:
        at(url, revision)
        with pytest.raises(Failure, match=f"at step {revision}") as caught:
            Journal.open(url, SimulatedClock(NOW))
        assert "ringback migrate" in caught.value.next
        assert upgrading.standing(url) == revision
        assert upgrading.bring_up(url) == (revision, migrations.HEAD)
        assert shape(url) == wanted
    databases.drop(name)


def shape(url: str) -> Any:
    columns = "SELECT table_name, column_name, data_type, is_nullable, collation_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    with psycopg.connect(url) as conn:
        return conn.execute(columns).fetchall(), conn.execute(indexes).fetchall()


def test_the_migrations_make_the_schema(databases: Databases) -> None:
    declared = databases.new()
    engine = create_engine(databases.url(declared).replace("postgresql:", "postgresql+psycopg:"))
    metadata.create_all(engine)
    engine.dispose()
    made, wanted = shape(databases.url(databases.take())), shape(databases.url(declared))

    def plain(rows: Any) -> list[tuple[Any, ...]]:
        return [tuple(row[:4]) for row in rows if row[0] != "alembic_version"]

    assert plain(made[0]) == plain(wanted[0])
    assert {name: said for name, said in made[1] if not name.startswith("alembic")} == dict(
        wanted[1]
    )
    assert {row[4] for row in made[0] if row[2] == "text"} == {"C"}
    databases.drop(declared)


def test_a_newer_database_is_left_alone(databases: Databases) -> None:
    name = databases.new()
    url = databases.url(name)
    PostgresJournal.connect(url, SimulatedClock(NOW)).close()
    with psycopg.connect(url) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    for call in (lambda: Journal.open(url, SimulatedClock(NOW)), lambda: upgrading.bring_up(url)):
        with pytest.raises(Failure, match="newer Ringback"):
            call()
    databases.drop(name)


def test_what_cannot_be_opened_is_said(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        databases.url("nosuch"): "does not exist",
        "postgresql://nobody:s3cr3t-pass@127.0.0.1:1/x": "cannot be opened",
        "postgresql://db:port/x": "cannot be read",
    }
    for url, word in said.items():
        with pytest.raises(Failure, match=word) as caught:
            PostgresJournal.connect(url, SimulatedClock(NOW))
        assert caught.value.code == "invalid_input"
        assert caught.value.next
        assert "s3cr3t" not in str(caught.value)

    def without(*_args: object, **_keys: object) -> None:
        raise ModuleNotFoundError("psycopg")

    monkeypatch.setattr(database, "create_engine", without)
    with pytest.raises(Failure, match="driver") as caught:
        PostgresJournal.connect(databases.url("x"), SimulatedClock(NOW))
    assert "ringback[postgres]" in caught.value.next


def test_a_database_for_other_letters_is_refused(databases: Databases) -> None:
    name = databases.new()
    databases._do(psycopg.sql.SQL("CREATE DATABASE {} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0").format(psycopg.sql.Identifier(f"{name}_l")))  # fmt: skip
    databases._all.append(f"{name}_l")
    with pytest.raises(Failure, match="LATIN1"):
        PostgresJournal.connect(databases.url(f"{name}_l"), SimulatedClock(NOW))
    databases.drop(f"{name}_l")
    databases.drop(name)


def test_a_process_that_stands_still_holds_nobody_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction is ended by the server; when it goes on, it begins anew."""
    monkeypatch.setattr(
        database,
        "SESSION",
        ("SET idle_in_transaction_session_timeout = 300", *database.SESSION[1:]),
    )
    from ringback.journal import locks

    journal = PostgresJournal.connect(server.url, SimulatedClock(NOW))
    stands, tries = threading.Event(), []

    def frozen(conn: Connection) -> str:
        locks.hold(conn, locks.number("+44"))
        tries.append(1)
        if len(tries) == 1:
            assert stands.wait(10)
        return held_run(conn).run_id

    def other(conn: Connection) -> str:
        locks.hold(conn, locks.number("+44"))
        return held_run(conn).run_id

    def after() -> str:
        while not tries:
            pass
        made = journal.write(other)
        stands.set()
        return made

    made = together(lambda: journal.write(frozen), after)
    assert len(tries) == 2
    assert sorted(ids(journal)) == sorted(made)
    journal.close()


def test_what_follows_a_write_that_ran_twice_happens_once(server: Server, shared: Journal) -> None:
    ran, told = [], []

    def write(conn: Connection) -> None:
        ran.append("once")
        afterwards.once_kept(conn, lambda: told.append("kept"))
        if len(ran) == 1:
            server.cut()
        conn.execute(text("SELECT 1"))

    shared.write(write)
    assert (len(ran), told) == (2, ["kept"])


def test_a_runtime_goes_by_the_clock_of_its_server(server: Server, tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text(f"journal: {{url: '{server.url}'}}\n")
    runtime = open_runtime(load_settings(tmp_path, {}))
    try:
        assert isinstance(runtime.clock, SharedClock)
        said = runtime.journal.server_ms()
        assert said is not None
        assert abs(runtime.clock.now_ms() - said) < 10_000
    finally:
        runtime.close(0)
