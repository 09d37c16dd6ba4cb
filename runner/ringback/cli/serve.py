"""`ringback serve`: the doors open, workflows run, changed files are taken up."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringback.cli import console, distributing, logging_options, project

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ringback.engine.runtime import Runtime

LOOK_EVERY_S = 1.0
CONNECTOR_FILES = "connectors/*/*.[yp]*"
"""Manifests and Python of the project's own connectors."""
Stamps = Mapping[Path, tuple[int, int]]


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
    say_problems(runtime)
    note_files(runtime)
    with watching(runtime):
        serve(runtime, ready=lambda address: say_addresses(runtime, address))
    console.say("Stopped. What was waiting goes on at the next start.")


def say_problems(runtime: Runtime) -> None:
    """Say what is wrong with the project's connectors and workflow files, if anything; those with a mistake are left out."""
    connectors, workflows = runtime.catalogue.problems, runtime.workflows.problems
    if connectors or workflows:
        console.problems([*connectors, *workflows], err=True)
    if any(problem.severity == "error" for problem in connectors):
        console.error("The connectors with a mistake are left out: mend them and start again.")
    if any(problem.severity == "error" for problem in workflows):
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


def stamps(folder: Path, pattern: str = "workflows/*.y*ml") -> Stamps:
    """When each workflow file (or other file that fits the pattern) last changed, and its size."""
    found = {}
    for path in sorted(folder.glob(pattern)):
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
    note_files(runtime)
    console.mark("good", f"Workflows taken up: {', '.join(sorted(fresh.by_id)) or 'none'}.")
    return True


def say_changed(folder: Path, before: Stamps, now: Stamps) -> None:
    """Say which connectors' files changed: unlike workflows they are read at the start only."""
    changed = {path.relative_to(folder) for path in before.keys() | now.keys() if before.get(path) != now.get(path)}  # fmt: skip
    console.error(
        f"Changed: {', '.join(map(str, sorted(changed)))}. Connectors are read at the start: "
        "see `ringback check`, then start again."
    )


def note_files(runtime: Runtime) -> None:
    """Put into the audit trail which settings and workflows are worked by, where they are not those of the last entry."""
    from ringback.journal import audit
    from ringback.paths import PROJECT_FILE

    folder, hashes = runtime.settings.folder, {}
    if (folder / PROJECT_FILE).is_file():
        hashes[PROJECT_FILE] = hashlib.sha256((folder / PROJECT_FILE).read_bytes()).hexdigest()[:16]
    for workflow in runtime.workflows.by_id.values():
        hashes[workflow.file] = workflow.hash[:16]
    now, by = runtime.clock.now_ms(), audit.Actor("system", "serve", socket.gethostname())

    def write(conn: Connection) -> None:
        last, _ = audit.page(conn, actions=("files.taken_up",), limit=1)
        known = last[0].facts["files"] if last else {}
        if known != hashes:
            changed = sorted(name for name in known | hashes if known.get(name) != hashes.get(name))
            audit.add(conn, by, "files.taken_up", ", ".join(changed), now, {"files": hashes})

    runtime.journal.write(write)


@contextmanager
def watching(runtime: Runtime) -> Iterator[None]:
    """Look for changed workflow files while the body runs; of changed connectors, say that they wait for a start."""
    stop, folder = threading.Event(), runtime.settings.folder

    def watch() -> None:
        seen, connectors = stamps(folder), stamps(folder, CONNECTOR_FILES)
        while not stop.wait(LOOK_EVERY_S):
            now = stamps(folder)
            if now != seen:
                seen = now
                reload(runtime)
            now = stamps(folder, CONNECTOR_FILES)
            if now != connectors:
                say_changed(folder, connectors, now)
                connectors = now

    thread = threading.Thread(target=watch, name="workflow-files", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
