"""What people text in: kept once, given to the run that waits for it, else to the workflows that listen."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from ringback.clock import from_ms
from ringback.connectors.callbacks import Inbound
from ringback.engine import answering, opening, replies
from ringback.engine.runtime import Runtime
from ringback.ids import new_id
from ringback.journal import events, messages, runs
from ringback.journal.messages import Message
from ringback.problems import Failure
from ringback.sms import keywords, optout
from ringback.sms.gate import as_told
from ringback.workflow.model import TriggerUse, Workflow

log = logging.getLogger(__name__)


def accept_inbound(runtime: Runtime, connection: str, inbound: Inbound, raw: Any) -> list[str]:
    """Keep a message that came in; the ids of the runs that it opened or woke. A copy does neither.

    A reply that a run waits for opens no other run, unless the trigger says `also_replies`. STOP, START and
    HELP are acted upon first; then only those workflows run that listen for such words.
    """
    now = runtime.clock.now_ms()
    source = f"callback:{connection}"
    message = _message(runtime, connection, inbound, now)
    data = _data(message, now)
    event = opening.Event("inbound", source, inbound.key, data)

    def write(conn: Connection) -> tuple[list[str], list[opening.Opened], list[str]]:
        added = events.add_event(
            conn,
            id=new_id("evt"),
            source=source,
            key=inbound.key,
            workflow=None,
            kind="inbound",
            data={**data, "raw": raw},
            received_at=now,
        )
        if added.duplicate:
            return [run.id for run in runs.of_event(conn, added.id)], [], []
        wait = replies.taker(conn, message)
        woken = []
        heard = optout.hear(
            conn,
            message.number_from or "",
            message.text,
            connection,
            now,
            gateway_said=inbound.opt_out,
            awaited=wait is not None,
        )
        told = message if heard is None else message._replace(detail=heard.said)
        if wait is None:
            messages.add_message(conn, told)
        else:
            mine = told._replace(run_id=wait.run_id, step_path=wait.path)
            messages.add_message(conn, mine)
            if replies.take(conn, wait, mine, now):
                woken.append(wait.run_id)
        listening = wanted(runtime, connection, inbound.text, taken=wait is not None)
        if heard is not None:
            listening = [one for one in listening if one[0].triggers[one[1]].with_.get("keywords")]
        plans = [opening.plan(runtime, workflow, index, event) for workflow, index in listening]
        answer = None
        if heard is not None and not inbound.opt_out:
            answer = answering.plan(runtime, heard, event)
        plans += [answer] if answer is not None else []
        made = [opening.open_run(conn, runtime, plan, event, added.id) for plan in plans]
        return [*woken, *(one.run_id for one in made)], made, woken

    run_ids, made, woken = runtime.journal.write(write)
    opening.woken(runtime, woken)
    for one in made:
        opening.opened(runtime, one)
    return run_ids


def wanted(
    runtime: Runtime, connection: str, text: str, *, taken: bool = False
) -> list[tuple[Workflow, int]]:
    """The triggers that listen for this text; where a waiting run has `taken` it, those that hear replies too."""
    return [
        (workflow, workflow.triggers.index(use))
        for workflow, use in runtime.workflows.triggers("inbound")
        if use.with_.get("connection") in (None, connection)
        and (not taken or use.with_.get("also_replies"))
        and _says(use, text)
    ]


def _says(use: TriggerUse, text: str) -> bool:
    asked = use.with_.get("keywords")
    if not asked:
        return True
    try:
        return keywords.heard(text, asked, str(use.with_.get("match") or "starts")) is not None
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
    )


def _data(message: Message, now: int) -> dict[str, Any]:
    moment = from_ms(message.status_at or now).isoformat().replace("+00:00", "Z")
    return {
        "from": message.number_from,
        "to": message.number_to,
        "text": message.text,
        "connection": message.connection,
        "received_at": moment,
        "message_id": message.id,
    }
