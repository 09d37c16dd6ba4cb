"""The journal's tables through time; each file of `versions` is one step, and opening takes those that are due."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect

from ringback.problems import Failure

HEAD = "0004"
"""The newest step. Compared at each start, so that Alembic is loaded only when there is something to do."""


def upgrade(conn: Connection) -> None:
    """Bring the database of `conn` up to `HEAD`, in one transaction.

    Raises `Failure("invalid_input")` when a newer Ringback has been here.
    """
    if _version(conn) == HEAD:
        return
    conn.rollback()
    with conn.begin():
        version = _version(conn)  # another process may have been faster
        if version is not None and version > HEAD:
            raise Failure(
                "invalid_input",
                f"The journal is of a newer Ringback (its tables are at {version}, ours at {HEAD}).",
                "Install that Ringback again, or name another file in journal.path of ringback.yaml.",
                where="journal",
            )
        if version != HEAD:
            _migrate(conn)


def _version(conn: Connection) -> str | None:
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
