"""Statements that are built once and run many times.

SQLAlchemy writes the SQL, once a dialect; running it then goes straight to the driver's cursor, because
on the way of every webhook the cache key, the result object and the row objects would cost several times
what SQLite itself takes. Values go by name and reach the driver as they are: text, whole numbers, bytes
and None, which is all that the journal's tables hold. Text that a database cannot hold is kept as near as it
can (`fitted`), because a sender's odd character must not cost him his event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import BindParameter, Connection, literal_column
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import replacement_traverse

Values = Mapping[str, Any]
Row = tuple[Any, ...]


class Statement:
    """One SQL statement of the journal.

    Args:
        clause: a Core expression; each value that changes is a `bindparam`.
        ending: SQL put after it, for the one clause (`ON CONFLICT`) that SQLite and PostgreSQL share
            and SQLAlchemy spells once for each of them.
    """

    def __init__(self, clause: ClauseElement, ending: str = "") -> None:
        self._clause = cast(ClauseElement, replacement_traverse(clause, {}, _written_out))
        self._ending = ending
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}

    def run(self, conn: Connection, values: Values) -> int:
        """Run it; how many rows it touched."""
        return int(self._execute(conn, values).rowcount)

    def many(self, conn: Connection, values: Sequence[Values]) -> None:
        """Run it once for each mapping."""
        sql, fixed = self._sql(conn)
        whole = [{**fixed, **each} for each in values] if fixed else values
        try:
            _cursor(conn).executemany(sql, whole)
        except Exception as error:
            if not _cannot_hold(error):
                raise
            _cursor(conn).executemany(sql, [fitted(each) for each in whole])

    def row(self, conn: Connection, values: Values) -> Row | None:
        """The first row, or None."""
        found: Row | None = self._execute(conn, values).fetchone()
        return found

    def rows(self, conn: Connection, values: Values) -> list[Row]:
        """Every row."""
        found: list[Row] = self._execute(conn, values).fetchall()
        return found

    def _execute(self, conn: Connection, values: Values) -> Any:
        sql, fixed = self._sql(conn)
        cursor = _cursor(conn)
        whole = {**fixed, **values} if fixed else values
        try:
            cursor.execute(sql, whole)
        except Exception as error:
            if not _cannot_hold(error):
                raise
            cursor.execute(sql, fitted(whole))
        return cursor

    def _sql(self, conn: Connection) -> tuple[str, dict[str, Any]]:
        dialect = conn.dialect
        known = self._compiled.get(dialect.name)
        if known is None:
            compiled = self._clause.compile(
                dialect=dialect, compile_kwargs={"render_postcompile": True}
            )
            assert isinstance(compiled, SQLCompiler)
            asked = {name for name, bind in compiled.binds.items() if bind.required}
            fixed = {name: value for name, value in compiled.params.items() if name not in asked}
            known = self._compiled[dialect.name] = (str(compiled) + self._ending, fixed)
        return known


def _written_out(element: Any, **_: Any) -> Any:
    """A constant as part of the SQL.

    Where it is bound, and a partial index asks for it (`direction = 'in'`), SQLite plans the statement anew each
    time it is run (https://sqlite.org/queryplanner-ng.html, "sqlite3_prepare_v3"), which takes ten times what running it does.
    """
    if not isinstance(element, BindParameter) or element.required:
        return None
    value = element.value
    if isinstance(value, str) and value.isalnum():
        return literal_column(f"'{value}'", element.type)
    if isinstance(value, int) and not isinstance(value, bool):
        return literal_column(str(value), element.type)
    return None


def fitted(values: Any) -> Any:
    """Values by name with U+FFFD in place of what a text column cannot hold: NUL, and half a surrogate pair."""
    if not isinstance(values, Mapping):
        return values
    return {name: fit(one) if isinstance(one, str) else one for name, one in values.items()}


def fit(text: str) -> str:
    """The text with U+FFFD in place of what a text column cannot hold."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return (
        text
        if text.isascii()
        else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    )


def _cannot_hold(error: Exception) -> bool:
    """Whether the driver refused a value before the database saw it."""
    if isinstance(error, UnicodeEncodeError):
        return True
    return type(error).__name__ == "DataError" and getattr(error, "sqlstate", "") is None


def _cursor(conn: Connection) -> Any:
    return conn.connection.cursor()
