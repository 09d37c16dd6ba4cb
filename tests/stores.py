"""In which store the tests keep their journals: a file each, or a database each on a PostgreSQL server.

`RINGBACK_TEST_JOURNAL=postgresql://user@host/postgres` is read here and nowhere else. With it, whatever opens a
journal at a path in this process gets a database of its own for that path, so the same tests run on both. A test
that is about files says so with `@pytest.mark.sqlite`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ringback.clock import Clock, SystemClock
from ringback.journal import database
from ringback.journal import journal as seam
from ringback.journal.journal import Journal
from ringback.journal.postgres import PostgresJournal
from ringback.journal.schema import metadata

SERVER = os.environ.get("RINGBACK_TEST_JOURNAL", "")
"""A database of a server on which more may be made, or an empty text for files."""

COMMITS = "write" if SERVER else "_hand_in"
"""The method of a journal through which every write goes, whichever way it is asked for."""


class Databases:
    """Databases on a server, made from one that has its tables, and used again once they are emptied."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._numbers = itertools.count()
        self._all: list[str] = []
        self._free: list[str] = []
        self._admin: psycopg.Connection[Any] | None = None
        self._template = ""

    def url(self, name: str) -> str:
        address, _, _ = self._server.rpartition("/")
        return f"{address}/{name}"

    def take(self) -> str:
        """The name of one with its tables and no rows."""
        if not self._template:
            self._template = self.new()
            PostgresJournal.connect(self.url(self._template), SystemClock()).close()
        return self._free.pop() if self._free else self.new(self._template)

    def new(self, template: str = "template0") -> str:
        """The name of a new one."""
        name = f"ringback_test_{os.getpid()}_{next(self._numbers)}"
        make = sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE {}")
        self._do(make.format(sql.Identifier(name), sql.Identifier(template)))
        self._all.append(name)
        return name

    def give_back(self, name: str) -> None:
        with psycopg.connect(self.url(name)) as conn:  # faster than TRUNCATE where there is little
            conn.execute("SET LOCAL lock_timeout = '20s'; SET LOCAL synchronous_commit = off")
            each = [
                sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in metadata.tables
            ]
            conn.execute(sql.SQL("; ").join(each))
        self._free.append(name)

    def drop(self, name: str) -> None:
        self._do(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        self._all.remove(name)

    def close(self) -> None:
        for name in list(self._all):
            self.drop(name)
        if self._admin is not None:
            self._admin.close()

    def _do(self, statement: sql.Composed) -> None:
        if self._admin is None:
            self._admin = psycopg.connect(self._server, autocommit=True)
        self._admin.execute(statement)


@contextmanager
def instead_of_files(databases: Databases) -> Iterator[None]:
    """For the length of a block, a journal asked for at a path is in a database that stands for the path."""
    by_path: dict[Path, str] = {}
    real, session = seam.Journal.__dict__["open"], database.SESSION

    def opened(cls: type[Journal], where: Path | str, clock: Clock) -> Journal:
        if seam.is_url(where):
            return PostgresJournal.connect(str(where), clock)
        path = seam.path_of(where).resolve()
        if path not in by_path:
            by_path[path] = databases.take()
        return PostgresJournal.connect(databases.url(by_path[path]), clock)

    database.SESSION = (*session[:1], "SET synchronous_commit = off")  # no test pulls the plug
    seam.Journal.open = classmethod(opened)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        database.SESSION = session
        seam.Journal.open = real  # type: ignore[method-assign]
        for name in by_path.values():
            databases.give_back(name)
