"""The audit trail says which settings and workflow files are worked by, once, whichever process took them up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests import stores
from tests.engine.bench import workflow

from ringback.cli import distributing, takeup
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal import audit
from ringback.journal.audit import Entry
from ringback.observe import logs
from ringback.problems import Failure
from ringback.settings import load_settings

SETTINGS = "project: {name: Harbour School}\n"
ELSEWHERE = "work: {where: celery, broker: 'redis://127.0.0.1:1/0'}\n"
ONE = workflow([{"uses": "text.render", "with": {"text": "one"}}])
TWO = workflow([{"uses": "text.render", "with": {"text": "two"}}])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(takeup, "LOOK_EVERY_S", 0.01)
    (tmp_path / "ringback.yaml").write_text(SETTINGS + ELSEWHERE)
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "hello.yaml").write_text(ONE)
    return tmp_path


@contextmanager
def process(folder: Path, by: str = "serve") -> Iterator[Runtime]:
    """What `ringback serve` does about workflow files, between its start and its end."""
    runtime = open_runtime(load_settings(folder, {}))
    try:
        with takeup.watching(runtime, by):
            yield runtime
    finally:
        runtime.close(0)


def noted(runtime: Runtime) -> list[Entry]:
    with runtime.journal.read() as conn:
        return list(reversed(audit.page(conn, actions=("files.taken_up",))[0]))


def until(look: Callable[[], Any]) -> Any:
    ends_at = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < ends_at
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("by", ["worker", "clock"])
def test_workers_and_clocks_say_what_they_took_up(
    folder: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "set_up", lambda *_, **__: None)  # pytest has the logs
    with distributing.runtime(folder, None, None, by=by) as runtime:
        (entry,) = noted(runtime)
        runtime.close(0)
    assert (entry.kind, entry.who) == ("system", by)
    assert entry.object == "ringback.yaml, workflows/hello.yaml"


def test_of_many_processes_the_first_says_it(folder: Path) -> None:
    with process(folder) as runtime, ExitStack() as others:
        for _ in range(3):
            others.enter_context(process(folder, "worker"))
        assert [entry.who for entry in noted(runtime)] == ["serve"]
        (folder / "workflows" / "hello.yaml").write_text(TWO)
        until(lambda: len(noted(runtime)) > 1)
        time.sleep(0.3)
        entries = noted(runtime)
    assert [entry.object for entry in entries[1:]] == ["workflows/hello.yaml"]
    assert entries[0].facts["files"]["ringback.yaml"] == entries[1].facts["files"]["ringback.yaml"]


def test_those_that_start_at_once_say_it_once(folder: Path) -> None:
    with ExitStack() as opened:
        several = [open_runtime(load_settings(folder, {})) for _ in range(4)]
        for one in several:
            opened.callback(one.close, 0)
        together = threading.Barrier(len(several))

        def start(runtime: Runtime) -> None:
            together.wait()
            with takeup.watching(runtime, "worker"):
                pass

        threads = [threading.Thread(target=start, args=(one,)) for one in several]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(noted(several[0])) == 1


def test_settings_that_wait_for_a_start_are_not_said_to_be_taken_up(folder: Path) -> None:
    with process(folder) as runtime:
        (folder / "ringback.yaml").write_text("project: {name: Another School}\n" + ELSEWHERE)
        (folder / "workflows" / "hello.yaml").write_text(TWO)
        until(lambda: len(noted(runtime)) > 1)
        assert noted(runtime)[-1].object == "workflows/hello.yaml"
    with process(folder) as runtime:
        assert noted(runtime)[-1].object == "ringback.yaml"


def test_what_could_not_be_written_at_once_is_said_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with process(folder) as runtime:
        real, failing = getattr(runtime.journal, stores.COMMITS), [1, 2]

        def failing_first(fn: Any) -> Any:
            if failing:
                failing.pop()
                raise Failure("internal", "The disk is full.")
            return real(fn)

        monkeypatch.setattr(runtime.journal, stores.COMMITS, failing_first)
        (folder / "workflows" / "hello.yaml").write_text(TWO)
        until(lambda: len(noted(runtime)) > 1)
        assert not failing
        (folder / "workflows" / "hello.yaml").write_text(ONE)
        until(lambda: len(noted(runtime)) > 2)
