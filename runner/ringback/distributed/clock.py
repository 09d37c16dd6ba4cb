"""The clock of many machines: publishes what is due, fires schedules, takes over from the dead, sweeps.

Any number of clocks may run. One leads; what it does is harmless where two overlap: a firing has a key, a run is
claimed once, and an id that is published twice is taken up once.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict

from ringback import chores
from ringback.chores import Chore, Sweeper, Ticker
from ringback.distributed.broker import BrokerDown, Line
from ringback.distributed.leading import BEAT_MS as LEAD_MS
from ringback.distributed.leading import Leadership
from ringback.engine.executor import priority_of
from ringback.engine.runtime import Runtime
from ringback.journal import wakeups
from ringback.journal.wakeups import Due
from ringback.schedule import Schedules

log = logging.getLogger(__name__)

NAME = "clock"
LOOK_MS = 200
"""How often the journal is asked for what has become due."""
LEFT_MS = 2_000
"""How often it is asked for what was left behind: due, and published by nobody, or lost."""
TAKE_OVER_MS = 2_000
MOST_IN_BROKER = 10_000
"""With so many ids in the broker no more are published: the workers have enough, and the journal keeps the rest."""
SURELY_LOST = 100
"""With fewer ids than that in the broker, one that is due for `LEFT_MS` is not among them."""
_PATIENCE_MS = 60_000
"""So long a run may be due while the broker is full of others, before its id is published again."""
_AGAIN_MS = 15_000
_BATCH = 1_000
_LEFT_BATCH = 5_000
_REMEMBERED = 200_000
_OVERLAP_MS = 1_500
"""A commit is seen somewhat later than its times say."""
_CAUGHT_UP_MS = 60_000
_REST_S = 2.0


class Clock:
    """`start` it beside a started runtime, `stop` it before the runtime is closed."""

    def __init__(self, runtime: Runtime, line: Line) -> None:
        self._runtime = runtime
        self._due = DueRuns(runtime, line)
        self._leadership = Leadership(runtime, NAME)
        self._schedules: Schedules | None = None
        now = runtime.clock.now_ms()
        join = chores.joining(runtime)
        self._ticker = Ticker(
            runtime,
            [
                Chore("leadership", LEAD_MS, self._lead),
                Chore("due runs", LOOK_MS, self._if_leading(self._due.publish_due)),
                Chore("runs left behind", LEFT_MS, self._if_leading(self._due.publish_left)),
                Chore("schedules", 1_000, self._if_leading(self._fire)),
                Chore("runs of the dead", TAKE_OVER_MS, self._if_leading(self._take_over)),
                Chore(join.name, join.every_ms, self._if_leading(join.work), join.next_at),
                Chore("heartbeat", chores.BEAT_MS, self._beat, now + chores.BEAT_MS),
            ],
            Sweeper(runtime, lambda: self._leadership.leads),
        )

    @property
    def leads(self) -> bool:
        """Whether this is the clock that does the work now."""
        return self._leadership.leads

    def start(self) -> None:
        self._ticker.start()

    def stop(self) -> None:
        self._ticker.stop()
        self._leadership.lay_down()

    def _if_leading(self, work: chores.Work) -> chores.Work:
        return lambda: work() if self._leadership.leads else None

    def _lead(self) -> None:
        led = self._leadership.leads
        self._leadership.tick()
        self._runtime.metrics.set("clock_leads", int(self._leadership.leads))
        if led and not self._leadership.leads:
            self._runtime.metrics.set("broker_waiting", 0)  # told by the one that leads now
        if self._leadership.leads and not led:
            self._schedules = Schedules(self._runtime)  # as the journal has them now
            self._due.begin()

    def _fire(self) -> int | None:
        return self._schedules.tick() if self._schedules is not None else None

    def _take_over(self) -> None:
        self._runtime.take_over()

    def _beat(self) -> None:
        chores.beat(self._runtime)


class DueRuns:
    """Publishes the ids of due runs: each when its time comes, and again only where its message must be lost."""

    def __init__(self, runtime: Runtime, line: Line) -> None:
        self._runtime = runtime
        self._line = line
        self._published: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._seen_until = 0
        self._left_after = 0
        self._rests_until = 0.0

    def begin(self) -> None:
        """This clock leads from now on: what became due while none did is its first work."""
        self._seen_until = self._runtime.clock.now_ms() - _CAUGHT_UP_MS
        self._left_after = 0

    def publish_due(self) -> int | None:
        """Publish what has become due since the last look; when the next known run is due (ms)."""
        now = self._runtime.clock.now_ms()
        # A run that nobody took up yet was published by who opened it; one that a report opened was not.
        due = self._find(self._seen_until, now)
        waiting = [one for one in due if not one.fresh or one.kind == "report"]
        done = self._publish(waiting, now)
        if not done:
            return None
        full = len(due) == _BATCH
        self._seen_until = due[-1].wake_at - 1 if full else now - _OVERLAP_MS
        with self._runtime.journal.read() as conn:
            upcoming = wakeups.due_between(conn, now, now + LOOK_MS, 1)
        return upcoming[0].wake_at if upcoming else None

    def publish_left(self) -> None:
        """Publish again what is due for long, and whose message must be lost."""
        now = self._runtime.clock.now_ms()
        depth = self._depth()
        if depth is None or depth >= MOST_IN_BROKER:
            return
        patience = LEFT_MS if depth < SURELY_LOST else _PATIENCE_MS
        with self._runtime.journal.read() as conn:
            due = wakeups.due_between(conn, self._left_after, now - patience, _LEFT_BATCH)
        self._left_after = due[-1].wake_at if len(due) == _LEFT_BATCH else 0
        again = max(_AGAIN_MS, patience)
        lost = [one for one in due if self._is_new(one, now, again)][: MOST_IN_BROKER - depth]
        if lost and self._publish(lost, now, again):
            log.info("Published %d runs that were left behind", len(lost))

    def _find(self, after: int, until: int) -> list[Due]:
        with self._runtime.journal.read() as conn:
            return wakeups.due_between(conn, after, until, _BATCH)

    def _publish(self, due: list[Due], now: int, again_ms: int = _PATIENCE_MS) -> bool:
        """Publish those that were not lately; False where the broker is full or down, and it is to be tried later."""
        wanted = [one for one in due if self._is_new(one, now, again_ms)]
        if not wanted:
            return True
        if len(wanted) > SURELY_LOST and (self._depth() or 0) >= MOST_IN_BROKER:
            return False
        if time.monotonic() < self._rests_until:
            return False
        try:
            for one in wanted:
                self._line.send(one.id, priority_of(one.kind))
                self._published[one.id] = (one.wake_at, now)
                self._published.move_to_end(one.id)
        except BrokerDown as down:
            self._rest(down)
            return False
        while len(self._published) > _REMEMBERED:
            self._published.popitem(last=False)
        return True

    def _is_new(self, one: Due, now: int, again_ms: int) -> bool:
        """Whether this waking of the run was not published by us in the last `again_ms`."""
        known = self._published.get(one.id)
        return known is None or known[0] != one.wake_at or now - known[1] >= again_ms

    def _depth(self) -> int | None:
        if time.monotonic() < self._rests_until:
            return None
        try:
            depth = self._line.depth()
        except BrokerDown as down:
            self._rest(down)
            return None
        self._runtime.metrics.set("broker_waiting", depth)
        return depth

    def _rest(self, down: BrokerDown) -> None:
        self._rests_until = time.monotonic() + _REST_S
        log.error("Nothing can be published: %s", down)
