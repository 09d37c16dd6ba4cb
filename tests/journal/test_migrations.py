"""A journal of an older Ringback is brought up to date with what is in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from tests.journal.rows import NOW, a_message

from ringback.clock import SimulatedClock
from ringback.journal import messages, migrations
from ringback.journal.journal import Journal


def a_journal_at(path: Path, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
    engine.dispose()


@pytest.mark.sqlite
def test_messages_keep_the_id_that_their_gateway_knows(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    a_journal_at(path, "0001")
    sent, came = a_message(gateway_id="g1"), a_message(gateway_id="g1", direction="in")
    database = sqlite3.connect(path)
    columns = [row[1] for row in database.execute("PRAGMA table_info(messages)")]
    for message in (sent, came, a_message()):
        whole = message._asdict() | {"timeline": "[]"}
        values = {name: whole[name] for name in columns}
        database.execute(
            f"INSERT INTO messages ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            list(values.values()),
        )
    database.commit()
    database.close()
    journal = Journal.open(path, SimulatedClock(NOW))
    with journal.read() as conn:
        assert messages.by_gateway_id(conn, "front-desk", "g1") == sent
        assert messages.ids_of(conn, sent.id) == {"g1": None}
        assert messages.ids_of(conn, came.id) == {}
    journal.close()
