"""The migrations make the tables that the schema says, and every statement finds its rows by an index."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.dialects.postgresql import psycopg
from tests.journal.rows import NOW

import ringback.journal
from ringback.clock import SimulatedClock
from ringback.journal import migrations
from ringback.journal.journal import Journal
from ringback.journal.schema import metadata
from ringback.journal.statements import Statement
from ringback.problems import Failure

SMALL = {"schedules", "holders", "refused", "pieces", "accounts", "tokens", "sealed", "heard"}
"""Tables that may be read from end to end."""


def _statements() -> list[tuple[str, Statement]]:
    modules = [
        importlib.import_module(f"ringback.journal.{module.name}")
        for module in pkgutil.iter_modules(ringback.journal.__path__)
        if module.name != "migrations"
    ]
    return [
        (f"{module.__name__.rpartition('.')[2]}.{name}", value)
        for module in modules
        for name, value in sorted(vars(module).items())
        if isinstance(value, Statement)
    ]


STATEMENTS = _statements()


def _shape(conn: Connection) -> dict[str, object]:
    """Every table and index, whichever order its columns were added in."""
    found: dict[str, object] = {}
    query = (
        "SELECT type, name, sql FROM sqlite_master"
        " WHERE name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
    )
    for kind, name, sql in conn.exec_driver_sql(query).all():
        if kind == "index":
            found[name] = re.sub(r"[\s\"]+", " ", sql).strip()
            continue
        columns = conn.exec_driver_sql(
            f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('{name}')"
        )
        found[name] = (
            sorted(tuple(column) for column in columns),
            "WITHOUT ROWID" in sql,
            "AUTOINCREMENT" in sql,
        )
    return found


@pytest.mark.sqlite
def test_the_migrations_make_the_schema(journal: Journal) -> None:
    wanted = create_engine("sqlite://")
    metadata.create_all(wanted)
    with journal.read() as made, wanted.connect() as declared:
        assert _shape(made) == _shape(declared)
    wanted.dispose()


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


@pytest.mark.sqlite
def test_a_newer_journal_is_left_alone(journal: Journal) -> None:
    journal.write(
        lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num='9999'")
    )
    with pytest.raises(Failure, match="newer Ringback") as caught:
        Journal.open(journal.place, SimulatedClock(NOW))
    assert caught.value.next


@pytest.mark.sqlite
@pytest.mark.parametrize(("name", "statement"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_statements_use_indexes(journal: Journal, name: str, statement: Statement) -> None:
    with journal.read() as conn:
        sql, fixed = statement._sql(conn)
        values = dict.fromkeys(re.findall(r":(\w+)", sql), None) | fixed
        plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
    scanned = {
        found[1]
        for row in plan
        if (
            found := re.match(
                r"SCAN (\w+)\b(?! USING (COVERING )?INDEX (runs_(wake|holder)|waits_key))", row[3]
            )
        )
    }
    assert scanned <= SMALL


@pytest.mark.parametrize(("name", "statement"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_statements_can_be_said_in_postgresql(name: str, statement: Statement) -> None:
    dialect = psycopg.dialect()  # type: ignore[no-untyped-call]
    sql = str(statement._clause.compile(dialect=dialect)) + statement._ending
    assert "?" not in sql
