"""What opens a run by hand or in an example: the trigger that fits, and the data that it would have brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringback.clock import from_ms, to_ms
from ringback.problems import Failure
from ringback.sdk import File

if TYPE_CHECKING:
    from ringback.engine.runtime import Runtime
    from ringback.journal.audit import Actor
    from ringback.workflow.model import Workflow

SOURCE = "command line"
# Which trigger a key of an example's `given` asks for.
SOURCE_OF = {
    "files": "webhook",
    "body": "webhook",
    "query": "webhook",
    "headers": "webhook",
    "inbound": "inbound",
}


@dataclass(frozen=True)
class Opening:
    """One event about to come in: the workflow's trigger by position, its source, what `trigger` will be."""

    trigger: int
    source: str
    data: dict[str, Any]
    files: tuple[File, ...]


def opening(
    runtime: Runtime, workflow: Workflow, given: Mapping[str, Any], folder: Path
) -> Opening:
    """The event that `given` (as an example writes it) describes; its files lie below `folder`.

    Raises `Failure` for a file that is not there, and where the workflow has no trigger that fits.
    """
    index, source = choose(runtime, workflow, given)
    files = {
        name: _store(runtime, folder, str(path))
        for name, path in (given.get("files") or {}).items()
    }
    moment = _iso(runtime.clock.now_ms())
    use = workflow.triggers[index] if workflow.triggers else None
    builders = {"webhook": _webhook, "manual": _manual, "inbound": _inbound, "schedule": _schedule}
    build = builders.get(source, _as_given)
    data = build(given, files, moment, dict(use.with_) if use else {})
    return Opening(index, source, data, tuple(files.values()))


def start(
    runtime: Runtime,
    workflow: Workflow,
    given: Mapping[str, Any],
    folder: Path,
    source: str,
    by: Actor | None = None,
) -> str:
    """Open a run by such an event, as coming from `source`; its id. `by` is who wanted it, for the audit trail."""
    from ringback.engine.accept import accept

    event = opening(runtime, workflow, given, folder)
    receipt = accept(
        runtime,
        workflow,
        event.trigger,
        event.data,
        source=source,
        key=None,
        kind=event.source,
        files=event.files,
        by=by,
    )
    return receipt.run_id


def at_ms(runtime_zone: Any, text: str) -> int:
    """A moment written by a person, epoch milliseconds; without a zone it is the project's. Raises `Failure`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(
            "invalid_input",
            f"“{text}” is not a moment.",
            "Write one such as 2026-09-01T10:00:00+01:00.",
        ) from None
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=runtime_zone))


def choose(runtime: Runtime, workflow: Workflow, given: Mapping[str, Any]) -> tuple[int, str]:
    """The first trigger of the source that the keys ask for, else a manual one, else the first."""
    if not workflow.triggers:
        return 0, "manual"
    sources = []
    for use in workflow.triggers:
        trigger = runtime.catalogue.trigger(use.uses)
        sources.append(trigger.source if trigger else "manual")
    wanted = [SOURCE_OF[key] for key in given if key in SOURCE_OF]
    for source in (*wanted, "manual"):
        if source in sources:
            return sources.index(source), source
    if wanted and "data" not in given:
        raise Failure(
            "invalid_input",
            f"{workflow.id} has no {wanted[0]} trigger for what is given.",
            f"Its triggers are {', '.join(use.uses for use in workflow.triggers)}.",
        )
    return 0, sources[0]


def _store(runtime: Runtime, folder: Path, path: str) -> File:
    place = folder / path
    try:
        with place.open("rb") as stream:
            return runtime.files.receive(stream, place.name, runtime.settings.max_file)
    except (FileNotFoundError, IsADirectoryError):
        raise Failure("not_found", f"There is no file {place}.", "Check its name.") from None


Given = Mapping[str, Any]
Files = Mapping[str, File]


def _webhook(given: Given, files: Files, moment: str, use: Given) -> dict[str, Any]:
    body = given.get("body", given.get("data", {}))
    headers = {
        str(name).lower(): str(value) for name, value in (given.get("headers") or {}).items()
    }
    kind = "multipart/form-data" if files else "application/json"
    return {
        "method": "POST",
        "path": str(use.get("path", "")),
        "headers": {"content-type": kind, **headers},
        "query": dict(given.get("query") or {}),
        "body": body,
        "form": dict(body) if files and isinstance(body, dict) else {},
        "files": dict(files),
        "file": None,
        "content_type": kind,
        "received_at": moment,
    }


def _manual(given: Given, files: Files, moment: str, use: Given) -> dict[str, Any]:  # noqa: ARG001  one shape for all
    return {"data": given.get("data", given.get("body", {})), "files": dict(files)}


def _inbound(given: Given, files: Files, moment: str, use: Given) -> dict[str, Any]:  # noqa: ARG001
    from ringback.sms.language import language_of

    told = {**(given.get("data") or {}), **(given.get("inbound") or {})}
    empty = {
        "from": "",
        "to": "",
        "text": "",
        "connection": "",
        "message_id": "msg_example",
        "media": [],
    }
    spoken = language_of(str(told.get("text") or ""))
    return {**empty, "received_at": moment, "keyword": None, "language": spoken, **told}


def _schedule(given: Given, files: Files, moment: str, use: Given) -> dict[str, Any]:  # noqa: ARG001
    return {"planned_at": moment, **(given.get("data") or {})}


def _as_given(given: Given, files: Files, moment: str, use: Given) -> dict[str, Any]:  # noqa: ARG001
    return dict(given.get("data") or {})


def _iso(milliseconds: int) -> str:
    return from_ms(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
