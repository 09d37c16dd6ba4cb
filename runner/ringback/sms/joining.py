"""Long texts that a gateway brings in piece by piece, joined to what their sender wrote."""

from __future__ import annotations

from dataclasses import asdict, replace

from sqlalchemy import Connection

from ringback.connectors.callbacks import Inbound, Media
from ringback.journal import locks, pieces
from ringback.journal.pieces import Piece

PATIENCE_MS = 5 * 60_000
"""How long a text waits for its last piece; then it is taken as it is, its gaps marked."""
GAP = " […] "


def whole(conn: Connection, connection: str, inbound: Inbound, now: int) -> Inbound | None:
    """The whole text, where this is its last piece to come or no piece; else None, and the piece is kept."""
    if inbound.part is None:
        return inbound
    piece = _piece(connection, inbound, now)
    locks.hold(conn, _lock(piece))
    pieces.add_piece(conn, piece)
    there = pieces.of_text(conn, piece)
    if len(there) < piece.total:
        return None
    pieces.drop_text(conn, piece)
    return _joined(inbound, there)


def overdue(conn: Connection, before: int) -> list[tuple[str, Inbound]]:
    """The texts whose newest piece came before a moment, each with its connection; they wait no longer."""
    found = []
    older = pieces.older(conn, before)
    locks.hold(conn, *map(_lock, older))
    for piece in older:
        there = pieces.of_text(conn, piece)
        if there and max(one.received_at for one in there) < before:
            pieces.drop_text(conn, piece)
            said = there[0].said
            first = Inbound(
                said["message_id"],
                said["number_from"],
                said["number_to"],
                said["text"],
                said["at_ms"],
                said["raw"],
                f"{said['key']}:overdue",
            )
            found.append((piece.connection, _joined(first, there)))
    return found


def _lock(piece: Piece) -> locks.Lock:
    return locks.pieces(piece.connection, piece.number_from, piece.reference, piece.total)


def _piece(connection: str, inbound: Inbound, now: int) -> Piece:
    assert inbound.part is not None
    part, said = inbound.part, asdict(inbound)
    del said["part"]
    return Piece(
        connection, inbound.number_from, part.reference, part.total, part.number, said, now
    )


def _joined(inbound: Inbound, there: list[Piece]) -> Inbound:
    texts = {one.number: str(one.said["text"]) for one in there}
    text, missing = "", False
    for number in range(1, there[0].total + 1):
        if number not in texts:
            missing = True
            continue
        text += (GAP if missing else "") + texts[number]
        missing = False
    moments = [one.said["at_ms"] for one in there if one.said["at_ms"] is not None]
    return replace(
        inbound,
        text=text + (GAP.rstrip() if missing else ""),
        at_ms=min(moments, default=None),
        media=tuple(Media(**media) for one in there for media in one.said["media"]),
        opt_out=any(one.said["opt_out"] for one in there),
        part=None,
    )
