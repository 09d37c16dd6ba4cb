"""`ringback worker`: advances the runs that the broker names."""

from __future__ import annotations

from pathlib import Path

import click

from ringback.cli import console, distributing, logging_options, project, watch_options


@click.command()
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="How many runs are advanced at once. Default: serve.workers of ringback.yaml, else 8.",
)
@logging_options.options
@watch_options.options
@project.option
def command(
    threads: int | None,
    log_format: str | None,
    log_level: str | None,
    metrics_port: int | None,
    metrics_host: str,
    where: Path | None,
) -> None:
    """Advance runs, until stopped: any number of workers may, on any machine that reaches journal, files and broker.

    It needs `work: {where: celery}` in ringback.yaml, and a `ringback clock` somewhere.

    \b
    Example:
      ringback worker
      ringback worker --threads 16 --metrics-port 9101
    """
    from ringback.distributed.worker import work

    with (
        distributing.runtime(where, log_format, log_level, by="worker") as runtime,
        watch_options.watched(runtime, metrics_host, metrics_port),
    ):
        threads = threads or runtime.settings.workers

        def ready() -> None:
            console.heading(f"Worker with {threads} threads on {distributing.queue(runtime)}")

        work(runtime, threads, ready)
    console.say("Stopped. What was under way goes on with another worker.")
