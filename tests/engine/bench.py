"""A small project to run things in: a simulated clock, a gateway that answers from a list, deaths on demand."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from sqlalchemy import Connection

from ringback.clock import SimulatedClock
from ringback.connectors.callbacks import Report
from ringback.connectors.catalogue import Catalogue, load_catalogue
from ringback.connectors.transport import Answer, Call
from ringback.engine import accept
from ringback.engine.inline import drain
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal import messages, runs, steps, timeline
from ringback.journal.audit import Actor
from ringback.journal.journal import Journal
from ringback.observe.traces import OFF, Traces
from ringback.problems import Failure
from ringback.settings import Settings, load_settings
from ringback.workflow import load
from ringback.workflow.model import WorkflowSet

T = TypeVar("T")
START = 1_790_000_000_000
NUMBER = "+447700900077"
SOMEBODY = Actor("cli", "amina", "front-desk")
SECRET = "sk-live-planted-0123456789"

PROJECT = """
project: {name: Harbour School, country: GB, locale: en-GB, timezone: Europe/London, staff_phone: "+447700900200"}
messages: {repeat_window: 0}
send_through: front-desk
connections:
  front-desk: {uses: mysmsgate, with: {api_key: "SECRET", base_url: "https://front.example"}}
  backup: {uses: mysmsgate, with: {api_key: "sk-backup-0123456789", base_url: "https://backup.example"}}
""".replace("SECRET", SECRET)


class Death(BaseException):
    """The process ends here: nothing after it happens, no `except Exception` sees it."""


Outcome = Answer | Failure | BaseException


def took(gateway_id: str) -> Answer:
    """The gateway's answer to a send that it took."""
    return Answer(
        200, {"content-type": "application/json"}, json.dumps({"message_id": gateway_id}).encode()
    )


def refused(status: int, **headers: str) -> Answer:
    return Answer(status, headers, b'{"error": "no"}')


@dataclass
class Gateway:
    """Answers calls from a list, then takes everything; `calls` are those that reached it."""

    outcomes: list[Outcome] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    on_call: Callable[[Call], object] | None = None

    def send(self, call: Call) -> Answer:
        outcome: Outcome = (
            self.outcomes.pop(0) if self.outcomes else took(f"gw-{len(self.calls) + 1}")
        )
        if isinstance(outcome, Failure) and not outcome.kind.unsure:
            raise outcome
        self.calls.append(call)
        if self.on_call is not None:
            self.on_call(call)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    @property
    def texts(self) -> list[tuple[str, str]]:
        """(number, text) of each send that reached the gateway."""
        bodies = [json.loads(call.body or b"{}") for call in self.calls]
        return [(body["to"], body["message"]) for body in bodies if "message" in body]


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def workflows(settings: Settings, sources: Mapping[str, str]) -> WorkflowSet:
    folder = settings.folder / "workflows"
    folder.mkdir(exist_ok=True)
    for name, source in sources.items():
        (folder / f"{name}.yaml").write_text(source, encoding="utf-8")
    found = load.load_folder(settings, catalogue())
    assert not [one for one in found.problems if one.severity == "error"], "\n".join(
        map(str, found.problems)
    )
    return found


