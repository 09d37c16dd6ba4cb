"""When schedules fire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.engine.bench import NUMBER, START, Project, workflow

from ringback.clock import SimulatedClock, from_ms, to_ms
from ringback.schedule import Schedules, next_after, plan

LONDON = ZoneInfo("Europe/London")

MOMENTS: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("1 is Monday", {"cron": "0 9 * * 1,3"}, "2026-03-29 00:00", ["03-30 09:00+0100", "04-01 09:00+0100"]),
    ("names", {"cron": "0 9 * * mon-fri"}, "2026-07-03 10:00", ["07-06 09:00+0100", "07-07 09:00+0100"]),
    ("0 and 7 are Sunday", {"cron": "0 9 * * 6-7"}, "2026-07-03 10:00", ["07-04 09:00+0100", "07-05 09:00+0100", "07-11 09:00+0100"]),
    ("every other day", {"cron": "0 9 * * */3"}, "2026-07-04 10:00", ["07-05 09:00+0100", "07-08 09:00+0100", "07-11 09:00+0100"]),
    ("either day", {"cron": "0 9 13 * fri"}, "2026-04-09 00:00", ["04-10 09:00+0100", "04-13 09:00+0100", "04-17 09:00+0100"]),
    ("clocks go back: once", {"cron": "30 1 * * *"}, "2026-10-24 12:00", ["10-25 01:30+0100", "10-26 01:30+0000"]),
    ("clocks go forward: once, later", {"cron": "30 1 * * *"}, "2026-03-28 12:00", ["03-29 02:30+0100", "03-30 01:30+0100"]),
    ("half hours go on", {"cron": "*/30 * * * *"}, "2026-10-25 01:20", ["10-25 01:30+0100", "10-25 01:00+0000", "10-25 01:30+0000"]),
    ("another zone", {"cron": "0 9 * * *", "timezone": "America/New_York"}, "2026-07-01 10:00", ["07-01 14:00+0100", "07-02 14:00+0100"]),
    ("daily time", {"time": "9:00"}, "2026-10-24 08:00", ["10-24 09:00+0100", "10-25 09:00+0000"]),
    ("once", {"at": "2026-12-24 09:00"}, "2026-10-24 08:00", ["12-24 09:00+0000"]),
    ("once, past", {"at": "2026-01-24 09:00"}, "2026-10-24 08:00", []),
    ("interval from a start", {"interval": "1 hour", "start_at": "2026-07-01 08:00"}, "2026-07-01 09:10", ["07-01 10:00+0100", "07-01 11:00+0100"]),
    ("interval", {"interval": "20 minutes"}, "2026-07-01 09:10", ["07-01 09:30+0100", "07-01 09:50+0100"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "with_", "since", "fired"), MOMENTS, ids=[row[0] for row in MOMENTS]
)
def test_moments(name: str, with_: dict[str, Any], since: str, fired: list[str]) -> None:
    moment: int | None = to_ms(datetime.fromisoformat(since).replace(tzinfo=LONDON))
    assert moment is not None
    how = plan(with_, LONDON, moment)
    found: list[str] = []
    while len(found) < max(len(fired), 1) and moment is not None:
        moment = next_after(how, moment)
        if moment is not None:
            found.append(from_ms(moment).astimezone(LONDON).strftime("%m-%d %H:%M%z"))
    assert found == fired


WRONG = [
    {"cron": "every day"},
    {"cron": "61 * * * *"},
    {"cron": "0 9 * * funday"},
    {"interval": "0"},
    {"interval": "soon"},
    {"at": "tomorrow"},
    {"time": "25:00"},
    {"time": "9:00", "timezone": "Mars/Olympus"},
    {},
]


@pytest.mark.parametrize("with_", WRONG, ids=str)
def test_what_cannot_be_planned_says_why(with_: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        plan(with_, LONDON, 0)


Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(missed: str = "run_once") -> Project:
        trigger = {"uses": "schedule.every", "with": {"interval": "1 hour", "missed": missed}}
        steps = [{"uses": "sms.send", "with": {"to": NUMBER, "text": "{{ trigger.planned_at }}"}}]
        return Project(tmp_path, {"w": workflow(steps, trigger=trigger)})

    return made


def later(clock: SimulatedClock, hours: float) -> None:
    clock.advance_to(clock.now_ms() + round(hours * 3_600_000))


def test_a_firing_is_a_run_and_is_not_fired_twice(make: Make) -> None:
    it = make()
    several = [Schedules(it.runtime), Schedules(it.runtime)]
    first = several[0].tick()
    assert first == it.clock.now_ms() + 3_600_000
    several[1].tick()
    it.clock.advance_to(first)
    for each in several:
        each.tick()
    it.now()
    assert [run.state for run in it.all_runs()] == ["succeeded"]
    assert it.gateway.texts[0][1] == from_ms(first).isoformat().replace("+00:00", "Z")
    it.close()


@pytest.mark.parametrize(("missed", "count"), [("run_once", 1), ("skip", 0), ("run_all", 5)])
def test_what_was_missed(make: Make, missed: str, count: int) -> None:
    it = make(missed)
    Schedules(it.runtime).tick()
    later(it.clock, 5.5)
    it.restart()
    schedules = Schedules(it.runtime)
    following = schedules.tick()
    it.now()
    assert len(it.all_runs()) == count
    assert following == START + 6 * 3_600_000
    it.clock.advance_to(following)
    schedules.tick()
    assert len(it.all_runs()) == count + 1
    it.close()


def test_a_changed_plan_starts_anew_and_a_removed_one_is_forgotten(make: Make) -> None:
    from ringback.journal.schedules import all_schedules
    from ringback.workflow.model import WorkflowSet

    it = make()
    schedules = Schedules(it.runtime)
    schedules.tick()
    it.runtime.workflows = WorkflowSet()
    assert schedules.tick() is None
    with it.runtime.journal.read() as conn:
        assert all_schedules(conn) == {}
    it.close()
