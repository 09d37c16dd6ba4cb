"""Carrying a journal over from a file to PostgreSQL, all of it or nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.exc import DBAPIError

from ringback.journal import database, holders, migrations, sqlite, upgrading
from ringback.journal.schema import metadata
from ringback.journal.statements import fit
from ringback.problems import Failure

BATCH = 1000
"""Rows read at a time."""
_TABLES: list[Table] = sorted(metadata.tables.values(), key=lambda table: table.name)
Progress = Callable[[str, int, int], None]
"""Told of a table, how many of its rows are carried over, and how many there are."""


class Counted(NamedTuple):
    """How many rows of a table there are on both sides."""

    table: str
    source: int
    target: int


def transfer(source: Path, target: str, progress: Progress) -> list[Counted]:
    """Copy every row of the journal in a file into an empty PostgreSQL database; the counts of both sides.

    It is one transaction: broken off anywhere, the database is as empty as before, and the same call does it anew.
    The file is not changed, but for being brought up to date, and nobody can write to it meanwhile. Files that
    events and runs use are not in the journal and stay where they are. Raises `Failure("invalid_input")` where one of
    the two cannot be opened, and `Failure("refused")` where the file is in use, the database is not empty, or the
    counts differ.
    """
    if not source.is_file():
        raise Failure(
            "invalid_input",
            f"There is no journal {source}.",
            "Name the file with --from; it is journal.path of ringback.yaml, .ringback/journal.db unless said otherwise.",
        )
    refuse_in_use(source)
    upgrading.bring_up(source)
    with _held(source) as there, _emptied(target) as here:
        counted = [_carry(there, here, table, progress) for table in _TABLES]
        wrong = [one for one in counted if one.source != one.target]
        if wrong:
            said = ", ".join(f"{one.table} {one.target} of {one.source}" for one in wrong)
            raise Failure(
                "refused",
                f"Not every row arrived: {said}. Nothing was kept.",
                "Try again; if it stays so, please report it.",
            )
    return counted


def refuse_in_use(source: Path) -> None:
    """Raise `Failure("refused")` where a living process advances runs of this file."""
    engine = sqlite.writer(source)
    try:
        with engine.connect() as conn:
            if migrations.version(conn) is None:
                return
            living = holders.living(conn, round(time.time() * 1000), socket.gethostname())
    except DBAPIError as error:
        raise sqlite.cannot_open(source, error) from error
    finally:
        engine.dispose()
    if living:
        one = living[0]
        raise Failure(
            "refused",
            f"{source} is in use by process {one.pid} on {one.host}.",
            "Stop `ringback serve` first; its runs go on from the database.",
        )


@contextmanager
def _held(source: Path) -> Iterator[Connection]:
    """The file, which nobody else writes meanwhile."""
    engine = sqlite.writer(source)
    try:
        with engine.connect() as conn, conn.begin():
            yield conn
    finally:
        engine.dispose()


@contextmanager
def _emptied(target: str) -> Iterator[Connection]:
    """The database with its tables and no rows, held; kept when the block ends well."""
    place = database.address(target)
    engine = database.engine(place)
    try:
        with engine.connect() as conn:
            database.check(conn)
            _, step = migrations.upgrade(conn, only_if_empty=True)
            if step != migrations.HEAD:
                raise database.too_old(step)
            conn.rollback()
            with conn.begin():
                for table in _TABLES:
                    conn.exec_driver_sql(f'LOCK TABLE "{table.name}" IN EXCLUSIVE MODE')
                full = [
                    table.name for table in _TABLES if conn.execute(select(table).limit(1)).first()
                ]
                if full:
                    raise Failure(
                        "refused",
                        f"The database {database.shown(place)} is not empty: it has rows in {', '.join(full)}.",
                        "Name an empty one; one that was transferred to before is emptied by dropping and making it anew.",
                    )
                yield conn
    except DBAPIError as error:
        raise database.cannot_open(database.shown(place), error) from error
    finally:
        engine.dispose()


def _carry(there: Connection, here: Connection, table: Table, progress: Progress) -> Counted:
    """Copy one table, in the order of its key."""
    total = there.execute(select(func.count()).select_from(table)).scalar_one()
    progress(table.name, 0, total)
    columns = [column.name for column in table.c]
    named = ", ".join(f'"{name}"' for name in columns)
    done = 0
    with (
        closing(there.execution_options(yield_per=BATCH).execute(_ordered(table))) as rows,
        _cursor(here).copy(f'COPY "{table.name}" ({named}) FROM STDIN') as copy,
    ):
        for some in rows.partitions():
            for row in some:
                copy.write_row([fit(one) if isinstance(one, str) else one for one in row])
            done += len(some)
            progress(table.name, done, total)
    _go_on_counting(here, table)
    return Counted(
        table.name, total, here.execute(select(func.count()).select_from(table)).scalar_one()
    )


def _ordered(table: Table) -> Any:
    return select(table).order_by(*table.primary_key.columns)


def _cursor(conn: Connection) -> Any:
    return conn.connection.cursor()


def _go_on_counting(conn: Connection, table: Table) -> None:
    """Let the ids that the database gives begin after those that came over."""
    for column in table.primary_key.columns:
        sequence = conn.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"),
            {"table": f'"{table.name}"', "column": column.name},
        ).scalar()
        last = conn.execute(select(func.max(column))).scalar() if sequence else None
        if last is not None:
            conn.execute(
                text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last}
            )
