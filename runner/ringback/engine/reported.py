"""What gateways report comes in: kept, folded into its message, and told once to whoever waits or listens.

A change of a message opens the runs that `sms.reported` wants, once; a report that changes nothing opens none. A report
that may have come before the gateway's answer to its send waits for that answer, and is told with it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ringback.connectors import invoke
from ringback.connectors.callbacks import Report
from ringback.engine import claims, effects, hearing, opening, tracing
from ringback.engine.context import Context, StepContext
from ringback.engine.runtime import Runtime
from ringback.engine.walk import NotKept, Walk
from ringback.ids import first_id, new_id
from ringback.journal import events, messages
from ringback.journal.afterwards import once_kept
from ringback.journal.messages import Message
from ringback.journal.reports import Report as Heard
from ringback.observe.here import working
from ringback.problems import Failure
from ringback.sms import optout, reports
from ringback.sms.gate import as_told
from ringback.sms.statuses import reached
from ringback.workflow.model import TriggerUse, Workflow

log = logging.getLogger(__name__)

STATUS = "sms.status"


def accept_report(
    runtime: Runtime, connection: str, report: Report, raw: Any, *, asked: bool = False
) -> str:
    """Keep a delivery report, fold it into its message, and let who waits for it go on. Returns the event's id.

    A copy changes nothing. `asked`: it is the answer to our question, so the gateway has not called.
    Raises `Failure("internal")` when it could not be kept.
    """
    now = runtime.clock.now_ms()
    country = str(runtime.settings.project.get("country") or "")

    about: list[str] = []

    def write(conn: Connection) -> tuple[str, list[str], list[opening.Opened]]:
        about.clear()
        added = events.add_event(
            conn,
            id=new_id("evt"),
            source=f"callback:{connection}",
            key=report.key,
            workflow=None,
            kind="report",
            data={"connection": connection, "raw": raw},
            received_at=now,
        )
        if added.duplicate:
            _heard(conn, runtime, connection, report, asked=asked, now=now)
            return added.id, [], []
        applied = reports.apply_report(conn, connection, report, added.id, country, now)
        if applied.message is not None and applied.message.run_id is not None:
            about.append(applied.message.run_id)
        number = applied.message.number_to if applied.message else as_told(report.number, country)
        optout.learn(conn, report.code, number, connection, report.detail or report.raw_status, now)
        made = tell(conn, runtime, applied.changes)
        if applied.message is None and not applied.early:
            data = _said(runtime, None, report.status, raw, connection, report.code)
            made += _open_each(conn, runtime, connection, applied.report.id, data)
            if not asked:
                hearing.hear(conn, runtime, connection, "unknown_message", now)
        _heard(conn, runtime, connection, report, asked=asked, now=now)
        return added.id, applied.woken, made

    began, arrived = time.perf_counter(), time.time_ns()
    event_id, woken, made = claims.keep(runtime, write)
    runtime.metrics.observe("callback_fold_seconds", time.perf_counter() - began, connection)
    tracing.callback(runtime, connection, "report", about, arrived)
    if report.at_ms is not None:
        runtime.metrics.observe(
            "callback_lag_seconds", max(0, now - report.at_ms) / 1000, connection
        )
    opening.woken(runtime, woken)
    for one in made:
        opening.opened(runtime, one)
    return event_id


def _heard(
    conn: Connection, runtime: Runtime, connection: str, report: Report, *, asked: bool, now: int
) -> None:
    if not asked:
        hearing.hear(conn, runtime, connection, "report", now)
    if report.status == "unknown" and report.raw_status:
        hearing.hear(conn, runtime, connection, "unknown_status", now, report.raw_status)


def tell(
    conn: Connection, runtime: Runtime, changes: Sequence[reports.Change], *, claim: bool = True
) -> list[opening.Opened]:
    """Open the runs that listen for these changes, each once.

    Without `claim` they are due in the journal, for a write after which nobody can call `opening.opened`.
    """
    made = []
    for message, report in changes:
        once_kept(conn, partial(_count, runtime, message, report))
        data = _said(runtime, message, message.status, report.raw, report.connection, report.code)
        made += _open_each(conn, runtime, report.connection, report.id, data, claim=claim)
    if made and not claim:
        once_kept(conn, partial(runtime.executor.notify, runtime.clock.now_ms()))
    return made


def _count(runtime: Runtime, message: Message, report: Heard) -> None:
    runtime.metrics.count("message_statuses", message.connection, message.status)
    if message.status == report.status == "delivered":
        took = max(0, report.received_at - message.created_at) / 1000
        runtime.metrics.observe("delivery_seconds", took, message.connection)


def silence(conn: Connection, runtime: Runtime, message_id: str, now: int) -> Message:
    """A deadline has passed in silence: the message is `unknown`, and who listens for that is told."""
    message, changed = reports.silence(conn, message_id, now)
    if changed:
        once_kept(conn, partial(runtime.metrics.count, "silent_messages", message.connection))
        data = _said(runtime, message, message.status, {}, message.connection)
        key = f"{message.id}:silence"
        if _open_each(conn, runtime, message.connection, key, data, claim=False):
            once_kept(conn, partial(runtime.executor.notify, now))
    return message


def ask(walk: Walk, path: str, message_id: str, goal: str) -> None:
    """Ask the gateway about a message that has not come as far as `goal`, and take its answer as its report.

    Nothing happens where it cannot be asked; where it does not answer, the run's story says so.
    Raises `NotKept` when its answer could not be kept.
    """
    runtime = walk.runtime
    message, ids = walk.look(
        lambda conn: (messages.get_message(conn, message_id), messages.ids_of(conn, message_id))
    )
    if message is None or reached(message.status, goal) or not ids:
        return
    walk.before_slow_work()
    context = StepContext(walk, path, {})
    for gateway_id in ids:
        try:
            answer = asked(runtime, message, gateway_id, context)
        except Failure as failure:
            said = f"{message.connection} was asked what became of the message. {failure.message}"
            walk.note(path, said, {"code": failure.code})
            return
        if answer is None:
            return
        word = answer.raw_status or "nothing"
        said = f"{message.connection} was asked what became of the message. It said: {word}."
        walk.note(path, said, {"status": answer.status})
        try:
            accept_report(
                runtime, message.connection, answer, runtime.masks.value(answer.raw), asked=True
            )
        except Failure as failure:
            raise NotKept(str(failure)) from failure


def fall_silent(runtime: Runtime, since: int) -> int:
    """Messages of which `messages.silence` long no end was reported are asked about, and are then `unknown`.

    Looks at those sent from `since` on; returns from when to look the next time. Raises `Failure` when the
    journal could not be written.
    """
    if runtime.settings.messages.silence_ms == 0:
        return since
    before = runtime.clock.now_ms() - runtime.settings.messages.silence_ms
    mute: set[str] = set()
    for message_id in _unended(runtime, first_id("msg", since), first_id("msg", before)):
        if runtime.stopping:
            return since
        _ask_silent(runtime, message_id, mute)
        now = runtime.clock.now_ms()
        runtime.journal.write(partial(silence, runtime=runtime, message_id=message_id, now=now))
    return before


def _unended(runtime: Runtime, first: str, before: str) -> Iterator[str]:
    while True:
        with runtime.journal.read() as conn:
            found = messages.unended(conn, first, before)
        yield from found
        if not found:
            return
        first = f"{found[-1]}0"


def _ask_silent(runtime: Runtime, message_id: str, mute: set[str]) -> None:
    """Ask about one message; a connection whose gateway does not answer is added to `mute` and left alone."""
    with runtime.journal.read() as conn:
        message = messages.get_message(conn, message_id)
        ids = messages.ids_of(conn, message_id)
    if message is None or message.connection in mute:
        return
    for gateway_id in ids:
        try:
            answer = asked(runtime, message, gateway_id)
        except Failure as failure:
            log.warning("%s was asked about %s: %s", message.connection, message_id, failure)
            if failure.code in ("unreachable", "no_answer", "throttled", "unauthorized"):
                mute.add(message.connection)
            return
        if answer is None:
            return
        accept_report(
            runtime, message.connection, answer, runtime.masks.value(answer.raw), asked=True
        )


def asked(
    runtime: Runtime, message: Message, gateway_id: str | None, context: Context | None = None
) -> Report | None:
    """What a gateway says of a message when asked; None where it cannot be. Raises `Failure`."""
    _, manifest, settings = runtime.connection(message.connection)
    if manifest.implementing(STATUS) is None:
        return None
    context = context or Context(runtime, settings)
    context.settings = settings
    about = {"id": message.id, "to": message.number_to, "gateway_id": gateway_id}
    with working(connection=message.connection):
        return effects.careful(
            lambda: invoke.ask_status(
                manifest, settings, about, runtime.transport, context=context
            ),
            None,
            STATUS,
        )


def _said(
    runtime: Runtime,
    message: Message | None,
    status: str,
    raw: Any,
    connection: str,
    code: str | None = None,
) -> dict[str, Any]:
    """What `sms.reported` gives to a run."""
    return {
        "message": reports.as_output(message) if message is not None else {},
        "status": status,
        "code": code,
        "detail": message.detail if message is not None else None,
        "raw": runtime.masks.value(raw),
        "connection": connection,
    }


def _open_each(
    conn: Connection,
    runtime: Runtime,
    connection: str,
    key: str,
    data: Mapping[str, Any],
    *,
    claim: bool = True,
) -> list[opening.Opened]:
    """Open the runs of one change that several workflows listen for; `key` tells it from others."""
    made = []
    for workflow, index in _wanted(runtime, connection, str(data["status"])):
        source = f"callback:{connection}:{workflow.id}:{index}"
        event = opening.Event("report", source, key, data)
        plan = opening.plan(runtime, workflow, index, event)
        made.append(opening.open_event(conn, runtime, plan, event, claim=claim))
    return made


def _wanted(runtime: Runtime, connection: str, status: str) -> list[tuple[Workflow, int]]:
    """The triggers that listen for this connection and status."""
    return [
        (workflow, workflow.triggers.index(use))
        for workflow, use in runtime.workflows.triggers("report")
        if use.with_.get("connection") in (None, connection) and _fits(use, status)
    ]


def _fits(use: TriggerUse, status: str) -> bool:
    wanted = use.with_.get("status")
    if wanted is None:
        return True
    listed = wanted if isinstance(wanted, list | tuple) else [wanted]
    return not listed or status in map(str, listed)
