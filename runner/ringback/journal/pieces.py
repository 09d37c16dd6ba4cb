"""Pieces: parts of long texts that came in, kept until the others are there."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from ringback.journal import jsontext
from ringback.journal.schema import pieces
from ringback.journal.statements import Row, Statement


class Piece(NamedTuple):
    """Part `number` (from 1) of `total` of one text; `said` is what came with it."""

    connection: str
    number_from: str
    reference: str
    total: int
    number: int
    said: dict[str, Any]
    received_at: int


_SAME_TEXT = (
    pieces.c.connection == bindparam("connection"),
    pieces.c.number_from == bindparam("number_from"),
    pieces.c.reference == bindparam("reference"),
    pieces.c.total == bindparam("total"),
)
_ADD = Statement(
    insert(pieces).values({column.name: bindparam(column.name) for column in pieces.c}),
    " ON CONFLICT DO NOTHING",
)
_OF_TEXT = Statement(
    select(*[pieces.c[name] for name in Piece._fields]).where(*_SAME_TEXT).order_by(pieces.c.number)
)
_DROP = Statement(delete(pieces).where(*_SAME_TEXT))
_OLD = Statement(
    select(*[pieces.c[name] for name in Piece._fields])
    .where(pieces.c.received_at < bindparam("before"))
    .order_by(pieces.c.received_at)
)


def add_piece(conn: Connection, piece: Piece) -> None:
    """Keep a piece; a second copy of it changes nothing."""
    _ADD.run(conn, {**piece._asdict(), "said": jsontext.dump(piece.said)})


def of_text(conn: Connection, piece: Piece) -> list[Piece]:
    """The pieces of the text that `piece` is of, in their order."""
    return [_piece(row) for row in _OF_TEXT.rows(conn, _text(piece))]


def drop_text(conn: Connection, piece: Piece) -> None:
    """The text that `piece` is of is whole, or given up."""
    _DROP.run(conn, _text(piece))


def older(conn: Connection, before: int) -> list[Piece]:
    """The pieces that came before a moment."""
    return [_piece(row) for row in _OLD.rows(conn, {"before": before})]


def _text(piece: Piece) -> dict[str, Any]:
    return {
        name: getattr(piece, name) for name in ("connection", "number_from", "reference", "total")
    }


def _piece(row: Row) -> Piece:
    piece = Piece(*row)
    return piece._replace(said=jsontext.load(row[5]))
