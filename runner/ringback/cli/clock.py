"""`ringback clock`: schedules, wake times, and what was left behind."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from ringback.cli import console, distributing, logging_options, project, watch_options


@click.command()
@logging_options.options
@watch_options.options
@project.option
def command(
    log_format: str | None,
    log_level: str | None,
    metrics_port: int | None,
    metrics_host: str,
    where: Path | None,
) -> None:
    """Fire schedules and wake what is due, until stopped. Several may run: one leads, the others take over from it.

    It needs `work: {where: celery}` in ringback.yaml; without that `ringback serve` does it all.

    \b
    Example:
      ringback clock
    """
    from ringback.distributed.broker import Line
    from ringback.distributed.clock import Clock

    with (
        distributing.runtime(where, log_format, log_level, by="clock") as runtime,
        watch_options.watched(runtime, metrics_host, metrics_port),
    ):
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
        clock = Clock(runtime, Line(runtime.settings.work))
        runtime.start()
        clock.start()
        console.heading(f"Clock on {distributing.queue(runtime)}")
        try:
            stop.wait()
        finally:
            clock.stop()
            runtime.close()
    console.say("Stopped.")
