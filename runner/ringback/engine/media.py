"""Files that came with a text: fetched when its first run begins, since the gateway waits for no download.

What cannot be fetched is noted in the run, which goes on without it.
"""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection

from ringback.connectors.transport import Answer, Call
from ringback.engine.runtime import Runtime
from ringback.engine.walk import Walk
from ringback.journal import events, files
from ringback.problems import Failure
from ringback.sdk import File

PENDING = "media_to_fetch"
"""The key of an event's data that lists what is still to be fetched: `{"url", "content_type"}`."""
MOST = 10
"""Files of one text that are fetched."""
_TRIES = 2
_TIMEOUT_S = 20.0


def fetch(walk: Walk) -> None:
    """Fetch what came with the run's event, unless another run has; `trigger.media` lists it then."""
    if not walk.data.get(PENDING):
        return
    with walk.runtime.journal.read() as conn:
        event = events.get_event(conn, walk.run.event_id)
    data = dict(event.data) if event is not None else dict(walk.data)
    wanted = data.pop(PENDING, None) or []
    got: list[File] = []
    for number, one in enumerate(wanted[:MOST], start=1):
        try:
            got.append(_fetch(walk.runtime, str(one["url"]), number))
        except Failure as failure:
            where = walk.runtime.masks.text(f"{urlsplit(one['url']).hostname}")
            walk.note(
                None, f"File {number} of the text could not be fetched from {where}: {failure}"
            )
    if len(wanted) > MOST:
        walk.note(None, f"The text came with {len(wanted)} files; {MOST} are fetched.")
    if wanted:
        data["media"] = [dict(file) for file in got]
        walk.commit(lambda conn: _keep(conn, walk, data, got))
    walk.data = data
    walk.scope["trigger"] = data


def _keep(conn: Connection, walk: Walk, data: dict[str, Any], got: list[File]) -> None:
    events.set_data(conn, walk.run.event_id, data)
    for file in got:
        files.keep_file(conn, file, walk.now, event_id=walk.run.event_id)


def _fetch(runtime: Runtime, url: str, number: int) -> File:
    """One file. Raises `Failure`."""
    limit = runtime.settings.max_file
    call = Call(
        "GET",
        url,
        timeout_s=_TIMEOUT_S,
        guard=True,
        allow_private=runtime.settings.allow_private,
        redirects=3,
        max_answer=limit,
    )
    answer = _asked(runtime, call)
    if answer.status != 200:
        raise Failure("refused", f"The address answered {answer.status}.")
    name = PurePosixPath(unquote(urlsplit(url).path)).name or f"file-{number}"
    return runtime.files.receive(io.BytesIO(answer.body), name, limit)


def _asked(runtime: Runtime, call: Call) -> Answer:
    for attempt in range(1, _TRIES + 1):
        try:
            return runtime.transport.send(call)
        except Failure:
            if attempt == _TRIES:
                raise
    raise AssertionError("unreachable")
