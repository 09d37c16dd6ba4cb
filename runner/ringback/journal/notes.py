"""Notes: what a run has to tell, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from ringback.journal import jsontext
from ringback.journal.schema import notes
from ringback.journal.statements import Statement


class Note(NamedTuple):
    """One line of a run's story; `path` is the step that said it. Masked by whoever adds it."""

    at: int
    message: str
    path: str | None = None
    facts: Mapping[str, Any] = {}


_ADD = Statement(
    insert(notes).values(
        {name: bindparam(name) for name in ("run_id", "path", "at", "message", "facts")}
    )
)
_OF_RUN = Statement(
    select(notes.c.at, notes.c.message, notes.c.path, notes.c.facts)
    .where(notes.c.run_id == bindparam("run"))
    .order_by(notes.c.id)
)


def add_notes(conn: Connection, run_id: str, several: Sequence[Note]) -> None:
    """Add lines to a run's story, in order."""
    for note in several:
        _ADD.run(
            conn,
            {
                "run_id": run_id,
                "path": note.path,
                "at": note.at,
                "message": note.message,
                "facts": jsontext.dump(dict(note.facts)),
            },
        )


def of_run(conn: Connection, run_id: str) -> list[Note]:
    """The lines of a run, in order."""
    return [
        Note(at, message, path, jsontext.load(facts))
        for at, message, path, facts in _OF_RUN.rows(conn, {"run": run_id})
    ]
