"""Definitions: the workflow versions that runs were started with, by the hash of their source."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from ringback.journal.schema import definitions
from ringback.journal.statements import Statement


class Definition(NamedTuple):
    """One version of one workflow."""

    hash: str
    workflow: str
    name: str
    source: str
    first_seen_at: int


_ADD = Statement(
    insert(definitions).values({name: bindparam(name) for name in Definition._fields}),
    " ON CONFLICT DO NOTHING",
)
_GET = Statement(select(definitions).where(definitions.c.hash == bindparam("hash")))


def add_definition(conn: Connection, definition: Definition) -> None:
    """Keep a version; nothing happens when it is known. Never pruned, so a caller may remember which it added."""
    _ADD.run(conn, definition._asdict())


def get_definition(conn: Connection, content_hash: str) -> Definition | None:
    """One version."""
    row = _GET.row(conn, {"hash": content_hash})
    return None if row is None else Definition(*row)
