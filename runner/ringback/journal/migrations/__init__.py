"""The journal's tables through time; each file of `versions` is one step.

A file takes the steps that are due when it is opened. A database that others may be working on takes them when
somebody says `ringback migrate`, but for an empty one, which is made up at once.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ringback.problems import Failure

HEAD = "0011"
"""The newest step. Compared at each start, so that Alembic is loaded only when there is something to do."""
_ONE_AT_A_TIME = 7_264_221_903
"""The advisory lock under which a PostgreSQL database is migrated; any number that nobody else takes."""


def upgrade(conn: Connection, *, only_if_empty: bool = False) -> tuple[str | None, str]:
    """Bring the database of `conn` up to `HEAD`, in one transaction; from which step to which.

    `only_if_empty` leaves one that has tables as it is. Raises `Failure("invalid_input")` when a newer Ringback
    has been here.
    """
    before = version(conn)
    conn.rollback()
    if before == HEAD or (only_if_empty and before is not None):
        check_not_newer(before)
        return before, before
    with conn.begin():
        if conn.dialect.name == "postgresql":
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
        before = version(conn)  # another process may have been faster
        check_not_newer(before)
        if before == HEAD or (only_if_empty and before is not None):
            return before, before
        _migrate(conn)
        if conn.dialect.name == "postgresql":
            _compare_by_bytes(conn)
    return before, HEAD


def check_not_newer(found: str | None) -> None:
    """Raise `Failure("invalid_input")` where a journal's step is one that this Ringback does not know."""
    if found is not None and found > HEAD:
        raise Failure(
            "invalid_input",
            f"The journal is of a newer Ringback (its tables are at {found}, ours at {HEAD}).",
            "Install that Ringback again, or name another journal in ringback.yaml.",
            where="journal",
        )


def version(conn: Connection) -> str | None:
    """The step at which a journal's tables are, None where it has none."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    found: str | None = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found


def _migrate(conn: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


def _compare_by_bytes(conn: Connection) -> None:
    """Let PostgreSQL order and compare our text as SQLite does, whatever the database's language: ids are in order of time."""
    found = conn.execute(
        text(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND data_type = 'text'"
            " AND collation_name IS DISTINCT FROM 'C' ORDER BY table_name, column_name"
        )
    )
    columns: dict[str, list[str]] = {}
    for table, column in found:
        columns.setdefault(table, []).append(f'ALTER "{column}" TYPE text COLLATE "C"')
    for table, changes in columns.items():
        conn.exec_driver_sql(f'ALTER TABLE "{table}" {", ".join(changes)}')
