"""Files that came with a text: fetched when a run needs them, since the gateway waits for no download.

They are kept with the message, so that whoever has it has them: the runs that it opened, the run that it answered, and who
looks at the conversation. What cannot be fetched is tried again for a while; then the run goes on without it, and both its
story and the message say why. The text itself is there from the first moment.
"""

from __future__ import annotations

import base64
import io
import mimetypes
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection

from ringback.connectors import media
from ringback.connectors.callbacks import Inbound
from ringback.engine import scope
from ringback.engine.job import Job
from ringback.engine.runtime import Runtime
from ringback.engine.walk import Parked, Walk
from ringback.journal import events, files, locks, messages, runs, waits
from ringback.journal.messages import Message
from ringback.problems import Failure
from ringback.sdk import File
from ringback.words import say_duration

PENDING = "media_to_fetch"
"""The key of an event's data that says how many files are still to be fetched."""
MOST = 10
"""Files of one text that are fetched."""
AGAIN_MS = (5_000, 30_000, 120_000)
"""How long to wait before each further try; a run waits no longer than all of them for files."""
_HELP_LATER = frozenset({"unreachable", "no_answer", "server_error", "throttled"})

Entry = dict[str, Any]


def to_fetch(inbound: Inbound) -> tuple[Entry, ...]:
    """The files of a text that has come in, as its message keeps them until they are fetched."""
    return tuple(
        {key: value for key, value in asdict(one).items() if value} for one in inbound.media
    )


def fetch(walk: Walk) -> None:
    """Fetch what came with the run's event; `trigger.media` lists it then. Raises `Parked` to try again later."""
    if not walk.data.get(PENDING):
        return
    event = walk.look(lambda conn: events.get_event(conn, walk.run.event_id))
    data = dict(event.data) if event is not None else dict(walk.data)
    if data.get(PENDING):
        got, due = _bring(walk, None, str(data["message_id"]))
        if due is not None:
            _rest(walk, due)
        del data[PENDING]
        data["media"] = [dict(file) for file in got]
        event_id, now = walk.run.event_id, walk.now

        def keep(conn: Connection) -> None:
            events.set_data(conn, event_id, data)
            for file in got:
                files.keep_file(conn, walk.runtime.files, file, now, event_id=event_id)

        walk.guard(*(locks.file(file["sha256"]) for file in got))
        walk.commit(keep)
    walk.data = data
    walk.scope["trigger"] = scope.trigger(data, walk.workflow, walk.run)


def of_reply(job: Job, message_id: str) -> list[dict[str, Any]]:
    """Fetch what came with the answer that a step waited for. Raises `Parked` to try again later."""
    walk, row = job.walk, job.row
    got, due = _bring(walk, row.path, message_id)
    if due is not None:
        walk.park(
            row._replace(state="waiting"),
            waits.Wait(walk.run.id, row.path, "media", message_id, due),
        )
    run_id, now = walk.run.id, walk.now

    def keep(conn: Connection) -> None:
        for file in got:
            files.keep_file(conn, walk.runtime.files, file, now, run_id=run_id)

    walk.guard(*(locks.file(file["sha256"]) for file in got))
    walk.also(keep)
    return [dict(file) for file in got]


def _rest(walk: Walk, due: int) -> None:
    """Put the run down until then, before its first step."""
    lease = walk.lease
    walk.end_with(lambda conn: runs.park(conn, lease, "waiting", due))
    walk.runtime.executor.notify(due)
    raise Parked


def _bring(walk: Walk, path: str | None, message_id: str) -> tuple[list[File], int | None]:
    """The files of a message, fetched now where they are not here yet; and when to try again, if that may help."""
    message = walk.look(lambda conn: messages.get_message(conn, message_id))
    if message is None:
        return [], None
    before = message.media
    entries = [dict(one) for one in before]
    if len(entries) > MOST and _open(entries[0]):
        walk.note(path, f"The text came with {len(entries)} files; {MOST} are fetched.")
    for number, entry in enumerate(entries[:MOST], start=1):
        if _open(entry):
            walk.before_slow_work()
            entries[number - 1] = _tried(walk, path, message, entry, number)
    if entries != list(before):
        walk.guard(locks.message(message_id))
        walk.commit(lambda conn: _keep(conn, message_id, entries))
    left = [entry for entry in entries[:MOST] if _open(entry)]
    pauses = [AGAIN_MS[min(int(one["tries"]), len(AGAIN_MS)) - 1] for one in left]
    got: list[File] = [entry["file"] for entry in entries if "file" in entry]
    return got, walk.now + max(pauses) if pauses else None


def _open(entry: Entry) -> bool:
    """Whether a file is still to be fetched."""
    return "file" not in entry and "error" not in entry


def _keep(conn: Connection, message_id: str, entries: list[Entry]) -> None:
    """Keep what was fetched; what another run of the same text has fetched meanwhile stays."""
    known = messages.get_message(conn, message_id)
    there = known.media if known is not None else ()
    merged = [old if "file" in old else new for old, new in zip(there, entries, strict=True)]
    messages.set_media(conn, message_id, merged)


def _tried(walk: Walk, path: str | None, message: Message, entry: Entry, number: int) -> Entry:
    """A file after one more try: kept, to be tried again, or given up."""
    try:
        file = _fetch(walk.runtime, message.connection, entry, number)
    except Failure as failure:
        tries = int(entry.get("tries", 0)) + 1
        again = failure.code in _HELP_LATER and tries <= len(AGAIN_MS)
        host = urlsplit(str(entry.get("url", ""))).hostname or "what the gateway sent"
        said = walk.runtime.masks.text(
            f"File {number} of the text could not be fetched from {host}: {failure}"
        )
        after = f" It is tried again in {say_duration(AGAIN_MS[tries - 1])}." if again else ""
        walk.note(path, f"{said}{after}", {"code": failure.code})
        if again:
            return {**entry, "tries": tries}
        return {"error": said, "content_type": entry.get("content_type")}
    return {"file": dict(file)}


def _fetch(runtime: Runtime, connection: str, entry: Entry, number: int) -> File:
    """One file. Raises `Failure`."""
    limit = runtime.settings.max_file
    url = str(entry.get("url", ""))
    if url:
        try:
            _, manifest, settings = runtime.connection(connection)
        except Failure:  # the connection is no longer configured: nobody's credentials
            manifest, settings = None, {}
        content = media.fetch(
            url,
            manifest,
            settings,
            runtime.transport,
            limit=limit,
            allow_private=runtime.settings.allow_private,
        )
    else:
        content = _decoded(str(entry.get("data", "")))
    name = entry.get("name") or PurePosixPath(unquote(urlsplit(url).path)).name or f"file-{number}"
    file = runtime.files.receive(io.BytesIO(content), str(name), limit)
    if "." not in file["name"]:
        file["name"] += mimetypes.guess_extension(file["media_type"]) or ""
    return file


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data.partition("base64,")[2] or data, validate=False)
    except ValueError as error:
        raise Failure("refused", f"Its content is not base64: {error}.") from None
