"""What is done when a write is kept: figures counted, an executor told.

`Journal.write` may run its function again, and it may keep nothing of it. What is asked for here happens once, after
the commit, or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

log = logging.getLogger(__name__)

Act = Callable[[], object]
_ASKED = "ringback_afterwards"


def once_kept(conn: Connection, act: Act) -> None:
    """Inside a write: do this when it is kept. It must be quick, as others may wait for the thread that does it."""
    conn.info.setdefault(_ASKED, []).append(act)


def begin(conn: Connection) -> list[Act]:
    """A write begins, or begins again, and has asked for nothing: the list of what it will ask for."""
    asked: list[Act] = []
    conn.info[_ASKED] = asked
    return asked


def happen(asked: Sequence[Act]) -> None:
    """The write is kept. What breaks here is logged, since the write holds all the same."""
    for act in asked:
        try:
            act()
        except Exception:
            log.exception("What follows a write broke")
