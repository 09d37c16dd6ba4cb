"""Events: what came in, kept as it came."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select, update

from ringback.journal import jsontext
from ringback.journal.schema import events, runs
from ringback.journal.statements import Row, Statement


class Event(NamedTuple):
    """One thing that came in. `kind`: webhook, schedule, inbound, report, failure, manual or call."""

    id: str
    source: str
    key: str | None
    workflow: str | None
    kind: str
    data: Any
    received_at: int


class Added(NamedTuple):
    """What became of an event.

    `id` is the event that is kept: the first one's for a duplicate. `run` is the first run that the
    duplicated event opened, None for a new event and for one that opened none.
    """

    id: str
    run: str | None
    duplicate: bool


_MOST_LOOKS = 4
_ADD = Statement(
    insert(events).values({column.name: bindparam(column.name) for column in events.c}),
    " ON CONFLICT DO NOTHING",
)
_FIRST = Statement(
    select(events.c.id, func.min(runs.c.id))
    .select_from(events.outerjoin(runs, runs.c.event_id == events.c.id))
    .where(events.c.source == bindparam("source"), events.c.key == bindparam("key"))
    .group_by(events.c.id)
)
_KEEP = Statement(select(events.c.id).where(events.c.id == bindparam("id")).with_for_update())
_RECENT = Statement(
    select(events.c.id)
    .where(
        events.c.source == bindparam("source"),
        events.c.key.in_([bindparam("this"), bindparam("before")]),
        events.c.received_at >= bindparam("since"),
    )
    .limit(1)
)
_SET_DATA = Statement(
    update(events).where(events.c.id == bindparam("event")).values(data=bindparam("said"))
)
_GET = Statement(select(events).where(events.c.id == bindparam("id")))


def add_event(
    conn: Connection,
    *,
    id: str,  # noqa: A002
    source: str,
    key: str | None,
    workflow: str | None,
    kind: str,
    data: Any,
    received_at: int,
) -> Added:
    """Keep an event, unless `source` has already sent one with this `key` (a key of None is never a duplicate)."""
    values = {
        "id": id,
        "source": source,
        "key": key,
        "workflow": workflow,
        "kind": kind,
        "data": jsontext.dump(data),
        "received_at": received_at,
    }
    for _ in range(_MOST_LOOKS):
        if _ADD.run(conn, values):
            return Added(id, None, False)
        first = _FIRST.row(conn, {"source": source, "key": key})
        if first is None:
            continue  # retention has just taken it away
        if first[1] is not None:
            return Added(first[0], first[1], True)
        if _KEEP.row(conn, {"id": first[0]}) is not None:
            # held now, so no other copy of it opens a run, nor does retention take it away
            again = _FIRST.row(conn, {"source": source, "key": key})
            return Added(first[0], again[1] if again is not None else None, True)
    raise ValueError(f"The event id {id} is already taken.")


def recent(conn: Connection, source: str, keys: tuple[str, str], since: int) -> str | None:
    """The event of one of two keys of a source that came since then."""
    values = {"source": source, "this": keys[0], "before": keys[1], "since": since}
    row = _RECENT.row(conn, values)
    return None if row is None else str(row[0])


def set_data(conn: Connection, event_id: str, data: Any) -> None:
    """What is known of an event now: only for what could not be known when it came."""
    _SET_DATA.run(conn, {"event": event_id, "said": jsontext.dump(data)})


def get_event(conn: Connection, event_id: str) -> Event | None:
    """One event, its data parsed."""
    row = _GET.row(conn, {"id": event_id})
    return None if row is None else _event(row)


def _event(row: Row) -> Event:
    id_, source, key, workflow, kind, data, received_at = row
    return Event(id_, source, key, workflow, kind, jsontext.load(data), received_at)
