"""Runs advanced by the command itself, on its own thread."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringback.cli import console, project
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.engine.runtime import Runtime

LOOK_EVERY_S = 0.1
BEAT_S = 10.0


@contextmanager
def runtime(where: Path | None, send_through: str | None = None) -> Iterator[Runtime]:
    """The project's runtime, without doors and threads of its own; `send_through` replaces the project's word."""
    from ringback.engine.runtime import open_runtime, secrets_of

    settings = project.settings(where)
    if send_through is not None:
        settings = replace(settings, send_through=(send_through,))
    made = open_runtime(settings)
    console.hide(secrets_of(made.settings, made.catalogue))
    made.start()
    try:
        yield made
    finally:
        made.close()


def advance(runtime: Runtime, run_id: str, wait_ms: int) -> None:
    """Advance what was started, and whatever falls due, until the run ends or `wait_ms` have passed."""
    from ringback.engine import inline

    deadline = time.monotonic() + wait_ms / 1000
    beat = time.monotonic()
    while True:
        inline.drain(runtime, until_idle=False)
        if time.monotonic() - beat > BEAT_S:
            runtime.beat()
            beat = time.monotonic()
        if time.monotonic() >= deadline or finished(runtime, run_id):
            return
        time.sleep(LOOK_EVERY_S)


def finished(runtime: Runtime, run_id: str) -> bool:
    """Whether the run has ended, here or in another process."""
    from ringback.journal import runs

    with runtime.journal.read() as conn:
        run = runs.get_run(conn, run_id)
    return run is None or run.finished


def story(runtime: Runtime, run_id: str) -> dict[str, Any]:
    """The run's story. Raises `Failure` when there is no such run."""
    from ringback.journal.timeline import run_story

    with runtime.journal.read() as conn:
        told = run_story(conn, run_id)
    if told is None:
        raise Failure("not_found", f"There is no run {run_id}.", "`ringback runs` lists them.")
    return told
