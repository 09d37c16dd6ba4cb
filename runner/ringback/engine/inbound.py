"""What people text in: kept once, given to the run that waits for it, else to the workflows that listen."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ringback.clock import from_ms
from ringback.connectors.callbacks import Inbound
from ringback.engine import answering, claims, hearing, media, opening, replies, tracing
from ringback.engine.runtime import Runtime
from ringback.ids import new_id
from ringback.journal import contacts, events, locks, messages, runs
from ringback.journal.messages import Message
from ringback.problems import Failure
from ringback.sms import joining, keywords, language, optout
from ringback.sms.gate import as_told
from ringback.workflow.model import TriggerUse, Workflow

log = logging.getLogger(__name__)

SAME_MS = 5 * 60_000
"""Of a gateway that gives neither ids nor times: how soon the same words from the same phone are a copy."""


def accept_inbound(runtime: Runtime, connection: str, inbound: Inbound, raw: Any) -> list[str]:
    """Keep a message that came in; the ids of the runs that it opened or woke. A copy does neither.

    A reply that a run waits for opens no other run, unless the trigger says `also_replies`. STOP, START and
    HELP are acted upon first; then only those workflows run that listen for such words.
    """
    now = runtime.clock.now_ms()
    arrived = time.time_ns()

    def write(conn: Connection) -> _Taken:
        taken = _take(conn, runtime, connection, inbound, raw, now)
        hearing.hear(conn, runtime, connection, "inbound", now)
        return taken

    taken = claims.keep(runtime, write)
    tracing.callback(runtime, connection, "inbound", taken.run_ids, arrived)
    return _tell(runtime, taken)


def join_overdue(runtime: Runtime) -> list[str]:
    """Take long texts as they are whose last piece does not come; the runs as in `accept_inbound`."""
    now = runtime.clock.now_ms()

    def write(conn: Connection) -> list[_Taken]:
        return [
            _take(conn, runtime, connection, inbound, runtime.masks.value(inbound.raw), now)
            for connection, inbound in joining.overdue(conn, now - joining.PATIENCE_MS)
        ]

    return [run_id for taken in claims.keep(runtime, write) for run_id in _tell(runtime, taken)]


class _Taken(NamedTuple):
    """What a text opened and woke, and the runs of both or, of a copy, of the first."""

    run_ids: list[str]
    opened: list[opening.Opened]
    woken: list[str]


def _tell(runtime: Runtime, taken: _Taken) -> list[str]:
    opening.woken(runtime, taken.woken)
    for one in taken.opened:
        opening.opened(runtime, one)
    return taken.run_ids


def _take(
    conn: Connection, runtime: Runtime, connection: str, inbound: Inbound, raw: Any, now: int
) -> _Taken:
    """Keep what came, and where it makes a text whole, let the text be heard."""
    source = f"callback:{connection}"
    locks.hold(conn, *_taken_under(runtime, connection, source, inbound))
    key, known = _known(conn, source, inbound, now)
    if known is not None:
        return _Taken([run.id for run in runs.of_event(conn, known)], [], [])
    whole = joining.whole(conn, connection, inbound, now)
    message = _message(runtime, connection, whole or inbound, now)
    contact = contacts.get_contact(conn, message.number_from or "")
    spoken = language.language_of(message.text, contact.attributes if contact else None)
    data = {**_data(message, whole or inbound, now), "language": spoken}
    added = events.add_event(
        conn,
        id=new_id("evt"),
        source=source,
        key=key,
        workflow=None,
        kind="inbound",
        data={**data, "raw": raw},
        received_at=now,
    )
    if added.duplicate:
        return _Taken([run.id for run in runs.of_event(conn, added.id)], [], [])
    if whole is None:
        return _Taken([], [], [])
    return _hear(
        conn, runtime, whole, message, opening.Event("inbound", source, key, data), added.id
    )


def _taken_under(
    runtime: Runtime, connection: str, source: str, inbound: Inbound
) -> list[locks.Lock]:
    """The locks under which a text comes in: copies, pieces, and all that its sender's number decides."""
    country = str(runtime.settings.project.get("country") or "")
    held = [locks.number(as_told(inbound.number_from, country) or "")]
    if inbound.timeless or inbound.part is not None:
        held.append(locks.event(source, inbound.key))
    if inbound.part is not None:
        part = inbound.part
        held.append(locks.pieces(connection, inbound.number_from, part.reference, part.total))
    return held


