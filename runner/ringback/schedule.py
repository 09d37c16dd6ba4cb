"""Runs that the clock starts.

APScheduler works out the moments; we keep the next one in the journal and fire it. A firing is an event whose
key is the planned moment, so that a crash between firing and keeping, or ten nodes that fire together, make
one run.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection

from ringback import words
from ringback.clock import from_ms, to_ms
from ringback.engine.accept import accept
from ringback.engine.runtime import Runtime
from ringback.journal import locks, schedules
from ringback.journal.schedules import Schedule
from ringback.workflow.model import TriggerUse, Workflow, WorkflowSet

log = logging.getLogger(__name__)

PUNCTUAL_MS = 60_000
"""A firing that is no later than this was not missed."""
MOST_MISSED = 1_000
"""How many missed firings `run_all` makes up for."""
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Plan:
    """When one trigger fires. `once_a_day`: it names hours, so it fires once when a clock goes back over them."""

    trigger: BaseTrigger
    zone: ZoneInfo
    missed: str
    once_a_day: bool = False


def plan(with_: Mapping[str, Any], zone: ZoneInfo, since: int) -> Plan:
    """The plan of a schedule trigger's inputs (`interval`, `cron`, `at` or `time`).

    Times without a zone are of `timezone`, else of `zone`. `since` (ms) is when the trigger was first seen:
    an interval without `start_at` begins one interval after it. Raises ValueError with a sentence.
    """
    if with_.get("timezone"):
        try:
            zone = ZoneInfo(str(with_["timezone"]))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"“{with_['timezone']}” is not a time zone.") from None
    missed = str(with_.get("missed") or "run_once")
    if with_.get("interval") is not None:
        return Plan(_interval(with_, zone, since), zone, missed)
    if with_.get("cron") is not None:
        text = str(with_["cron"])
        hour = text.split()[1] if len(text.split()) == 5 else ""
        return Plan(cron(text, zone), zone, missed, not hour.startswith("*"))
    if with_.get("at") is not None:
        return Plan(DateTrigger(_moment(str(with_["at"]), zone), zone), zone, missed)
    if with_.get("time") is not None:
        try:
            at = time.fromisoformat(str(with_["time"]).strip().zfill(5))
        except ValueError:
            raise ValueError(f"“{with_['time']}” is not a time of day such as 09:00.") from None
        daily = CronTrigger(hour=at.hour, minute=at.minute, second=at.second, timezone=zone)
        return Plan(daily, zone, missed, once_a_day=True)
    raise ValueError("A schedule takes one of interval, cron, at and time.")


def _interval(with_: Mapping[str, Any], zone: ZoneInfo, since: int) -> IntervalTrigger:
    every = words.duration_ms(str(with_["interval"]))
    if every < 1000:
        raise ValueError("The interval of a schedule is at least one second.")
    said = with_.get("start_at")
    start = _moment(str(said), zone) if said else from_ms(since + every)
    return IntervalTrigger(seconds=every / 1000, start_date=start.astimezone(UTC), timezone=UTC)


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"“{text}” is not a date and time such as 2026-12-24 09:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def cron(text: str, zone: ZoneInfo) -> BaseTrigger:
    """A crontab line. Raises ValueError.

    Two things that APScheduler 3 reads otherwise than crontab(5): there 0 is Monday
    (https://github.com/agronholm/apscheduler/issues/286), and a day of the month beside a day of the week
    has to fit both, where cron is content with either.
    """
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(
            f"“{text}” is not a cron line: it has five fields, such as 0 9 * * mon-fri."
        )
    minute, hour, day, month, weekday = fields
    weekday = _weekdays(weekday)
    try:
        if not day.startswith("*") and not weekday.startswith("*"):
            return OrTrigger(
                [
                    CronTrigger(minute=minute, hour=hour, day=day, month=month, timezone=zone),
                    CronTrigger(
                        minute=minute, hour=hour, month=month, day_of_week=weekday, timezone=zone
                    ),
                ]
            )
        return CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=zone
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"“{text}” is not a cron line: {error}.") from None


def _weekdays(field: str) -> str:
    """Days of the week in cron's numbers (0 and 7 are Sunday) as the names that APScheduler shares with it."""
    if field.startswith("*") and "/" not in field:
        return field
    named: list[str] = []
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = ("0", "-", "6") if span == "*" else span.partition("-")
        numbers = [_day_number(first), _day_number(last) if dash else _day_number(first)]
        if numbers[1] < numbers[0]:
            numbers[1] += 7
        every = int(step) if step else 1
        named += [_DAYS[number % 7] for number in range(numbers[0], numbers[1] + 1, max(every, 1))]
    return ",".join(dict.fromkeys(named))


def _day_number(text: str) -> int:
    if text.isdigit() and int(text) <= 7:
        return int(text)
    if text[:3] in _DAYS:
        return _DAYS.index(text[:3])
    raise ValueError(f"“{text}” is not a day of the week.")


def next_after(how: Plan, moment: int) -> int | None:
    """The first planned moment after `moment` (both ms), or None when there is none any more."""
    after = from_ms(moment + 1).astimezone(how.zone)
    while True:
        found: datetime | None = how.trigger.get_next_fire_time(None, after)
        if found is None or to_ms(found) <= moment:
            return None
        if not (how.once_a_day and _is_second_time(found)):
            return to_ms(found)
        after = from_ms(to_ms(found) + 1).astimezone(how.zone)


def _is_second_time(moment: datetime) -> bool:
    """Whether clocks show this time for the second time that day, having been put back."""
    return moment.fold == 1 and moment.utcoffset() != moment.replace(fold=0).utcoffset()


@dataclass(frozen=True)
class _Entry:
    id: str
    workflow: Workflow
    index: int
    spec: str
    with_: Mapping[str, Any]


@dataclass(frozen=True)
class _Standing:
    """The plans and standing of the schedules there are, and which of them the journal does not say yet."""

    plans: dict[str, Plan]
    kept: dict[str, Schedule]
    changed: list[Schedule]


class Schedules:
    """The scheduled triggers of a runtime. Not for several threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._seen: WorkflowSet | None = None
        self._entries: dict[str, _Entry] = {}
        self._plans: dict[str, Plan] = {}
        self._known: dict[str, Schedule] = {}

    def tick(self) -> int | None:
        """Fire what is due; when to come back (ms), None when nothing is planned.

        Raises `Failure("internal")` where the journal fails; the firing is made up for at the next tick.
        """
        if self._runtime.workflows is not self._seen:
            self._take_up()
        now = self._runtime.clock.now_ms()
        for schedule in list(self._known.values()):
            if schedule.next_at is not None and schedule.next_at <= now:
                self._fire(schedule, schedule.next_at, now)
        return min(
            (one.next_at for one in self._known.values() if one.next_at is not None), default=None
        )

    def _take_up(self) -> None:
        """Compare the journal's schedules with the workflows as they are now."""
        runtime = self._runtime
        found = runtime.workflows
        entries = {
            entry.id: entry
            for workflow, use in found.triggers("schedule")
            for entry in [_entry(workflow, use)]
        }
        known = runtime.journal.look(schedules.all_schedules)
        standing = self._compared(entries, known)
        if standing.changed or set(known) - set(standing.kept):
            standing = runtime.journal.write(partial(self._kept, entries))
        self._seen, self._entries = found, entries
        self._plans, self._known = standing.plans, standing.kept

    def _kept(self, entries: Mapping[str, _Entry], conn: Connection) -> _Standing:
        """Write down what is new. Of several that start at once, the first says since when a schedule is known."""
        locks.hold(conn, locks.SCHEDULES)
        standing = self._compared(entries, schedules.all_schedules(conn))
        for one in standing.changed:
            schedules.put_schedule(conn, one)
        schedules.keep_schedules(conn, list(standing.kept))
        return standing

    def _compared(self, entries: Mapping[str, _Entry], known: Mapping[str, Schedule]) -> _Standing:
        runtime, now = self._runtime, self._runtime.clock.now_ms()
        plans, kept, changed = {}, {}, []
        for entry in entries.values():
            before = known.get(entry.id)
            same = before is not None and before.spec_hash.partition("@")[0] == entry.spec
            since = int(before.spec_hash.partition("@")[2] or now) if before and same else now
            try:
                how = plan(entry.with_, runtime.timezone, since)
            except ValueError as error:
                log.error("%s is not scheduled: %s", entry.workflow.file, error)
                continue
            plans[entry.id] = how
            if before is not None and same:
                kept[entry.id] = before
                continue
            kept[entry.id] = Schedule(
                entry.id, next_after(how, now - 1), None, f"{entry.spec}@{since}"
            )
            changed.append(kept[entry.id])
        return _Standing(plans, kept, changed)

    def _fire(self, schedule: Schedule, planned: int, now: int) -> None:
        """Fire a schedule for what has become due, by its word on what was missed."""
        how, entry = self._plans[schedule.id], self._entries[schedule.id]
        due = [planned]
        following = next_after(how, planned)
        while following is not None and following <= now:
            due.append(following)
            if len(due) > MOST_MISSED:
                due.pop(0)
            following = next_after(how, following)
        for moment in _wanted(due, how.missed, now):
            self._start(entry, moment)
        after = schedule._replace(next_at=following, last_at=due[-1])
        self._runtime.journal.write(lambda conn: schedules.put_schedule(conn, after))
        self._known[schedule.id] = after

    def _start(self, entry: _Entry, planned: int) -> None:
        shown = from_ms(planned).isoformat().replace("+00:00", "Z")
        accept(
            self._runtime,
            entry.workflow,
            entry.index,
            {"planned_at": shown},
            source=f"schedule:{entry.id}",
            key=str(planned),
            kind="schedule",
        )


def _wanted(due: list[int], missed: str, now: int) -> list[int]:
    """Which of the due moments, oldest first, are fired."""
    punctual = [moment for moment in due if now - moment <= PUNCTUAL_MS]
    if missed == "run_all":
        return due
    if punctual:
        return punctual if missed == "skip" or len(punctual) == len(due) else punctual[-1:]
    return [] if missed == "skip" else due[-1:]


def _entry(workflow: Workflow, use: TriggerUse) -> _Entry:
    index = workflow.triggers.index(use)
    spec = json.dumps([use.uses, dict(use.with_)], sort_keys=True, default=str)
    digest = hashlib.sha256(spec.encode()).hexdigest()[:24]
    return _Entry(f"{workflow.id}:{index}", workflow, index, digest, use.with_)
