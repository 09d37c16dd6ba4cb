"""A worker: takes run ids from the broker and advances those runs, on threads of one process."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from ringback import chores
from ringback.chores import Chore, Ticker
from ringback.distributed.broker import TASK, make_app
from ringback.engine.run import advance
from ringback.engine.runtime import Runtime
from ringback.journal import runs

log = logging.getLogger(__name__)

GRACE_MS = 20_000
"""How long a stop waits for what runs; what takes longer is put down, and another worker goes on with it."""
_NEARLY_DUE_MS = 2_000
"""So far the clocks of two machines may be apart without a run being missed by it."""


def work(runtime: Runtime, threads: int, ready: Callable[[], None] | None = None) -> None:
    """Advance what the broker gives until SIGTERM or SIGINT; then stop in order. Call it on the main thread.

    A message is acknowledged when its run has ended or was put down, so that a dead worker's go to another.
    """
    from celery import signals

    app = make_app(runtime.settings.work)
    stopped = threading.Event()

    def leave_logging_alone(**_: Any) -> None:
        return

    signals.setup_logging.connect(leave_logging_alone)
    for chatty in ("celery.app.trace", "celery.worker.strategy"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    _register(app, runtime, stopped)
    runtime.start()
    now = runtime.clock.now_ms()
    ticker = Ticker(runtime, [Chore("heartbeat", chores.BEAT_MS, lambda: _beat(runtime), now)])
    ticker.start()
    gc.freeze()  # as `ringback serve` does
    _stop_on_signals(runtime)
    try:
        worker = app.WorkController(
            pool_cls="threads",
            concurrency=threads,
            hostname=f"{runtime.holder}@{socket.gethostname()}",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            ready_callback=(lambda _: ready()) if ready is not None else None,
        )
        worker.start()
    finally:
        ticker.stop()
        runtime.close(GRACE_MS)
        stopped.set()


def _register(app: Any, runtime: Runtime, stopped: threading.Event) -> None:
    from celery.exceptions import Reject

    def take_up(run_id: object) -> None:
        if runtime.stopping:
            raise Reject("this worker stops", requeue=True)
        if not isinstance(run_id, str):
            log.error("A message of the broker holds no run's id")
            return
        if not advance(runtime, run_id) and _came_due(runtime, run_id, stopped):
            advance(runtime, run_id)

    app.task(name=TASK, acks_late=True, reject_on_worker_lost=True, ignore_result=True)(take_up)
    app.finalize()


def _came_due(runtime: Runtime, run_id: str, stopped: threading.Event) -> bool:
    """Wait for a run that is due in a moment only, since the clock of the machine that published it is before ours."""
    run = runtime.journal.look(lambda conn: runs.get_run(conn, run_id))
    if run is None or run.wake_at is None or run.holder is not None:
        return False
    early_ms = run.wake_at - runtime.clock.now_ms()
    if early_ms > _NEARLY_DUE_MS:
        return False
    stopped.wait(max(early_ms, 0) / 1000)
    return not runtime.stopping


def _beat(runtime: Runtime) -> None:
    chores.beat(runtime)


def _stop_on_signals(runtime: Runtime) -> None:
    """SIGTERM and SIGINT: take nothing more, end or park what runs; leave for good when the time is up."""
    from celery.worker import state

    def leave() -> None:
        log.warning("Runs were still under way when the time was up")
        runtime.close(0)
        logging.shutdown()
        os._exit(0)

    def stop(_number: int, _frame: FrameType | None) -> None:
        if runtime.stopping:
            return
        runtime.stopping = True
        state.should_stop = 0
        late = threading.Timer(GRACE_MS / 1000, leave)
        late.daemon = True
        late.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
