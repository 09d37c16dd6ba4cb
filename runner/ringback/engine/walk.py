"""One run being advanced: what is known of it, and how it is written down.

Results of steps that may be redone gather in memory and ride along with the next commit; nothing that must
happen once is begun before the commit of its intent has returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import date, datetime, time
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection

from ringback.engine import claims
from ringback.engine import scope as scopes
from ringback.engine.executor import Warm
from ringback.engine.runtime import Runtime
from ringback.journal import locks, notes, runs, steps, waits
from ringback.journal.steps import Step as Row
from ringback.problems import Failure

T = TypeVar("T")
Write = Callable[[Connection], Any]

MAX_STEPS = 10_000
"""Steps that one run may take: a bound on loops that nobody meant."""
_MOST_PENDING = 50


class Parked(Exception):
    """The run was put down; something else wakes it."""


class Canceled(Exception):
    """Somebody asked to cancel the run."""


class Stopped(Exception):
    """A step ends the run on purpose."""

    def __init__(self, reason: str, *, failed: bool) -> None:
        self.reason = reason
        self.failed = failed
        super().__init__(reason)


class NotKept(Exception):
    """The journal could not be written, so nothing more may happen; the run is continued later."""


class Walk:
    """The state of one advance. `rows` are the journal's steps by path, `scope` the names a template sees."""

    def __init__(self, runtime: Runtime, warm: Warm, rows: dict[str, Row]) -> None:
        self.runtime = runtime
        self.lease = warm.lease
        self.run = warm.run
        self.kind = warm.kind
        self.data = warm.data
        self.workflow = warm.workflow
        self.rows = rows
        self.scope = scopes.opening(runtime, warm.run, warm.data, warm.workflow)
        self.deadlines: list[int] = []
        self.result: Any = None
        self.taken = 0
        self._life = runtime.life()
        self._later: list[Write] = []
        self._guards: set[locks.Lock] = set()
        self._urgent = False
        self._handed_in: list[Future[Any]] = []
        self._facts: list[Write] = []

    @property
    def now(self) -> int:
        return self.runtime.clock.now_ms()

    def names(self) -> scopes.Scope:
        """The scope, with the present in it."""
        self.scope["now"] = self.runtime.clock.now().astimezone(self.runtime.timezone)
        return self.scope

    def count_step(self, row: Row | None) -> None:
        """One more step. Raises `Failure` past the bound, or past the time of a group around it, and `Parked`
        where Ringback is stopping.

        A step whose effect may have begun is looked into first, whatever the time.
        """
        self.taken += 1
        if self.taken > MAX_STEPS:
            raise Failure(
                "refused",
                f"The run took more than {MAX_STEPS} steps and was stopped.",
                "Look for a loop over a longer list than you meant.",
            )
        if row is None and self.runtime.stopping:
            self.put_down()
        waits_or_new = row is None or row.state == "waiting"
        if waits_or_new and self.deadlines and self.now >= min(self.deadlines):
            raise Failure("timed_out", "The time for this group of steps is up.")
        if len(self._later) >= _MOST_PENDING:
            self.commit()

    def record(self, row: Row, *extra: Write, urgent: bool = False) -> Row:
        """Remember where a step stands, to be written with the next commit, and `extra` with it.

        `urgent` marks the result of something that happened once: it is handed in before anything slow.
        """
        mask = self.runtime.masks.value
        kept = row._replace(
            input=mask(plain(row.input)),
            output=mask(plain(row.output)),
            error=mask(plain(row.error)),
        )
        self.rows[row.path] = row
        lease = self.lease
        self._later.append(lambda conn: steps.put(conn, lease, kept))
        self._later.extend(extra)
        self._urgent = self._urgent or urgent
        return row

    def guard(self, *several: locks.Lock) -> None:
        """Let the next commit begin by holding these locks, for what it reads in order to decide what to write."""
        self._guards.update(several)

    def also(self, write: Write) -> None:
        """Something else to be written with the next commit."""
        self._later.append(write)

    def note(self, path: str | None, message: str, facts: Mapping[str, Any] | None = None) -> None:
        """Add a line to the run's story."""
        mask = self.runtime.masks
        said = notes.Note(self.now, mask.text(message), path, mask.value(plain(dict(facts or {}))))
        run_id = self.run.id
        self._later.append(lambda conn: notes.add_notes(conn, run_id, [said]))

    def before_slow_work(self) -> None:
        """Hand in results that must not be lost to something that takes long; does not wait."""
        if self._urgent:
            later = self._take_later()
            self._handed_in.append(self.runtime.journal.submit(later))

    def before_effect(self) -> None:
        """Called right before something that must happen once.

        Where this process stood still since the run was taken up, for so long that others may have taken it for
        dead, the journal is asked whose the run is. Raises as `commit` does.
        """
        while not self._life or self._life != self.runtime.life():
            self.runtime.beat()
            self._life = self.runtime.life()
            self.commit()

    def commit(self, write: Callable[[Connection], T] | None = None) -> T | None:
        """Write down all that gathered, then `write`, as one; it is on disk when this returns.

        When somebody asked to cancel the run, `write` is left out and `Canceled` raised.
        """
        guards, lease = tuple(self._guards), self.lease
        later = self._take_later()

        def everything(conn: Connection) -> tuple[bool, T | None]:
            locks.hold(conn, *guards)
            cancel = runs.check(conn, lease)
            later(conn)
            return cancel, None if cancel or write is None else write(conn)

        cancel, made = self.keep(everything)
        if cancel:
            raise Canceled
        return made

    def end_with(self, write: Callable[[Connection], T]) -> T:
        """As `commit`, for the write that ends the run, whether or not it was asked to be canceled."""
        later = self._take_later()

        def everything(conn: Connection) -> T:
            later(conn)
            return write(conn)

        return self.keep(everything)

    def keep(self, write: Callable[[Connection], T]) -> T:
        """A durable write. Raises `NotKept` where the journal fails, `LeaseLost` where the run is not ours."""
        try:
            made = claims.keep(self.runtime, write, after=self._handed_in)
        except Failure as failure:
            raise NotKept(str(failure)) from failure
        self._handed_in.clear()
        self._facts.clear()
        return made

    def fact(self, write: Write) -> None:
        """Something that is true whoever holds the run: written by itself where the run is lost before the next commit."""
        self._facts.append(write)

    def lost(self) -> None:
        """The run is another's now; what happened in the world while it was ours is kept all the same."""
        facts, self._facts = self._facts, []
        if facts:
            self.keep(lambda conn: _all(conn, facts))

    def park(
        self,
        row: Row,
        wait: waits.Wait,
        *,
        state: str = "waiting",
        unless: Callable[[Connection], T | None] | None = None,
        extra: tuple[Write, ...] = (),
    ) -> T:
        """Put the run down until the step's wait ends, and raise `Parked`.

        `unless` is asked in the same transaction whether what is waited for has come already; what it
        answers is returned instead, and the run goes on.
        """
        wake_at = wait.until
        if wake_at is not None and self.deadlines:
            wake_at = min(wake_at, *self.deadlines)
        elif self.deadlines and state == "waiting":
            wake_at = min(self.deadlines)
        row = row._replace(wake_at=wait.until)
        mask = self.runtime.masks.value
        kept = row._replace(input=mask(plain(row.input)), error=mask(plain(row.error)))
        lease = self.lease

        def write(conn: Connection) -> tuple[T | None, int | None]:
            come = unless(conn) if unless is not None else None
            if come is not None:
                return come, None
            steps.put(conn, lease, kept)
            waits.put_wait(conn, wait)
            for one in extra:
                one(conn)
            return None, runs.park(conn, lease, state, wake_at)

        answer = self.commit(write)
        assert answer is not None
        come, due_at = answer
        if come is not None:
            return come
        if due_at is not None:
            self.runtime.executor.notify(due_at)
        raise Parked

    def put_down(self) -> NoReturn:
        """Leave the rest of the run to the next start."""
        now, lease = self.now, self.lease
        self.end_with(lambda conn: runs.park(conn, lease, "queued", now))
        raise Parked

    def look(self, fn: Callable[[Connection], T]) -> T:
        """What `fn` finds in the journal. Raises `NotKept` where it cannot be read."""
        try:
            return self.runtime.journal.look(fn)
        except Failure as failure:
            if failure.code != "internal":
                raise
            raise NotKept(str(failure)) from failure

    def _take_later(self) -> Write:
        """What gathered, as one write under its locks."""
        later, self._later = self._later, []
        guards, self._guards = self._guards, set()
        self._urgent = False

        def write(conn: Connection) -> None:
            locks.hold(conn, *guards)
            _all(conn, later)

        return write


def _all(conn: Connection, several: list[Write]) -> None:
    for one in several:
        one(conn)


_PLAIN = (str, int, float, bool, type(None))
_MAPPINGS = (dict, Mapping)
_LISTS = (list, tuple, set, frozenset)


def plain(value: Any) -> Any:
    """A value as JSON can carry it: times as ISO text, every sequence as a list, what is left as text."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, _MAPPINGS):
        return {
            str(key): inner if isinstance(inner, _PLAIN) else plain(inner)
            for key, inner in value.items()
        }
    if isinstance(value, _LISTS):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
