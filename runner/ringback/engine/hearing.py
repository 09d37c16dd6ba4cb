"""That a gateway has called is noted, for whoever asks whether it reaches us: `ringback connectors`, the doctor, the API."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from ringback.engine.runtime import Runtime
from ringback.journal import heard
from ringback.journal.afterwards import once_kept

EXACT_MS = 1_000
"""How exact the time of a kind is that is not counted: a burst of reports writes one row once a second, not for each."""


def hear(
    conn: Connection, runtime: Runtime, connection: str, kind: str, now: int, word: str = ""
) -> None:
    """Inside the write of what came: note that it came. Called last, since others who note the same wait from then on."""
    if kind in heard.COUNTED:
        heard.put_heard(conn, connection, kind, now, word)
        return
    last = runtime.last_heard.get((connection, kind))
    if last is None or not last <= now < last + EXACT_MS:
        heard.put_heard(conn, connection, kind, now)
        once_kept(conn, partial(runtime.last_heard.__setitem__, (connection, kind), now))


def heard_ping(runtime: Runtime, connection: str, *, known: bool) -> None:
    """Note what says nothing of a message; nobody waits for that."""
    kind, now = "ping" if known else "no_shape", runtime.clock.now_ms()
    runtime.journal.submit(lambda conn: hear(conn, runtime, connection, kind, now))
