"""Secrets as they are kept: sealed, with the key that opens them kept elsewhere (`ringback.access.vault`)."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from ringback.journal.schema import sealed
from ringback.journal.statements import Row, Statement


class Sealed(NamedTuple):
    """One secret: its value sealed with a key of its own, and that key `wrapped` with the one that `key_id` names."""

    name: str
    key_id: str
    wrapped: bytes
    value: bytes
    set_at: int
    set_by: str


_COLUMNS = [sealed.c[name] for name in Sealed._fields]
_PUT = Statement(
    insert(sealed).values({name: bindparam(name) for name in Sealed._fields}),
    " ON CONFLICT (name) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in Sealed._fields[1:]),
)
_GET = Statement(select(*_COLUMNS).where(sealed.c.name == bindparam("called")))
_ALL = Statement(select(*_COLUMNS).order_by(sealed.c.name))
_REMOVE = Statement(delete(sealed).where(sealed.c.name == bindparam("called")))


def put(conn: Connection, secret: Sealed) -> None:
    """Keep a secret, over what its name held."""
    _PUT.run(conn, secret._asdict())


def get(conn: Connection, name: str) -> Sealed | None:
    """One secret, sealed."""
    row = _GET.row(conn, {"called": name})
    return None if row is None else _sealed(row)


def every(conn: Connection) -> list[Sealed]:
    """All secrets, sealed, in order of names."""
    return [_sealed(row) for row in _ALL.rows(conn, {})]


def remove(conn: Connection, name: str) -> bool:
    """A secret goes; whether there was one."""
    return _REMOVE.run(conn, {"called": name}) > 0


def _sealed(row: Row) -> Sealed:
    found = Sealed(*row)
    return found._replace(wrapped=bytes(found.wrapped), value=bytes(found.value))
