"""`ringback serve`: the doors open, workflows run, changed files are taken up."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringback.cli import console, project

if TYPE_CHECKING:
    from ringback.engine.runtime import Runtime
    from ringback.workflow.model import WorkflowSet

LOOK_EVERY_S = 1.0
Stamps = Mapping[Path, tuple[int, int]]


@click.command()
@click.option(
    "--host", help="The address to listen on. Default: serve.host of ringback.yaml, else 127.0.0.1."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port. Default: serve.port, else 8080."
)
@project.option
def command(host: str | None, port: int | None, where: Path | None) -> None:
    """Receive webhooks and delivery callbacks, and run the project's workflows, until stopped.

    A changed workflow file is taken up within a second; while one has a mistake, the last good version
    goes on.

    \b
    Example:
      ringback serve
      ringback serve --host 0.0.0.0 --port 80
    """
    from dataclasses import replace

    from ringback.engine.runtime import open_runtime, secrets_of
    from ringback.web.server import serve
    from ringback.worker import LocalExecutor

    settings = project.settings(where)
    settings = replace(
        settings, host=host or settings.host, port=settings.port if port is None else port
    )
    runtime = open_runtime(settings, executor=LocalExecutor(settings.workers))
    console.hide(secrets_of(settings, runtime.catalogue))
    say_problems(runtime.workflows)
    with watching(runtime):
        serve(runtime, ready=lambda address: say_addresses(runtime, address))
    console.say("Stopped. What was waiting goes on at the next start.")


def say_problems(workflows: WorkflowSet) -> None:
    """Say what is wrong with the workflow files, if anything; those with a mistake are not served."""
    if workflows.problems:
        console.problems(workflows.problems, err=True)
    if any(problem.severity == "error" for problem in workflows.problems):
        console.error("The workflows with a mistake are left out until it is mended.")


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


def stamps(folder: Path) -> Stamps:
    """When each workflow file last changed, and its size."""
    found = {}
    for path in sorted((folder / "workflows").glob("*.y*ml")):
        try:
            about = path.stat()
        except FileNotFoundError:  # an editor is replacing it: it is there the next time we look
            continue
        found[path] = (about.st_mtime_ns, about.st_size)
    return found


def reload(runtime: Runtime) -> bool:
    """Take up the workflow files as they are now, unless one has a mistake; say which it was."""
    from ringback.workflow.load import load_folder

    fresh = load_folder(runtime.settings, runtime.catalogue)
    mistakes = [problem for problem in fresh.problems if problem.severity == "error"]
    if mistakes:
        console.problems(mistakes, err=True)
        console.error("The workflows stay as they were until this is mended.")
        return False
    runtime.workflows = fresh
    console.mark("good", f"Workflows taken up: {', '.join(sorted(fresh.by_id)) or 'none'}.")
    return True


@contextmanager
def watching(runtime: Runtime) -> Iterator[None]:
    """Look for changed workflow files while the body runs."""
    stop = threading.Event()

    def watch() -> None:
        seen = stamps(runtime.settings.folder)
        while not stop.wait(LOOK_EVERY_S):
            now = stamps(runtime.settings.folder)
            if now != seen:
                seen = now
                reload(runtime)

    thread = threading.Thread(target=watch, name="workflow-files", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
