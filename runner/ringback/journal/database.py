"""A PostgreSQL server as the journal sees it: how it is reached, and what its errors mean."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from ringback.journal import migrations
from ringback.journal.journal import cause_of
from ringback.journal.statements import fitted
from ringback.problems import Failure

log = logging.getLogger(__name__)

RIDE_OUT_S = 30.0
"""How long a database that cannot be reached is waited for; a restart takes some seconds."""
CONNECTIONS = 24
"""Connections of one process, at most so many to write and as many to read; they are made when they are needed."""
_OLDEST = 130_000
_FROZEN_MS = 20_000
"""A transaction whose process does nothing for so long is ended by the server, and its locks with it."""
_PASSING = frozenset(
    {"40001", "40P01", "57P01", "57P02", "57P03", "25P03", "25P04", "25006", "53300"}
)
"""Serialization, deadlock, a server that stops or starts, a process that was frozen, a standby, too many connections.
https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_ENDING = frozenset({"57P01", "57P02", "57P03", "25P03", "25P04"})
"""Those of them after which the connection is gone."""
SESSION = (
    f"SET idle_in_transaction_session_timeout = {_FROZEN_MS}",
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)


def engine(database: URL, *, reads: bool = False) -> Engine:
    """Connections to a database: to write, or with a snapshot each to read. Raises `Failure` without the driver."""
    try:
        made = create_engine(
            database,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=RIDE_OUT_S,
            pool_use_lifo=True,
            connect_args={
                "connect_timeout": 5,
                "application_name": "ringback",
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 20_000,
            },
        )
    except ModuleNotFoundError as error:
        raise Failure(
            "invalid_input",
            "The journal is to be kept in PostgreSQL, and the driver for that is not installed.",
            "Install it with: pip install 'ringback[postgres]'",
            where="journal",
        ) from error

    @event.listens_for(made, "connect")
    def _connected(driver: Any, _record: Any) -> None:
        from psycopg import IsolationLevel

        driver.autocommit = True
        for statement in SESSION:
            driver.execute(statement)
        driver.autocommit = False
        if reads:
            driver.isolation_level = IsolationLevel.REPEATABLE_READ
            driver.read_only = True

    @event.listens_for(made, "before_cursor_execute", retval=True)
    def _fitted(
        _conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> tuple[str, Any]:
        return statement, [fitted(each) for each in values] if many else fitted(values)

    return made


def address(url: str) -> URL:
    """A database's address read. Raises `Failure("invalid_input")`."""
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        raise Failure(
            "invalid_input",
            "The journal's url cannot be read.",
            "Write it as postgresql://user:password@host:5432/database, with %40 for an @ in the password.",
            where="journal",
        ) from None
    return read.set(drivername="postgresql+psycopg")


def shown(database: URL) -> str:
    """An address without its password."""
    return database.set(drivername="postgresql").render_as_string(hide_password=True)


def too_old(step: str | None) -> Failure:
    """What somebody is told whose tables are those of an older Ringback."""
    return Failure(
        "invalid_input",
        f"The journal's tables are at step {step} and this Ringback works with step {migrations.HEAD}.",
        "Run `ringback migrate`: what runs meanwhile goes on.",
        where="journal",
    )


def check(conn: Connection) -> None:
    """Raise `Failure("invalid_input")` for a server or database that cannot hold a journal."""
    version, encoding = conn.exec_driver_sql(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')"
    ).one()
    if version < _OLDEST:
        raise Failure(
            "invalid_input",
            f"The journal's database is a PostgreSQL {version // 10_000}.",
            f"Ringback works with PostgreSQL {_OLDEST // 10_000} or newer.",
            where="journal",
        )
    if encoding != "UTF8":
        raise Failure(
            "invalid_input",
            f"The journal's database keeps its text as {encoding}, which has no room for every text message.",
            "Make one with: createdb --encoding UTF8 --template template0 ringback",
            where="journal",
        )


def passes(error: BaseException) -> bool:
    """Whether this says that nothing was kept and that another attempt may work."""
    from psycopg import OperationalError

    cause = cause_of(error)
    state = getattr(cause, "sqlstate", None)
    if state is None:
        return isinstance(cause, OperationalError)
    return state in _PASSING or str(state).startswith("08")


def is_gone(conn: Connection, error: BaseException) -> bool:
    """Whether the connection is lost with what went wrong."""
    if conn.invalidated or conn.closed:
        return True
    driver: Any = conn.connection.dbapi_connection
    state = str(getattr(cause_of(error), "sqlstate", None) or "")
    return driver is None or driver.closed or state in _ENDING or state.startswith("08")


def refused_it(error: BaseException) -> bool:
    """Whether the database could not do its work, as against what was asked of it being wrong."""
    from psycopg import InternalError, OperationalError

    return isinstance(cause_of(error), OperationalError | InternalError)


_SAID: dict[str, tuple[str, str]] = {
    "53100": (
        "The disk of the journal's database is full, so nothing was written.",
        "Free some space on it; Ringback goes on by itself.",
    ),
    "42501": (
        "The journal's database may not be written by this user, so nothing was.",
        "Grant it the rights on the tables, or make it their owner.",
    ),
}


def not_written(error: BaseException) -> Failure:
    """What a caller is told whose write the database could not carry out."""
    cause = cause_of(error)
    message, step = _SAID.get(
        str(getattr(cause, "sqlstate", "")),
        (
            f"The journal could not be written: {_line(cause)}.",
            "Look at the database server's log.",
        ),
    )
    log.error("The journal could not be written", exc_info=error)
    return Failure("internal", message, step, where="journal")


def out_of_reach(error: BaseException) -> Failure:
    """What a caller is told who has waited for the database long enough."""
    return Failure(
        "internal",
        f"The journal's database cannot be reached: {_line(cause_of(error))}.",
        "See that PostgreSQL runs and can be reached from here; Ringback goes on by itself then.",
        where="journal",
    )


def in_doubt(error: BaseException | None) -> Failure:
    """What a caller is told whose connection was lost in the middle of a commit."""
    failure = Failure(
        "internal",
        "The connection to the journal's database was lost in the middle of a commit, and whether it was kept is not known.",
        "Ringback goes on by itself; what may have happened without being kept is shown as uncertain.",
        where="journal",
    )
    log.error("A commit is in doubt", exc_info=error)
    return failure


def cannot_open(place: Path | str, error: BaseException) -> Failure:
    """What somebody is told whose database cannot be used."""
    return Failure(
        "invalid_input",
        f"The journal {place} cannot be opened: {_line(cause_of(error))}.",
        "See that PostgreSQL runs, that the database exists, and that journal.url of ringback.yaml is right.",
        where="journal",
    )


def _line(error: BaseException | None) -> str:
    """What an error says, in one line without a full stop."""
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip()).rstrip(".")