@dataclass
class Project:
    """A project in a folder, opened as often as a test wants it to start again."""

    folder: Path
    sources: Mapping[str, str]
    gateway: Gateway = field(default_factory=Gateway)
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    project: str = PROJECT
    traces: Traces = OFF
    runtime: Runtime = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "ringback.yaml").write_text(self.project, encoding="utf-8")
        self.settings = load_settings(self.folder, {})
        self.found = workflows(self.settings, self.sources)
        self.open()

    def open(self) -> Runtime:
        self.runtime = open_runtime(
            self.settings,
            clock=self.clock,
            transport=self.gateway,
            catalogue=catalogue(),
            workflows=self.found,
            traces=self.traces,
        )
        self.runtime.start()
        return self.runtime

    def close(self) -> None:
        self.runtime.close(0)

    def restart(self) -> Runtime:
        """The process has died (its holder does not sign off) and another starts."""
        self.runtime.journal.close()
        self.clock.advance_to(self.clock.now_ms() + 60_000)
        return self.open()

    def begin(self, workflow: str, data: Any = None, **kwargs: Any) -> str:
        receipt = accept.accept(
            self.runtime,
            self.found.by_id[workflow],
            0,
            data or {},
            source=f"hook:{workflow}",
            key=kwargs.pop("key", None),
            kind="webhook",
            **kwargs,
        )
        return receipt.run_id

    def run(self, workflow: str, data: Any = None, **kwargs: Any) -> runs.Run:
        """Accept, and let all of it happen, waiting included."""
        run_id = self.begin(workflow, data, **kwargs)
        self.drain()
        return self.get(run_id)

    def drain(self, **kwargs: Any) -> None:
        drain(self.runtime, **kwargs)

    def now(self) -> None:
        """Let happen what is due, without letting time pass."""
        drain(self.runtime, until_idle=False)

    def get(self, run_id: str) -> runs.Run:
        with self.runtime.journal.read() as conn:
            run = runs.get_run(conn, run_id)
        assert run is not None
        return run

    def all_runs(self) -> list[runs.Run]:
        with self.runtime.journal.read() as conn:
            return list(reversed(runs.list_runs(conn, limit=1000).runs))

    def steps(self, run_id: str) -> dict[str, steps.Step]:
        with self.runtime.journal.read() as conn:
            return {step.path: step for step in steps.of_run(conn, run_id)}

    def messages(self, run_id: str) -> list[messages.Message]:
        with self.runtime.journal.read() as conn:
            return messages.of_run(conn, run_id)

    def story(self, run_id: str) -> dict[str, Any]:
        with self.runtime.journal.read() as conn:
            story = timeline.run_story(conn, run_id)
        assert story is not None
        return story

    def report(self, gateway_id: str | None, status: str, **kwargs: Any) -> str:
        """The gateway's callback comes in."""
        return accept.accept_report(
            self.runtime,
            kwargs.pop("connection", "front-desk"),
            heard(gateway_id, status, **kwargs),
            {"status": status},
        )


def heard(gateway_id: str | None, status: str, **kwargs: Any) -> Report:
    said: dict[str, Any] = {
        "reference": None, "raw_status": status, "number": None, "at_ms": None, "error_code": None,
        "detail": None, "refunded": None, "raw": {}, "key": f"{gateway_id}:{status}",
    }  # fmt: skip
    return Report(gateway_id=gateway_id, status=status, **{**said, **kwargs})


class DyingJournal:
    """A journal whose process dies before or after its nth write from now."""

    def __init__(self, journal: Journal, at: int, *, after: bool) -> None:
        self._journal = journal
        self._left = at
        self._after = after
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def write(self, fn: Callable[[Connection], T]) -> T:
        self._die(before=True)
        made = self._journal.write(fn)
        self._die(before=False)
        return made

    def submit(self, fn: Callable[[Connection], T]) -> Future[T]:
        self._die(before=True)
        made = self._journal.submit(fn)
        made.result()
        self._die(before=False)
        return made

    def _die(self, *, before: bool) -> None:
        if self.dead:
            raise Death
        if before:
            self._left -= 1
        if self._left < 0 and before != self._after:
            self.dead = True
            raise Death


class _Again(Exception):
    pass


class RepeatingJournal:
    """A journal that runs every write twice, as one does that lost its database in the middle of the first time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def write(self, fn: Callable[[Connection], T]) -> T:
        return self.submit(fn).result()

    def submit(self, fn: Callable[[Connection], T]) -> Future[T]:
        def taken_back(conn: Connection) -> None:
            fn(conn)
            raise _Again

        with suppress(_Again):
            self._journal.write(taken_back)
        return self._journal.submit(fn)


def workflow(steps_: Sequence[Mapping[str, Any]] | str, **keys: Any) -> str:
    """The YAML of a workflow that a webhook starts."""
    listed = yaml.safe_load(steps_) if isinstance(steps_, str) else list(steps_)
    path = f"test-{zlib.crc32(repr((listed, keys)).encode()):08x}"
    whole = {
        "name": "Test",
        "trigger": {"uses": "webhook.received", "with": {"path": path}},
        "steps": listed,
        **keys,
    }
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
