"""Bringing a journal's tables up to date because somebody asks for it: `ringback migrate`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ringback.journal import migrations
from ringback.journal.journal import is_url, path_of


def standing(where: Path | str) -> str | None:
    """The step at which a journal's tables are; None where there are none. Changes nothing.

    Raises `Failure("invalid_input")` where it cannot be opened, or is of a newer Ringback.
    """
    if not is_url(where) and not path_of(where).exists():
        return None
    with _connected(where) as conn:
        found = migrations.version(conn)
    migrations.check_not_newer(found)
    return found


def bring_up(where: Path | str) -> tuple[str | None, str]:
    """Take the steps that are due: from which, to which. Raises as `standing`."""
    with _connected(where) as conn:
        return migrations.upgrade(conn)


@contextmanager
def _connected(where: Path | str) -> Iterator[Connection]:
    if is_url(where):
        from ringback.journal import database

        place = database.address(str(where))
        engine, cannot_open = database.engine(place), database.cannot_open
        shown = database.shown(place)
    else:
        from ringback.journal import sqlite

        path = path_of(where)
        sqlite.make(path)
        engine, cannot_open, shown = sqlite.writer(path), sqlite.cannot_open, str(path)
    try:
        with engine.connect() as conn:
            yield conn
    except (OSError, sqlite3.Error, DBAPIError) as error:
        raise cannot_open(shown, error) from error
    finally:
        engine.dispose()