def _known(conn: Connection, source: str, inbound: Inbound, now: int) -> tuple[str, str | None]:
    """The key by which copies of this are told, and the event of which it is one where that must be known now."""
    if inbound.timeless:
        window = now // SAME_MS
        keys = (f"{inbound.key}:{window}", f"{inbound.key}:{window - 1}")
        return keys[0], events.recent(conn, source, keys, now - SAME_MS)
    if inbound.part is not None:
        return inbound.key, events.recent(conn, source, (inbound.key, inbound.key), 0)
    return inbound.key, None


def _hear(
    conn: Connection,
    runtime: Runtime,
    inbound: Inbound,
    message: Message,
    event: opening.Event,
    event_id: str,
) -> _Taken:
    """Give a text to STOP and its kin, to the run that waits for it, and to who listens."""
    wait = replies.taker(conn, message)
    woken = []
    heard = optout.hear(
        conn,
        message.number_from or "",
        message.text,
        message.connection,
        message.created_at,
        gateway_said=inbound.opt_out,
        awaited=wait is not None,
    )
    told = message if heard is None else message._replace(detail=heard.said)
    if wait is None:
        messages.add_message(conn, told)
    else:
        mine = told._replace(run_id=wait.run_id, step_path=wait.path)
        messages.add_message(conn, mine)
        if replies.take(conn, wait, message.created_at):
            woken.append(wait.run_id)
    listening = wanted(runtime, event.data, taken=wait is not None)
    if heard is not None:
        listening = [one for one in listening if one[0].triggers[one[1]].with_.get("keywords")]
    plans = [opening.plan(runtime, workflow, index, event) for workflow, index in listening]
    answer = None
    if heard is not None and not inbound.opt_out:
        answer = answering.plan(runtime, heard, event)
    plans += [answer] if answer is not None else []
    made = [opening.open_run(conn, runtime, plan, event, event_id) for plan in plans]
    return _Taken([*woken, *(one.run_id for one in made)], made, woken)


def wanted(
    runtime: Runtime, data: Mapping[str, Any], *, taken: bool = False
) -> list[tuple[Workflow, int]]:
    """The triggers that listen for a text (an inbound event's data); where a waiting run has `taken` it, those that hear replies too."""
    return [
        (workflow, workflow.triggers.index(use))
        for workflow, use in runtime.workflows.triggers("inbound")
        if use.with_.get("connection") in (None, data["connection"])
        and (not taken or use.with_.get("also_replies"))
        and _spoken(use, str(data["language"]))
        and _says(use, str(data["text"]))
    ]


def _spoken(use: TriggerUse, spoken: str) -> bool:
    asked = use.with_.get("language")
    listed = asked if isinstance(asked, list | tuple) else [asked]
    return not asked or spoken in {str(one).lower() for one in listed}


def _says(use: TriggerUse, text: str) -> bool:
    if not use.with_.get("keywords"):
        return True
    try:
        return keywords.said_to(use.with_, text) is not None
    except Failure as failure:
        log.error("A trigger cannot listen: %s", failure)
        return False


def _message(runtime: Runtime, connection: str, inbound: Inbound, now: int) -> Message:
    country = str(runtime.settings.project.get("country") or "")
    return Message(
        id=new_id("msg"),
        direction="in",
        connection=connection,
        gateway_id=inbound.message_id,
        text=inbound.text,
        status="received",
        terminal=True,
        created_at=now,
        updated_at=now,
        number_from=as_told(inbound.number_from, country),
        number_to=inbound.number_to,
        status_at=inbound.at_ms or now,
        media=media.to_fetch(inbound),
    )


def _data(message: Message, inbound: Inbound, now: int) -> dict[str, Any]:
    moment = from_ms(message.status_at or now).isoformat().replace("+00:00", "Z")
    data: dict[str, Any] = {
        "from": message.number_from,
        "to": message.number_to,
        "text": message.text,
        "connection": message.connection,
        "received_at": moment,
        "message_id": message.id,
        "keyword": None,
        "media": [],
    }
    if inbound.media:
        data[media.PENDING] = len(inbound.media)
    return data
