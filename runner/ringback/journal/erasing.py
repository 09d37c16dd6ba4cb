"""Erasing a person from the journal: what a dossier names is blacked out or deleted, and leaves nothing on the disk.

A finished run is immutable; this is the one exception, and it is on the record (`ringback.engine.privacy`). Rows stay
with their ids, states, times and costs, so that statistics stay true; `ringback.journal.personal` says what goes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, select, tuple_, update

from ringback.journal import contacts as contact_rows
from ringback.journal import locks
from ringback.journal.dossier import Dossier, batches
from ringback.journal.files import FileStore, take_away
from ringback.journal.journal import Journal
from ringback.journal.personal import erased
from ringback.journal.retention import give_back
from ringback.journal.schema import file_uses, files, metadata, pieces, refused, runs, waits
from ringback.journal.spellings import Spellings

BATCH = 100
"""Rows in one write, so that a webhook never waits long for it."""
_ORDER = ("notes", "steps", "reports", "message_ids", "events", "runs", "messages")
"""Messages come last: by them the rest is found again where this was broken off."""
_PATIENCE_S = 10.0
_HOLDS_UP_S = 0.2


def erase(
    journal: Journal,
    store: FileStore,
    found: Dossier,
    *,
    keep_optout: bool,
    progress: Callable[[str, int], None] = lambda _table, _rows: None,
) -> tuple[dict[str, int], bool]:
    """Erase what a dossier names; how many rows of each table changed or went, and whether an opt-out was kept.

    Works in small writes; broken off anywhere, the next call does the rest. What belongs to a run that has not
    finished is left alone.
    """
    counts: dict[str, int] = {}

    def note(name: str, changed: int) -> None:
        counts[name] = counts.get(name, 0) + changed
        progress(name, counts[name])

    left = set(found.unfinished)
    for sha256 in _drop_files(journal, found, note):
        counts["files"] = counts.get("files", 0) + _remove(journal, store, sha256)
    for name in _ORDER:
        table = metadata.tables[name]
        for some in batches(found.keys(name), BATCH):
            note(name, journal.write(partial(_black_out, table=table, keys=some, found=found, left=left)))  # fmt: skip
    for table in (pieces, refused, waits):
        going = {key for key in found.keys(table.name) if table is waits and key[0] in left}
        for some in batches(found.keys(table.name) - going, BATCH):
            note(table.name, journal.write(partial(_delete, table=table, keys=some)))
    kept = False
    for (number,) in sorted(found.keys("contacts")):
        changed, out = journal.write(
            partial(
                _contact,
                number=number,
                spelled=found.spelled,
                keep_optout=keep_optout,
                now=journal.clock.now_ms(),
            )
        )
        note("contacts", int(changed))
        kept |= out
    return {name: count for name, count in counts.items() if count}, kept


def scrub(journal: Journal) -> bool:
    """Give freed pages back to the disk, and empty the write-ahead log, which holds what was before.

    False where the log could not be emptied, since somebody went on reading: do it again later.
    """
    give_back(journal)
    with journal.read() as conn:
        dialect, address = conn.dialect.name, conn.engine.url.database
        engine = conn.engine
    if dialect != "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            for name in (*_ORDER, "contacts", "pieces", "refused", "file_uses"):
                conn.exec_driver_sql(f"VACUUM {name}")
        return True
    # while it waits for readers nobody can write: so it waits a moment only, and tries again
    with closing(sqlite3.connect(str(address), timeout=_HOLDS_UP_S)) as driver:
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            busy, _pages, _moved = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy or time.monotonic() > give_up:
                return not busy
            time.sleep(_HOLDS_UP_S)


def rewrite(journal: Journal) -> None:
    """Write the whole journal anew (SQLite's VACUUM), so that no page holds what an older Ringback left behind.

    Everybody who writes waits for it, and it takes as much disk again. PostgreSQL: VACUUM FULL of what was erased.
    """
    with journal.read() as conn:
        dialect, address, engine = conn.dialect.name, conn.engine.url.database, conn.engine
    if dialect != "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            for name in (*_ORDER, "contacts", "pieces", "refused", "file_uses"):
                conn.exec_driver_sql(f"VACUUM FULL {name}")
        return
    with closing(sqlite3.connect(str(address), timeout=60, isolation_level=None)) as driver:
        driver.execute("VACUUM")
    scrub(journal)


def _black_out(
    conn: Connection, table: Table, keys: list[tuple[Any, ...]], found: Dossier, left: set[str]
) -> int:
    key, changed = list(table.primary_key), 0
    wanted = select(table).where(tuple_(*key).in_(keys)).with_for_update()
    for row in map(dict, conn.execute(wanted).mappings().all()):
        if _unfinished(table.name, row) in left:
            continue
        changes = erased(table.name, row, found.spelled, whole=_is_whole(table.name, row, found))
        changed += _change(conn, table, row, changes)
    return changed


def _is_whole(name: str, row: Mapping[str, Any], found: Dossier) -> bool:
    """Whether a row is about this person alone."""
    if name == "reports":
        return row["message_id"] in found.whole or found.spelled.in_text(row["number"])
    if name == "message_ids":
        return True
    return row["id" if name in ("events", "runs", "messages") else "run_id"] in found.whole


def _unfinished(name: str, row: Mapping[str, Any]) -> str:
    return str(row["id"] if name == "runs" else row.get("run_id", ""))


def _change(conn: Connection, table: Table, row: Mapping[str, Any], changes: dict[str, Any]) -> int:
    if not changes:
        return 0
    same = and_(*(column == row[column.name] for column in table.primary_key))
    if table is runs:
        same = and_(same, runs.c.finished_at.is_not(None))
    unique = [name for name in changes if table.c[name].primary_key or (table.name, name) == ("events", "key")]  # fmt: skip
    for (
        name
    ) in unique:  # what must stay different from other rows' gets what is left of the row's own id
        own = row["message_id"] if table.name == "message_ids" else row["id"]
        changes[name] = f"{changes[name]} {own}"
    return conn.execute(update(table).where(same).values(changes)).rowcount


def _delete(conn: Connection, table: Table, keys: list[tuple[Any, ...]]) -> int:
    return conn.execute(delete(table).where(tuple_(*table.primary_key).in_(keys))).rowcount


def _contact(
    conn: Connection, number: str, spelled: Spellings, keep_optout: bool, now: int
) -> tuple[bool, bool]:
    """Forget a number's contact, or take the number out of what is known of somebody else."""
    if spelled.in_text(number):
        return contact_rows.forget(conn, number, keep_optout=keep_optout)
    known = contact_rows.to_change(conn, number)
    if known is None:
        return False, False
    clean = known._replace(
        name=spelled.out_of(known.name),
        tags=tuple(map(spelled.out_of, known.tags)),
        attributes=spelled.out_of_value(dict(known.attributes)),
        invalid_why=spelled.out_of(known.invalid_why),
        opted_out_source=spelled.out_of(known.opted_out_source),
    )
    contact_rows.put_contact(conn, clean, now)
    return True, False


def _drop_files(journal: Journal, found: Dossier, note: Callable[[str, int], None]) -> list[str]:
    """Forget the uses of this person's files; the contents that nobody else uses."""
    for some in batches(found.keys("file_uses"), BATCH):
        note("file_uses", journal.write(partial(_delete, table=file_uses, keys=some)))
    return journal.write(partial(_unused, contents=sorted(found.files)))


def _unused(conn: Connection, contents: list[str]) -> list[str]:
    gone = []
    locks.hold(conn, *map(locks.file, contents))
    for sha256 in contents:
        used = conn.execute(select(file_uses.c.id).where(file_uses.c.sha256 == sha256).limit(1))
        if used.first() is None:
            conn.execute(delete(files).where(files.c.sha256 == sha256))
            gone.append(sha256)
    return gone


def _remove(journal: Journal, store: FileStore, sha256: str) -> int:
    return journal.write(partial(take_away, store=store, contents=[sha256]))
