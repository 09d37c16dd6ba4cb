"""Refused callbacks: what failed verification, kept for the signature doctor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from ringback.journal import jsontext, locks
from ringback.journal.schema import refused
from ringback.journal.statements import Row, Statement

BODY_KEPT = 64 * 1024
"""Bytes of a refused body that are kept."""
KEPT_EACH = 200
"""Refused callbacks that are kept for each connection: anybody can send one, so they must not fill the disk."""


class Refused(NamedTuple):
    """One callback that was not believed; `headers` are masked, `body` is cut at `BODY_KEPT` bytes."""

    id: str
    connection: str
    received_at: int
    reason: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def why(self) -> str:
        """Why it was refused, in one line."""
        return self.reason.partition("\n")[0]

    @property
    def findings(self) -> list[str]:
        """What would have let it in, as far as the signature doctor found out."""
        return self.reason.splitlines()[1:]


def reason_of(why: str, findings: Sequence[str] = ()) -> str:
    """A `reason` as it is kept: why, then a line for each finding."""
    return "\n".join(" ".join(line.split()) for line in (why, *findings))


_ADD = Statement(insert(refused).values({name: bindparam(name) for name in Refused._fields}))
_DROP = Statement(delete(refused).where(refused.c.id == bindparam("id")))
_GET = Statement(select(refused).where(refused.c.id == bindparam("id")))
_LIST = Statement(
    select(refused)
    .where(refused.c.connection == bindparam("connection"))
    .order_by(refused.c.id.desc())
    .limit(bindparam("at_most"))
)
_LAST_KEPT = Statement(
    select(refused.c.id)
    .where(refused.c.connection == bindparam("connection"))
    .order_by(refused.c.id.desc())
    .limit(1)
    .offset(bindparam("kept"))
)
_CUT = Statement(
    delete(refused).where(
        refused.c.connection == bindparam("connection"), refused.c.id <= bindparam("last")
    )
)


def add_refused(conn: Connection, callback: Refused) -> None:
    """Keep a refused callback; the oldest of its connection beyond `KEPT_EACH` goes."""
    values = callback._asdict()
    values["headers"] = jsontext.dump(dict(callback.headers))
    values["body"] = callback.body[:BODY_KEPT]
    locks.hold(conn, locks.refused(callback.connection))
    _ADD.run(conn, values)
    too_old = _LAST_KEPT.row(conn, {"connection": callback.connection, "kept": KEPT_EACH})
    if too_old is not None:
        _CUT.run(conn, {"connection": callback.connection, "last": too_old[0]})


def get_refused(conn: Connection, refused_id: str) -> Refused | None:
    """One refused callback."""
    row = _GET.row(conn, {"id": refused_id})
    return None if row is None else _refused(row)


def list_refused(conn: Connection, connection: str, limit: int = 50) -> list[Refused]:
    """The refused callbacks of a connection, newest first."""
    rows = _LIST.rows(conn, {"connection": connection, "at_most": limit})
    return [_refused(row) for row in rows]


def page(
    conn: Connection, connection: str | None = None, before: str | None = None, limit: int = 50
) -> tuple[list[Refused], str | None]:
    """A page of all refused callbacks, newest first, and the id before which the next page begins."""
    wanted = select(refused).order_by(refused.c.id.desc()).limit(limit + 1)
    if connection:
        wanted = wanted.where(refused.c.connection == connection)
    if before:
        wanted = wanted.where(refused.c.id < before)
    rows = [_refused(tuple(row)) for row in conn.execute(wanted)]
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def drop_refused(conn: Connection, refused_id: str) -> None:
    """A callback is refused no longer."""
    _DROP.run(conn, {"id": refused_id})


def _refused(row: Row) -> Refused:
    callback = Refused(*row)
    return callback._replace(headers=jsontext.load(row[6]), body=bytes(callback.body))
