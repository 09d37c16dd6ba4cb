"""The journal in PostgreSQL, shared by any number of processes.

A write is a transaction (READ COMMITTED) on the caller's own thread; PostgreSQL groups the fsyncs of those that commit
together. What SQLite's one writer gives for nothing, that what a write has read still holds when it writes, is kept
here by `journal.locks`.

A database that is away for a while is waited for: a write is run again from its beginning as long as it is certain
that nothing of it was kept. A connection that is lost while COMMIT is on its way says neither, so that write fails.
"""

from __future__ import annotations

import logging
import random
import select
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ringback.clock import Clock
from ringback.journal import afterwards, database, locks, migrations
from ringback.journal.journal import Journal, unwatched
from ringback.problems import Failure

T = TypeVar("T")
log = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 1.0
_ITS_TIME = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"


class _Lost(Exception):
    """Nothing of an attempt was kept, and another may work."""


class PostgresJournal(Journal):
    """See the module, and `Journal`."""

    kind = "postgresql"

    def __init__(self, place: str, clock: Clock, writing: Engine, reading: Engine) -> None:
        self.place = place
        self.clock = clock
        self._writing = writing
        self._reading = reading
        self._here = threading.local()
        self._closed = False
        self.on_commit = unwatched

    @classmethod
    def connect(cls, url: str, clock: Clock) -> PostgresJournal:
        """See `Journal.open`."""
        there = database.address(url)
        place = database.shown(there)
        writing = database.engine(there)
        try:
            with writing.connect() as conn:
                database.check(conn)
                found, now = migrations.upgrade(conn, only_if_empty=True)
        except (DBAPIError, PoolTimeout) as error:
            writing.dispose()
            raise database.cannot_open(place, error) from error
        except Failure:
            writing.dispose()
            raise
        if now != migrations.HEAD:
            writing.dispose()
            raise database.too_old(found)
        return cls(place, clock, writing, database.engine(there, reads=True))

    def write(self, fn: Callable[[Connection], T]) -> T:
        if getattr(self._here, "writes", False):
            raise RuntimeError("Journal.write was called from inside a write.")
        self._here.writes = True
        try:
            return self._insist(lambda: self._once(fn))
        finally:
            self._here.writes = False

    def submit(self, fn: Callable[[Connection], T]) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(self.write(fn))
        except Failure as failure:
            if self._closed:
                raise
            done.set_exception(failure)
        except BaseException as error:  # noqa: BLE001  it is its caller's, as in a file
            done.set_exception(error)
        return done

    @contextmanager
    def read(self) -> Iterator[Connection]:
        conn = self._insist(self._reader)
        with conn:
            try:
                yield conn
            except Exception as error:
                if not database.passes(error):
                    raise
                self._forget(conn)
                raise database.out_of_reach(error) from error

    def look(self, fn: Callable[[Connection], T]) -> T:
        def once() -> T:
            with self._reader() as conn:
                try:
                    return fn(conn)
                except Exception as error:
                    if not database.passes(error):
                        raise
                    self._forget(conn)
                    raise _Lost from error

        return self._insist(once)

    def server_ms(self) -> int:
        return self.look(lambda conn: int(conn.exec_driver_sql(_ITS_TIME).scalar_one()))

    def close(self) -> None:
        self._closed = True
        self._reading.dispose()
        self._writing.dispose()

    def _insist(self, attempt: Callable[[], T]) -> T:
        """Try until it works or the time is up."""
        gives_up, pause = time.monotonic() + database.RIDE_OUT_S, 0.0
        while True:
            if self._closed:
                raise Failure("internal", "The journal is closed.", "Start Ringback again.")
            try:
                return attempt()
            except _Lost as lost:
                error = lost.__cause__ or lost
            if time.monotonic() + pause > gives_up:
                log.error("The journal's database could not be reached", exc_info=error)
                raise database.out_of_reach(error) from error
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause or 0.01, _LONGEST_PAUSE_S)

    def _once(self, fn: Callable[[Connection], T]) -> T:
        conn = _checked_out(self._writing)
        with conn:
            locks.begin(conn)
            asked = afterwards.begin(conn)
            transaction = conn.begin()
            try:
                made = fn(conn)
            except BaseException as error:
                self._undo(conn, error)
                if database.passes(error):
                    raise _Lost from error
                if database.refused_it(error):
                    raise database.not_written(error) from error
                raise
            began = time.perf_counter()
            try:
                transaction.commit()
            except DBAPIError as error:
                lost = database.is_gone(conn, error)
                self._undo(conn, error)
                if lost:
                    raise database.in_doubt(error) from error
                raise (
                    _Lost() if database.passes(error) else database.not_written(error)
                ) from error
        self.on_commit(1, time.perf_counter() - began)
        afterwards.happen(asked)
        return made

    def _undo(self, conn: Connection, error: BaseException) -> None:
        """Take back what an attempt wrote; where its server is gone, so are the connections that lie in the pool."""
        gone = database.is_gone(conn, error)
        with suppress(DBAPIError):
            if gone:
                conn.invalidate()
            else:
                conn.rollback()
        if gone:
            self._writing.dispose()

    def _reader(self) -> Connection:
        return _checked_out(self._reading)

    def _forget(self, conn: Connection) -> None:
        with suppress(DBAPIError):
            conn.invalidate()
        self._reading.dispose()


def _checked_out(pool: Engine) -> Connection:
    """A connection whose server was there a moment ago. Raises `_Lost` where there is none."""
    try:
        conn = pool.connect()
    except (DBAPIError, PoolTimeout) as error:
        raise _Lost from error
    driver: Any = conn.connection.dbapi_connection
    if _said_something(driver):  # nobody asked it: it says that it stops
        conn.invalidate()
        conn.close()
        pool.dispose()
        raise _Lost("The server closed the connection.")
    return conn


def _said_something(driver: Any) -> bool:
    waiting = select.poll()
    waiting.register(driver.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
