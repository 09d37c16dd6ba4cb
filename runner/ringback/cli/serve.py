"""`ringback serve`: the doors open, workflows run."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringback.cli import console, distributing, logging_options, project, takeup

if TYPE_CHECKING:
    from ringback.engine.runtime import Runtime


@click.command()
@click.option(
    "--host", help="The address to listen on. Default: serve.host of ringback.yaml, else 127.0.0.1."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port. Default: serve.port, else 8080."
)
@logging_options.options
@project.option
def command(
    host: str | None,
    port: int | None,
    log_format: str | None,
    log_level: str | None,
    where: Path | None,
) -> None:
    """Receive webhooks and delivery callbacks, and run the project's workflows, until stopped.

    With `work: {where: celery}` in ringback.yaml it only receives; `ringback worker` runs the workflows.

    A changed workflow file is taken up within a second; while one has a mistake, the last good version
    goes on. Changed connectors are taken up at the next start.

    \b
    Example:
      ringback serve
      ringback serve --host 0.0.0.0 --port 80
    """
    with uncollected():
        from dataclasses import replace

        from ringback.engine.runtime import open_runtime, secrets_of
        from ringback.observe.traces import configured
        from ringback.web.server import serve

        settings = logging_options.chosen(project.settings(where), log_format, log_level)
        settings = replace(
            settings, host=host or settings.host, port=settings.port if port is None else port
        )
        runtime = open_runtime(
            settings, executor=distributing.executor(settings), traces=configured(os.environ)
        )
    console.hide(secrets_of(runtime.settings, runtime.catalogue))
    takeup.say_problems(runtime)
    with takeup.watching(runtime, "serve"):
        serve(runtime, ready=lambda address: say_addresses(runtime, address))
    console.say("Stopped. What was waiting goes on at the next start.")


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collections while much is loaded, nearly nothing of which is ever garbage: a sixth of a start's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def say_addresses(runtime: Runtime, address: str) -> None:
    """Where the server listens, and where webhooks and callbacks come in from outside."""
    settings = runtime.settings
    console.heading(f"{settings.project['name'] or settings.folder.name} on {address}")
    for path, (workflow, _) in sorted(runtime.workflows.hooks.items()):
        console.mark(
            "note", f"POST {settings.public_url}/hooks/{path}", workflow.name or workflow.id
        )
    for name, connection in settings.connections.items():
        manifest = runtime.catalogue.connectors.get(connection.uses)
        if manifest is not None and manifest.callbacks is not None:
            console.mark(
                "note", f"POST {settings.public_url}/callbacks/{name}", f"for {manifest.name}"
            )
    if not runtime.workflows.by_id:
        console.mark("bad", f"No workflow is ready in {settings.folder / 'workflows'}.")
