"""Retention: what is older than an operator wants to keep goes, and its space is given back."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, Integer, bindparam, delete, select

from ringback.journal import locks
from ringback.journal.files import FileStore, take_away, unknown
from ringback.journal.journal import Journal
from ringback.journal.schema import (
    events,
    file_uses,
    files,
    message_ids,
    messages,
    notes,
    refused,
    reports,
    runs,
    steps,
    waits,
)
from ringback.journal.statements import Statement

BATCH = 100
"""Runs or events in one write, so that a webhook never waits long for housekeeping."""
_SLICE_PAGES = 500
_JUST_STORED_S = 3600

_OLD_RUNS = Statement(
    select(runs.c.id)
    .where(runs.c.finished_at.is_not(None), runs.c.finished_at < bindparam("before"))
    .order_by(runs.c.finished_at)
    .limit(bindparam("at_most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_OF_NOTHING = (
    ~select(runs.c.id).where(runs.c.event_id == events.c.id).exists(),
    ~select(reports.c.id)
    .where(reports.c.event_id == events.c.id, reports.c.message_id.is_not(None))
    .exists(),
)
_OLD_EVENTS = Statement(
    select(events.c.id)
    .where(events.c.received_at < bindparam("before"), *_OF_NOTHING)
    .order_by(events.c.received_at)
    .limit(bindparam("at_most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_LOOSE_MESSAGES = Statement(
    select(messages.c.id)
    .where(messages.c.run_id.is_(None), messages.c.created_at < bindparam("before"))
    .order_by(messages.c.created_at)
    .limit(bindparam("at_most", type_=Integer))
)
_OLD_REFUSED = Statement(delete(refused).where(refused.c.received_at < bindparam("before")))


class Pruned(NamedTuple):
    """What one call of `sweep` took away."""

    runs: int
    events: int
    files: int
    bytes: int


def sweep(journal: Journal, store: FileStore, before: int) -> Pruned:
    """Delete finished runs that ended before `before` with all that hangs on them, events and messages of no
    run from before then, and files that nothing uses any more; then give the space back to the disk.

    It works in small writes and can be broken off anywhere: the next call goes on.
    """
    was = _size(journal)
    counts, contents = [0, 0, 0], set[str]()
    prunes = (_prune_runs, _prune_events, _prune_messages)
    for number, prune in enumerate(prunes):
        more = True
        while more:
            taken, freed = journal.write(partial(prune, before=before))
            counts[number] += taken
            contents |= freed
            more = taken == BATCH
    journal.write(lambda conn: _OLD_REFUSED.run(conn, {"before": before}))
    removed = _remove_files(journal, store, contents | set(store.left_over()))
    give_back(journal)
    return Pruned(counts[0], counts[1], removed, max(0, was - _size(journal)))


def give_back(journal: Journal) -> None:
    """Hand the database's free pages back to the disk, some at a time."""
    while journal.write(_vacuum_slice):
        pass


def _prune_runs(conn: Connection, before: int) -> tuple[int, set[str]]:
    old = [row[0] for row in _OLD_RUNS.rows(conn, {"before": before, "at_most": BATCH})]
    if not old:
        return 0, set()
    freed = _uses(conn, file_uses.c.run_id.in_(old))
    of_old = select(messages.c.id).where(messages.c.run_id.in_(old))
    _delete(conn, reports, reports.c.message_id.in_(of_old))
    _delete(conn, message_ids, message_ids.c.message_id.in_(of_old))
    for table in (messages, notes, waits, steps, file_uses):
        _delete(conn, table, table.c.run_id.in_(old))
    _delete(conn, runs, runs.c.id.in_(old))
    return len(old), _unused(conn, freed)


def _prune_events(conn: Connection, before: int) -> tuple[int, set[str]]:
    found = [row[0] for row in _OLD_EVENTS.rows(conn, {"before": before, "at_most": BATCH})]
    if not found:
        return 0, set()
    # a copy of one that came just before it was locked may have opened a run of it
    still = select(events.c.id).where(events.c.id.in_(found), *_OF_NOTHING)
    old = list(conn.execute(still).scalars())
    freed = _uses(conn, file_uses.c.event_id.in_(old))
    _delete(conn, reports, reports.c.event_id.in_(old))
    _delete(conn, file_uses, file_uses.c.event_id.in_(old))
    _delete(conn, events, events.c.id.in_(old))
    return len(found), _unused(conn, freed)


def _prune_messages(conn: Connection, before: int) -> tuple[int, set[str]]:
    old = [row[0] for row in _LOOSE_MESSAGES.rows(conn, {"before": before, "at_most": BATCH})]
    if old:
        _delete(conn, reports, reports.c.message_id.in_(old))
        _delete(conn, message_ids, message_ids.c.message_id.in_(old))
        _delete(conn, messages, messages.c.id.in_(old))
    return len(old), set()


def _delete(conn: Connection, table: FromClause, which: ColumnElement[bool]) -> None:
    conn.execute(delete(table).where(which))  # type: ignore[arg-type]


def _uses(conn: Connection, which: ColumnElement[bool]) -> set[str]:
    return set(conn.execute(select(file_uses.c.sha256).where(which)).scalars())


def _unused(conn: Connection, contents: set[str]) -> set[str]:
    """Forget those of the contents that nothing uses any more, and name them."""
    if not contents:
        return set()
    locks.hold(conn, *map(locks.file, contents))
    used = _uses(conn, file_uses.c.sha256.in_(contents))
    unused = contents - used
    _delete(conn, files, files.c.sha256.in_(unused))
    return unused


def _remove_files(journal: Journal, store: FileStore, contents: set[str]) -> int:
    """Unlink contents that no row speaks of; one that has just come again is left to the next call."""
    ordered = sorted(contents)
    removed = 0
    for start in range(0, len(ordered), BATCH):
        some = ordered[start : start + BATCH]
        with journal.read() as conn:
            gone = unknown(conn, some)
        for one in sorted(gone):
            away = partial(take_away, store=store, contents=[one], older_than_s=_JUST_STORED_S)
            removed += journal.write(away)
    return removed


def _vacuum_slice(conn: Connection) -> bool:
    """Whether there is more to do."""
    if conn.dialect.name != "sqlite":
        return False
    free: int = conn.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    cursor = conn.connection.cursor()
    cursor.execute(f"PRAGMA incremental_vacuum({_SLICE_PAGES})")
    cursor.fetchall()  # it frees a page a step
    left: int = conn.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    return 0 < left < free


def _size(journal: Journal) -> int:
    with journal.read() as conn:
        if conn.dialect.name != "sqlite":
            return 0
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages) * int(conn.exec_driver_sql("PRAGMA page_size").scalar_one())
