"""The journal: where everything is kept, behind one seam.

Two stores keep it: a file (`journal.sqlite`, one process writes) and a PostgreSQL database (`journal.postgres`,
shared by many). Durable means the same in both: `write` has returned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ringback.clock import Clock
from ringback.problems import Failure

T = TypeVar("T")


class Journal(ABC):
    """See the module. Made by `Journal.open`; ended by `close`."""

    kind: ClassVar[str]
    """`sqlite` or `postgresql`."""
    clock: Clock
    place: str
    """The file's path, or the database's address without its password."""
    on_commit: Callable[[int, float], None]
    """Told of every commit: how many writes it held, and how many seconds it took."""

    @classmethod
    def open(cls, where: Path | str, clock: Clock) -> Journal:
        """Open the journal at a path, `sqlite:///path` or `postgresql://user:password@host/database`.

        A file is made, and brought up to date, as needed. A database gets its tables where it has none; one of an
        older Ringback is left as it is until `ringback migrate`, because other processes may be working on it.
        Raises `Failure("invalid_input")` where it cannot be opened, is too old, or was written by a newer Ringback.
        """
        if is_url(where):
            from ringback.journal.postgres import PostgresJournal

            return PostgresJournal.connect(str(where), clock)
        from ringback.journal.sqlite import SqliteJournal

        return SqliteJournal.connect(path_of(where), clock)

    @abstractmethod
    def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in a transaction and return its result once that is on disk.

        What `fn` raises is raised here, and nothing that it wrote is kept. `fn` runs after everything that this
        caller handed in before: it must be quick, must not call `write`, and may be run again from its beginning
        (another connection, a deadlock), so it changes nothing but through its connection; what else follows from it is left to
        `afterwards.once_kept`. What it reads in order
        to decide what to write, it reads under a lock (`journal.locks`).
        Raises `Failure("internal")` when the commit fails.
        """

    @abstractmethod
    def submit(self, fn: Callable[[Connection], T]) -> Future[T]:
        """As `write`, without waiting where that saves time: one caller's calls are carried out in their order."""

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]:
        """A connection that sees the journal as of its first statement, and cannot write."""

    def look(self, fn: Callable[[Connection], T]) -> T:
        """What `fn` finds with such a connection; it may be run again where a connection is lost meanwhile.

        Raises `Failure("internal")` where the journal cannot be read.
        """
        with self.read() as conn:
            return fn(conn)

    def server_ms(self) -> int | None:
        """Milliseconds since the epoch by the clock of the server that machines share; None where there is none.

        Raises `Failure("internal")` where it cannot be asked.
        """
        return None

    @abstractmethod
    def close(self) -> None:
        """Finish what was handed in, then let go of the store. Closing twice is fine."""


def unwatched(_writes: int, _seconds: float) -> None:
    """Nobody wants to hear of commits."""


def is_url(where: Path | str) -> bool:
    """Whether a journal is kept in a database server rather than in a file."""
    return str(where).partition("://")[0] in ("postgresql", "postgres", "postgresql+psycopg")


def path_of(where: Path | str) -> Path:
    """The file of a journal that is kept in one. Raises `Failure("invalid_input")` for another kind of address."""
    text = str(where)
    if text.startswith("sqlite:///"):
        return Path(text.removeprefix("sqlite:///"))
    if "://" in text:
        raise Failure(
            "invalid_input",
            f"The journal cannot be kept at {text.split('://', 1)[0]}://.",
            "Give the path of a file, such as .ringback/journal.db, or postgresql://user:password@host/database.",
            where="journal",
        )
    return Path(text)


def cause_of(error: BaseException | None) -> BaseException | None:
    """The driver's own error inside SQLAlchemy's."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
