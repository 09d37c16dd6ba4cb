"""The files that a process works by: what is wrong with them is said, changed workflows are taken up, the audit trail knows.

`serve`, `worker` and `clock` share it.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ringback.cli import console
from ringback.problems import Failure

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ringback.engine.runtime import Runtime

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
CONNECTOR_FILES = "connectors/*/*.[yp]*"
"""Manifests and Python of the project's own connectors."""
Stamps = Mapping[Path, tuple[int, int]]


def say_problems(runtime: Runtime) -> None:
    """Say what is wrong with the project's connectors and workflow files, if anything; those with a mistake are left out."""
    connectors, workflows = runtime.catalogue.problems, runtime.workflows.problems
    if connectors or workflows:
        console.problems([*connectors, *workflows], err=True)
    if any(problem.severity == "error" for problem in connectors):
        console.error("The connectors with a mistake are left out: mend them and start again.")
    if any(problem.severity == "error" for problem in workflows):
        console.error("The workflows with a mistake are left out until it is mended.")


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
    console.mark("good", f"Workflows taken up: {', '.join(sorted(fresh.by_id)) or 'none'}.")
    return True


def say_changed(folder: Path, before: Stamps, now: Stamps) -> None:
    """Say which connectors' files changed: unlike workflows they are read at the start only."""
    changed = {path.relative_to(folder) for path in before.keys() | now.keys() if before.get(path) != now.get(path)}  # fmt: skip
    console.error(
        f"Changed: {', '.join(map(str, sorted(changed)))}. Connectors are read at the start: "
        "see `ringback check`, then start again."
    )


class Noted:
    """What the audit trail is told of the files that a process works by; `by` is its command."""

    def __init__(self, runtime: Runtime, by: str) -> None:
        from ringback.paths import PROJECT_FILE

        self._runtime = runtime
        self._by = by
        self._settings: dict[str, str] = {}
        file = runtime.settings.folder / PROJECT_FILE
        if file.is_file():  # later changes of it wait for a start
            self._settings[PROJECT_FILE] = hashlib.sha256(file.read_bytes()).hexdigest()[:16]

    def note(self) -> None:
        """Say by which files it works now, unless the last entry says so. Raises `Failure`."""
        from ringback.journal import audit, locks

        runtime = self._runtime
        workflows = runtime.workflows.by_id.values()
        hashes = self._settings | {one.file: one.hash[:16] for one in workflows}
        now, by = runtime.clock.now_ms(), audit.Actor("system", self._by, socket.gethostname())

        def write(conn: Connection) -> None:
            locks.hold(conn, locks.AUDIT)  # of several that start at once, one says it
            last, _ = audit.page(conn, actions=("files.taken_up",), limit=1)
            known = last[0].facts["files"] if last else {}
            if known != hashes:
                changed = sorted(
                    name for name in known | hashes if known.get(name) != hashes.get(name)
                )
                audit.add(conn, by, "files.taken_up", ", ".join(changed), now, {"files": hashes})

        runtime.journal.write(write)

    def note_if_possible(self) -> bool:
        """As `note`; False where the journal could not be written."""
        try:
            self.note()
        except Failure as failure:
            log.error("The audit trail could not be told of changed workflows: %s", failure)
            return False
        return True


@contextmanager
def watching(runtime: Runtime, by: str) -> Iterator[None]:
    """Take up changed workflow files while the body runs, and tell the audit trail of them and of those it begins with.

    Of changed connectors, say that they wait for a start. `by` is the command whose process this is. Raises
    `Failure` where the journal cannot be written at the beginning.
    """
    stop, folder, noted = threading.Event(), runtime.settings.folder, Noted(runtime, by)
    begun = stamps(folder), stamps(folder, CONNECTOR_FILES)
    noted.note()

    def watch() -> None:
        (seen, connectors), owed = begun, False
        while not stop.wait(LOOK_EVERY_S):
            now = stamps(folder)
            if now != seen:
                seen = now
                owed = reload(runtime) or owed
            if owed:
                owed = not noted.note_if_possible()
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
