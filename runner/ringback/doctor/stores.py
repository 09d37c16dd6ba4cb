"""Where things are kept: the journal, the files, the disk below them, and the broker that carries work."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from ringback.distributed.broker import Line
from ringback.doctor.finding import Finding, bad, good, warn
from ringback.doctor.patient import Patient
from ringback.doctor.setup import mode_of
from ringback.journal import migrations, upgrading
from ringback.journal.journal import Journal
from ringback.problems import Failure

FREE_BYTES = (200_000_000, 2_000_000_000)
"""Less free than the first is bad, less than the second is worth a look."""
FREE_NODES = 10_000
WAL_BYTES = 256_000_000
"""A write-ahead log beyond this is not being folded back into its file."""
_CHECK_S = 10.0
_SLOW_MS = 500
_MOVES = "Free some, shorten journal.keep, or move the journal to another disk."


def journal(patient: Patient) -> Iterator[Finding]:
    """Whether the journal can be opened, is of this version, whole, private and quick."""
    settings = patient.settings
    in_file = not settings.journal_url
    if in_file and not settings.journal_path.exists():
        yield from _folder("journal", settings.journal_path.parent)
        yield warn("journal", "There is none yet.", "`ringback serve` makes it at its first start.")
        return
    try:
        step = upgrading.standing(settings.journal)
        migrations.check_not_newer(step)
    except Failure as failure:
        yield bad("journal", failure.message, failure.next)
        return
    if step != migrations.HEAD:
        yield warn("journal", f"Its tables are at step {step or 'none'}, ours at {migrations.HEAD}.", "Run `ringback migrate`, then the doctor again.")  # fmt: skip
        return
    yield from _opened(patient)
    if in_file:
        yield mode_of("journal", settings.journal_path)
        yield from _whole(settings.journal_path)
        yield from _log(settings.journal_path)


def _opened(patient: Patient) -> Iterator[Finding]:
    try:
        journal = Journal.open(patient.settings.journal, patient.clock)
    except Failure as failure:
        yield bad("journal", failure.message, failure.next)
        return
    try:
        began = time.perf_counter()
        journal.write(lambda _conn: None)
        took = (time.perf_counter() - began) * 1000
    except Failure as failure:
        yield bad("journal", failure.message, failure.next)
        return
    finally:
        journal.close()
    said = f"{journal.place} opens, takes writes ({took:.0f} ms) and is at step {migrations.HEAD}."
    if took > _SLOW_MS:
        yield warn("journal", said, "A write took long: is the disk slow, or another program writing?")  # fmt: skip
    else:
        yield good("journal", said)


def _whole(path: Path, within_s: float = _CHECK_S) -> Iterator[Finding]:
    """SQLite's own look at the file, for as long as an operator may be kept waiting."""
    ends_at = time.monotonic() + within_s
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as driver:
        driver.set_progress_handler(lambda: int(time.monotonic() > ends_at), 10_000)
        try:
            (said,) = driver.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_INTERRUPT":
                yield good("journal", f"No damage found within {within_s:g} s; the file is too large to see all of it.")  # fmt: skip
                return
            said = str(error)
        except sqlite3.DatabaseError as error:
            said = str(error)
    if said == "ok":
        yield good("journal", "Its file is whole (quick_check).")
    else:
        yield bad("journal", f"Its file is damaged: {said}.", "Stop Ringback, keep a copy, and put the last backup in its place.")  # fmt: skip


def _log(path: Path) -> Iterator[Finding]:
    log = path.with_name(f"{path.name}-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > WAL_BYTES:
        yield warn("journal", f"Its write-ahead log has {_size(size)}.", "Something keeps it open for reading for long; a restart folds it back.")  # fmt: skip


def files(patient: Patient) -> Iterator[Finding]:
    """Whether uploads can be kept."""
    yield from _folder("files", patient.settings.files_folder)


def _folder(place: str, folder: Path) -> Iterator[Finding]:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".doctor-"):
            pass
    except OSError as error:
        yield bad(place, f"Nothing can be written in {there}: {error.strerror}.", "Let the user that runs Ringback write there.")  # fmt: skip
    else:
        yield good(place, f"{folder} can be written.")


def disk(patient: Patient) -> Iterator[Finding]:
    """Space and file nodes where the journal and the files are."""
    settings = patient.settings
    places = {} if settings.journal_url else {"journal": settings.journal_path}
    seen: set[int] = set()
    for name, path in {**places, "files": settings.files_folder}.items():
        there = path
        while not there.exists() and there != there.parent:
            there = there.parent
        if there.stat().st_dev in seen:
            continue
        seen.add(there.stat().st_dev)
        yield from _disk(f"disk of the {name}", there)


def _disk(place: str, there: Path) -> Iterator[Finding]:
    free, about = shutil.disk_usage(there).free, os.statvfs(there)
    least, wanted = FREE_BYTES
    if free < least:
        yield bad(place, f"{_size(free)} are free.", _MOVES)
    elif free < wanted:
        yield warn(place, f"{_size(free)} are free.", _MOVES)
    else:
        yield good(place, f"{_size(free)} are free.")
    if about.f_files and about.f_favail < FREE_NODES:
        yield bad(place, f"{about.f_favail} more files can be made on it.", "Delete small files that nobody needs; space alone does not help.")  # fmt: skip


def broker(patient: Patient) -> Iterator[Finding]:
    """Whether the broker takes us that carries runs to workers, and how much waits in it."""
    work = patient.settings.work
    if work.where != "celery":
        return
    host = urlsplit(work.broker).hostname or "its host"
    line = None
    try:
        line = Line(work)
        depth = line.depth()
    except Failure as failure:
        yield bad("broker", f"{host}: {failure.message}", failure.next)
    else:
        yield good("broker", f"{host} answers; {depth} runs wait in {work.queue}.")
    finally:
        if line is not None:
            line.close()


def _size(count: int) -> str:
    for unit, size in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
