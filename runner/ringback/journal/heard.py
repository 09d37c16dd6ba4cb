"""When each connection's gateway last called, and with what: also what is answered like any other and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from ringback.journal.schema import heard
from ringback.journal.statements import Statement

KINDS: Mapping[str, str] = {
    "report": "a delivery report",
    "inbound": "a text that came in",
    "ping": "a test or a handshake",
    "unknown_message": "a report about a message that is none of ours",
    "unknown_status": "a status that the connector does not know",
    "no_shape": "something of a shape that the connector does not know",
    "refused": "a callback that was not believed or could not be read",
}
"""What a gateway may have called with."""
COUNTED = frozenset({"ping", "unknown_status", "no_shape"})
"""Kinds of which each one is counted; of the others, which may come by the hundred a second, only the last is known."""
MOST_WORDS = 20
"""Unknown statuses that are kept for each connection: the ones seen last."""
_LONGEST_WORD = 60
_MOST_DIGITS = 6
_NO_WORD = "(not a word)"


class Word(NamedTuple):
    """A status that a gateway said and its connector does not know: how often, and when last (ms)."""

    status: str
    times: int
    last_at: int


class LastHeard(NamedTuple):
    """When a connection's gateway last called with what (ms), and the statuses that are not known, the last one first."""

    at: Mapping[str, int]
    unknown_statuses: tuple[Word, ...] = ()

    @property
    def verified_at(self) -> int | None:
        """When it last called with anything that was believed."""
        return max((at for kind, at in self.at.items() if kind != "refused"), default=None)


_PUT = Statement(
    insert(heard).values(
        {name: bindparam(name) for name in ("connection", "kind", "word", "last_at", "times")}
    ),
    " ON CONFLICT (connection, kind, word) DO UPDATE SET last_at = excluded.last_at, times = heard.times + 1",
)
_LAST_KEPT = Statement(
    select(heard.c.last_at)
    .where(heard.c.connection == bindparam("connection"), heard.c.kind == bindparam("kind"))
    .order_by(heard.c.last_at.desc())
    .limit(1)
    .offset(MOST_WORDS)
)
_CUT = Statement(
    delete(heard).where(
        heard.c.connection == bindparam("connection"),
        heard.c.kind == bindparam("kind"),
        heard.c.last_at <= bindparam("last"),
    )
)
_ALL = Statement(select(heard).order_by(heard.c.connection, heard.c.last_at.desc()))


def put_heard(conn: Connection, connection: str, kind: str, now: int, word: str = "") -> None:
    """The gateway has called. `word` is the unknown status; what might hold a number is not kept."""
    row = {"connection": connection, "kind": kind}
    times = 1 if kind in COUNTED else None
    _PUT.run(conn, {**row, "word": _safe(word), "last_at": now, "times": times})
    if word:
        too_old = _LAST_KEPT.row(conn, row)
        if too_old is not None:
            _CUT.run(conn, {**row, "last": too_old[0]})


def last_heard(conn: Connection) -> dict[str, LastHeard]:
    """What was heard last, by connection."""
    at: dict[str, dict[str, int]] = {}
    words: dict[str, list[Word]] = {}
    for connection, kind, word, last_at, times in _ALL.rows(conn, {}):
        newest = at.setdefault(connection, {})
        newest[kind] = max(last_at, newest.get(kind, 0))
        if word:
            words.setdefault(connection, []).append(Word(word, times, last_at))
    return {name: LastHeard(each, tuple(words.get(name, ()))) for name, each in at.items()}


def _safe(word: str) -> str:
    """A status as the gateway wrote it; where it is none by its length or its digits, that it is none."""
    said = " ".join(word.split())
    if len(said) > _LONGEST_WORD or sum(one.isdigit() for one in said) > _MOST_DIGITS:
        return _NO_WORD
    return said
