"""The journal in a file: one writer, many readers.

A single thread does all the writing and groups the calls that wait for it into one transaction, so that
many callers share one fsync (write-ahead log, `synchronous=FULL`). Where a call of a batch raises, the batch
is run again with a savepoint around each, and what it raises goes to its caller alone. Readers have their own
connections and a snapshot each, and wait for nobody.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from ringback.clock import Clock
from ringback.journal import afterwards
from ringback.journal.jobs import Job, Promised
from ringback.journal.journal import Journal, cause_of, unwatched
from ringback.journal.migrations import upgrade
from ringback.problems import Failure

T = TypeVar("T")
log = logging.getLogger(__name__)

MAX_BATCH = 200
"""Calls in one commit: a bound on how long the first of them waits for the last."""
BUSY_MS = 30_000
"""How long to wait for another process that is writing."""

_PRAGMAS = ("PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -16000")
_READER = (*_PRAGMAS, "PRAGMA query_only = ON")
_WRITER = (
    *_PRAGMAS,
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",  # what is erased is overwritten, however SQLite was built
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
)
# What a file keeps once it has been set; these want the file to themselves, so only a new one gets them.
_NEW_FILE = ("PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL")


class SqliteJournal(Journal):
    """See the module, and `Journal`."""

    kind = "sqlite"

    def __init__(self, path: Path, clock: Clock, writing: Engine, reading: Engine) -> None:
        self.path = path
        self.place = str(path)
        self.clock = clock
        self._writing = writing
        self._reading = reading
        self._jobs: deque[Job] = deque()
        self._guard = threading.Lock()
        # The writer holds this one, and waits for it where it is idle: a condition would make a lock for every wait
        self._wake = threading.Lock()
        self._wake.acquire()
        self._idle = False
        self._closing = False
        self._broken: BaseException | None = None
        self.on_commit = unwatched
        self._writer = threading.Thread(target=self._run, name="ringback-journal", daemon=True)
        self._writer.start()

    @classmethod
    def connect(cls, path: Path, clock: Clock) -> SqliteJournal:
        """See `Journal.open`."""
        try:
            make(path)
            writing = writer(path)
            try:
                with writing.connect() as conn:
                    upgrade(conn)
            except BaseException:
                writing.dispose()
                raise
            reading = _engine(path, "BEGIN", 16, _READER)
        except (OSError, sqlite3.Error, DBAPIError) as error:
            raise cannot_open(path, error) from error
        return cls(path, clock, writing, reading)

    def write(self, fn: Callable[[Connection], T]) -> T:
        if threading.current_thread() is self._writer:
            raise RuntimeError("Journal.write was called from inside a write.")
        made: T = self._hand_in(Job(fn)).result()
        return made

    def submit(self, fn: Callable[[Connection], T]) -> Future[T]:
        job = Promised(fn)
        self._hand_in(job)
        return job.future

    def _hand_in(self, job: Job) -> Job:
        with self._guard:
            if self._closing or self._broken is not None:
                raise self._stopped()
            self._jobs.append(job)
            waits, self._idle = self._idle, False
        if waits:
            self._wake.release()
        return job

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._reading.begin() as conn:
            yield conn

    def close(self) -> None:
        with self._guard:
            self._closing = True
            waits, self._idle = self._idle, False
        if waits:
            self._wake.release()
        self._writer.join()
        self._reading.dispose()
        self._writing.dispose()

    def _run(self) -> None:
        batch: list[Job] = []
        try:
            with self._writing.connect() as conn:
                while batch := self._take():
                    began = time.perf_counter()
                    _commit(conn, batch)
                    self.on_commit(len(batch), time.perf_counter() - began)
                    batch = []
        except BaseException as error:
            log.critical("The journal's writer stopped", exc_info=error)
            with self._guard:
                self._broken = error
                left = [*batch, *self._jobs]
                self._jobs.clear()
            for job in left:
                _fail(job, self._stopped())

    def _take(self) -> list[Job]:
        while True:
            with self._guard:
                if self._jobs or self._closing:
                    count = min(len(self._jobs), MAX_BATCH)
                    return [self._jobs.popleft() for _ in range(count)]
                self._idle = True
            self._wake.acquire()

    def _stopped(self) -> Failure:
        if self._broken is None:
            return Failure("internal", "The journal is closed.", "Start Ringback again.")
        return Failure(
            "internal",
            f"The journal stopped writing: {self._broken}.",
            "Start Ringback again; everything that was answered is kept.",
        )


def _commit(conn: Connection, batch: list[Job]) -> None:
    """Run a batch as one transaction and tell every caller what became of its part."""
    batch = [job for job in batch if job.begin()]
    if not batch:
        return
    driver: Any = conn.connection.dbapi_connection
    try:
        if not (len(batch) > 1 and _all_go_well(conn, driver, batch)):
            _each_by_itself(conn, driver, batch)
    except (sqlite3.Error, DBAPIError) as error:
        log.error("The journal could not be written", exc_info=error)
        driver.rollback()  # SQLite keeps a transaction open whose COMMIT it refused
        for job in batch:
            _fail(job, job.error or _not_written(error))
        return
    for job in batch:
        if job.error is None:
            afterwards.happen(job.asked)
        job.tell()


class _NotAll(Exception):
    """A call of a batch raised something."""


def _all_go_well(conn: Connection, driver: Any, batch: list[Job]) -> bool:
    """Run and commit a batch of which nearly always every call works; False where one raised, and nothing was kept.

    A savepoint around each call would cost two statements of some six, and with each statement SQLite lets go of
    Python's lock, which every other thread wants.
    """
    try:
        with conn.begin():
            for job in batch:
                job.asked = afterwards.begin(conn)
                try:
                    job.value = job.fn(conn)
                except BaseException as error:
                    raise _NotAll from error
            if not driver.in_transaction:
                raise _NotAll
    except _NotAll:
        return False
    return True


def _each_by_itself(conn: Connection, driver: Any, batch: list[Job]) -> None:
    """Run and commit a batch in which what one call raises is its own."""
    with conn.begin():
        for job in batch:
            _call(conn, driver, job, alone=len(batch) == 1)
        if not driver.in_transaction and len(batch) > 1:
            raise sqlite3.OperationalError("a write ended the transaction that it was part of")


def _call(conn: Connection, driver: Any, job: Job, *, alone: bool) -> None:
    """Run one function of a batch; a savepoint keeps its mistakes to itself, and one alone needs none.

    Raises sqlite3.Error when SQLite gave up the whole transaction (a full disk, a failing one).
    """
    if not alone:
        driver.execute("SAVEPOINT job")
    job.asked = afterwards.begin(conn)
    try:
        job.value = job.fn(conn)
    except BaseException as error:
        if not driver.in_transaction:
            raise _driver_error(error) from error
        if isinstance(cause_of(error), sqlite3.OperationalError | sqlite3.InternalError):
            job.error = _not_written(error)
        else:
            job.error = error
        driver.execute("ROLLBACK" if alone else "ROLLBACK TO job")
    if not alone:
        driver.execute("RELEASE job")


def _fail(job: Job, error: BaseException) -> None:
    if not job.told():
        job.error = error
        job.tell()


def _driver_error(error: BaseException) -> sqlite3.Error:
    cause = cause_of(error)
    if isinstance(cause, sqlite3.Error):
        return cause
    return sqlite3.OperationalError(f"the transaction was ended from inside a write: {error}")


_SAID: dict[str, tuple[str, str]] = {
    "SQLITE_FULL": (
        "The disk with the journal is full, so nothing was written.",
        "Free some space on it; Ringback goes on by itself.",
    ),
    "SQLITE_BUSY": (
        "The journal was busy with another program for too long, so nothing was written.",
        "Stop the other program that has the journal open, or try again.",
    ),
    "SQLITE_READONLY": (
        "The journal may not be written, so nothing was.",
        "Let this user write to the journal's file and folder.",
    ),
}


def _not_written(error: BaseException) -> Failure:
    """What a caller is told whose write did not reach the disk."""
    cause = cause_of(error)
    name = getattr(cause, "sqlite_errorname", None) or ""
    message, step = _SAID.get(
        "_".join(name.split("_")[:2]),
        (
            f"The journal could not be written: {cause}.",
            "Check the disk that holds the journal, then start Ringback again.",
        ),
    )
    failure = Failure("internal", message, step, where="journal")
    failure.__cause__ = error
    return failure


def make(path: Path) -> None:
    """Make folder and file for our eyes only (SQLite gives its other files the mode of this one), and set a new file up.

    A file that is there is opened by SQLite alone: closing it any other way would drop the locks that
    this process holds on it (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    give_up = time.monotonic() + BUSY_MS / 1000
    with closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)) as driver:
        while driver.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                for pragma in _NEW_FILE:
                    driver.execute(pragma)
            except sqlite3.OperationalError as error:
                # SQLite does not wait for this lock by itself; another process is at the same work
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > give_up:
                    raise
                time.sleep(0.005)


def writer(path: Path) -> Engine:
    """The one connection that writes."""
    return _engine(path, "BEGIN IMMEDIATE", 1, _WRITER)


def _engine(path: Path, begin: str, connections: int, pragmas: Sequence[str]) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        paramstyle="named",
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=-1,
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": BUSY_MS / 1000,
            "cached_statements": 256,
        },
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begun(conn: Connection) -> None:
        driver: Any = conn.connection.dbapi_connection
        driver.execute(begin)

    return engine


def cannot_open(place: Path | str, error: BaseException) -> Failure:
    """What somebody is told whose file cannot be used."""
    return Failure(
        "invalid_input",
        f"The journal {place} cannot be opened: {cause_of(error)}.",
        "Name a file that this user may write, in journal.path of ringback.yaml.",
        where="journal",
    )
