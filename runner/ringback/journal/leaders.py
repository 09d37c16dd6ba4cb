"""Leaders: which of several processes does what is to be done once, such as looking for due runs.

A leader counts its `beat` up every second or so. Another takes its place when it has seen the beat stand still for
long enough by its own clock, so that machines whose clocks differ do not take each other's place. `fence` counts
the leaders; each change names the fence and beat that were seen, so that of several that try one succeeds.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Integer, bindparam, insert, select, update

from ringback.journal.schema import leaders
from ringback.journal.statements import Statement


class Leader(NamedTuple):
    """Who leads under a name; an empty holder has laid it down."""

    name: str
    holder: str
    fence: int
    beat: int


_GET = Statement(select(leaders).where(leaders.c.name == bindparam("called")))
_FIRST = Statement(
    insert(leaders).values({name: bindparam(name) for name in Leader._fields}),
    " ON CONFLICT (name) DO NOTHING",
)
_AS_SEEN = (
    leaders.c.name == bindparam("called"),
    leaders.c.holder == bindparam("was"),
    leaders.c.fence == bindparam("seen_fence", type_=Integer),
    leaders.c.beat == bindparam("seen_beat", type_=Integer),
)
_TAKE = Statement(
    update(leaders).where(*_AS_SEEN).values(holder=bindparam("by"), fence=leaders.c.fence + 1)
)
_BEAT = Statement(update(leaders).where(*_AS_SEEN).values(beat=leaders.c.beat + 1))


def get_leader(conn: Connection, name: str) -> Leader | None:
    """Who leads under a name, or None where nobody ever did."""
    row = _GET.row(conn, {"called": name})
    return None if row is None else Leader(*row)


def take(conn: Connection, name: str, holder: str, seen: Leader | None) -> bool:
    """Lead in the place of the leader that was `seen`; False where things have changed since."""
    if seen is None:
        return bool(_FIRST.run(conn, Leader(name, holder, 1, 0)._asdict()))
    return bool(_TAKE.run(conn, {**_as_seen(seen), "by": holder}))


def beat(conn: Connection, seen: Leader) -> bool:
    """Say that the leader `seen` still leads; False where another has taken its place."""
    return bool(_BEAT.run(conn, _as_seen(seen)))


def lay_down(conn: Connection, seen: Leader) -> bool:
    """Lead no more, so that another may at once; False where another does already."""
    return bool(_TAKE.run(conn, {**_as_seen(seen), "by": ""}))


def _as_seen(seen: Leader) -> dict[str, object]:
    return {
        "called": seen.name,
        "was": seen.holder,
        "seen_fence": seen.fence,
        "seen_beat": seen.beat,
    }
