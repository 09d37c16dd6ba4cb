"""What gateways say of a message, folded into one status that only moves forward.

Reports come early, late, twice, out of order, and per part. Each is kept; the message's status goes to the
furthest one heard, and a terminal status stays, whatever is said after it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from ringback.clock import from_ms
from ringback.connectors.callbacks import Report
from ringback.ids import new_id
from ringback.journal import messages, reports, runs, steps, waits
from ringback.journal.messages import Message
from ringback.sms.gate import e164
from ringback.sms.statuses import RANK, TERMINAL, reached

MATCH_BY_NUMBER_MS = 7 * 86_400_000
"""How far back a report without a known id is matched to a message by its number."""


class Heard(NamedTuple):
    """One thing heard of a message; `at` is when it was so, by the gateway's clock where it told."""

    status: str
    at: int
    raw_status: str | None = None
    error_code: str | None = None
    detail: str | None = None
    refunded: bool = False


class Applied(NamedTuple):
    """What became of a report: the message after it (None when it is about none of ours) and the runs to wake."""

    report_id: str
    message: Message | None
    woken: list[str]


def fold(message: Message, heard: Heard, now: int) -> Message:
    """The message after one more thing was heard.

    `unknown` from a gateway is kept and moves nothing. Among reports of the status that the message ends
    with, the earliest time counts; so the outcome does not depend on the order of reports, unless two
    terminal statuses contradict each other: then the first heard stays, and the other is marked.
    """
    entry = {"at": heard.at, "heard_at": now, "status": heard.status}
    entry |= {
        name: value
        for name in ("raw_status", "error_code", "detail", "refunded")
        if (value := getattr(heard, name))
    }
    moved = (
        not message.terminal
        and heard.status != "unknown"
        and RANK.get(heard.status, -1) > RANK.get(message.status, -1)
    )
    if moved:
        message = message._replace(
            status=heard.status,
            status_at=heard.at,
            terminal=heard.status in TERMINAL,
            error_code=heard.error_code,
            detail=heard.detail,
        )
    elif heard.status == message.status and heard.status != "unknown":
        message = message._replace(
            status_at=min(heard.at, message.status_at or heard.at),
            error_code=message.error_code or heard.error_code,
            detail=message.detail or heard.detail,
        )
    elif message.terminal and heard.status in TERMINAL:
        entry["contradicts"] = message.status
    return message._replace(
        refunded=message.refunded or heard.refunded,
        timeline=(*message.timeline, entry),
        updated_at=now,
    )


def as_output(message: Message) -> dict[str, Any]:
    """The message as workflows see it: the output of a send."""
    return {
        "id": message.id,
        "to": message.number_to,
        "text": message.text,
        "status": message.status,
        "connection": message.connection,
        "gateway_id": message.gateway_id,
        "segments": message.segments,
        "encoding": message.encoding,
        "sent_at": _said(message.status_at),
        "cost": message.cost,
    }


def delivery_output(message: Message, *, timed_out: bool) -> dict[str, Any]:
    """What a wait for delivery gives; silence past its end is `unknown`."""
    return {
        "status": "unknown" if timed_out and not message.terminal else message.status,
        "delivered": message.status == "delivered",
        "timed_out": timed_out,
        "detail": message.detail,
        "error_code": message.error_code,
        "at": _said(message.status_at),
    }


def _said(moment: int | None) -> str | None:
    return None if moment is None else from_ms(moment).isoformat().replace("+00:00", "Z")


def apply_report(
    conn: Connection, connection: str, report: Report, event_id: str, country: str, now: int
) -> Applied:
    """Keep a report and fold it into its message, if that is known yet; an early one is matched by `took`."""
    number = _normal(report.number, country)
    message = _find(conn, connection, report, number, now)
    kept = reports.Report(
        id=new_id("rep"),
        event_id=event_id,
        connection=connection,
        status=report.status,
        received_at=now,
        gateway_id=report.gateway_id,
        message_id=message.id if message else None,
        raw_status=report.raw_status,
        number=number,
        at=report.at_ms,
        error_code=report.error_code,
        detail=report.detail,
        refunded=report.refunded,
        raw=report.raw,
    )
    reports.add_report(conn, kept)
    if message is None:
        return Applied(kept.id, None, [])
    if message.gateway_id is None and report.gateway_id is not None:
        message = _adopt(conn, message._replace(gateway_id=report.gateway_id), now)
    message = fold(message, _heard(kept), now)
    messages.update_message(conn, message)
    return Applied(kept.id, message, [*settle(conn, message, now), *_wake(conn, message, now)])


def took(
    conn: Connection,
    message_id: str,
    heard: Heard,
    now: int,
    *,
    gateway_id: str | None,
    cost: str | None = None,
    segments: int | None = None,
) -> Message:
    """The gateway has answered a send: keep its id and fold in what it reported before it answered."""
    message = _known(conn, message_id)
    message = message._replace(
        gateway_id=gateway_id or message.gateway_id,
        cost=cost if cost is not None else message.cost,
        segments=segments or message.segments,
    )
    message = fold(message, heard, now)
    if gateway_id is not None:
        message = _adopt(conn, message, now)
    messages.update_message(conn, message)
    return message


def _adopt(conn: Connection, message: Message, now: int) -> Message:
    """Fold in the reports that came before we knew by which id the gateway knows this message."""
    messages.add_id(conn, message.connection, message.gateway_id or "", message.id)
    for early in reports.orphans(conn, message.connection, message.gateway_id or ""):
        reports.attach(conn, early.id, message.id)
        message = fold(message, _heard(early), now)
    return message


def in_doubt(conn: Connection, message_id: str, now: int) -> Message | None:
    """A send may or may not have happened: the message, where a report shows that it did, else None.

    A report by number alone shows it only where no other message to that number is without an answer.
    """
    message = _known(conn, message_id)
    if message.gateway_id is not None:
        return message
    if len(_unanswered(conn, message.connection, message.number_to or "", now)) > 1:
        return None
    found = reports.orphans_to(
        conn, message.connection, message.number_to or "", message.created_at
    )
    ids = {report.gateway_id for report in found}
    if len(ids) != 1:
        return None
    message = _adopt(conn, message._replace(gateway_id=ids.pop()), now)
    messages.update_message(conn, message)
    return message


def silence(conn: Connection, message_id: str, now: int) -> Message:
    """A wait for news has ended without any: the message is `unknown` until it is heard of after all."""
    message = _known(conn, message_id)
    if message.terminal or message.status == "unknown":
        return message
    entry = {"at": now, "heard_at": now, "status": "unknown", "detail": "no report in time"}
    message = message._replace(
        status="unknown", status_at=now, timeline=(*message.timeline, entry), updated_at=now
    )
    messages.update_message(conn, message)
    return message


def _known(conn: Connection, message_id: str) -> Message:
    message = messages.get_message(conn, message_id)
    if message is None:
        raise LookupError(f"the message {message_id} is not in the journal")
    return message


def _heard(report: reports.Report) -> Heard:
    return Heard(
        report.status,
        report.at if report.at is not None else report.received_at,
        report.raw_status,
        report.error_code,
        report.detail,
        bool(report.refunded),
    )


def _normal(number: str | None, country: str) -> str | None:
    """A gateway's way of writing a number, in E.164: with or without plus, or as dialled at home."""
    if not number:
        return None
    if not number.startswith(("+", "0")):
        return e164(f"+{number}", country) or e164(number, country) or number
    return e164(number, country) or number


def _find(
    conn: Connection, connection: str, report: Report, number: str | None, now: int
) -> Message | None:
    if report.gateway_id is not None:
        found = messages.by_gateway_id(conn, connection, report.gateway_id)
        if found is not None:
            return found
    if report.reference and report.reference.startswith("msg_"):
        found = messages.get_message(conn, report.reference)
        known = found is not None and found.connection == connection
        if found is not None and known and None in (found.gateway_id, report.gateway_id):
            return found
    unanswered = _unanswered(conn, connection, number, now) if number is not None else []
    if len(unanswered) != 1:
        return None
    found = unanswered[0]
    return found if found.status != "sending" or _is_uncertain(conn, found) else None


def _unanswered(conn: Connection, connection: str, number: str, now: int) -> list[Message]:
    """The messages to a number of which we do not know by what id the gateway knows them."""
    return [
        message
        for message in messages.sent_to(conn, number, now - MATCH_BY_NUMBER_MS)
        if message.connection == connection and message.gateway_id is None and not message.terminal
    ]


def _is_uncertain(conn: Connection, message: Message) -> bool:
    if message.run_id is None or message.step_path is None:
        return False
    step = steps.get_step(conn, message.run_id, message.step_path)
    return step is not None and step.state == "uncertain"


def settle(conn: Connection, message: Message, now: int) -> list[str]:
    """An uncertain send did happen: its step has succeeded and its run goes on. The runs to wake."""
    if message.run_id is None or message.step_path is None or not _is_uncertain(conn, message):
        return []
    steps.settle_sent(conn, message.run_id, message.step_path, as_output(message), now)
    waits.drop_wait(conn, message.run_id, message.step_path)
    return [message.run_id] if runs.wake(conn, message.run_id, now) else []


def wait_key(message_id: str, goal: str) -> str:
    """The key of a wait for a message: for its end, or for its having come as far as `goal` (`sent`)."""
    return message_id if goal == "delivered" else f"{message_id}:{goal}"


def _wake(conn: Connection, message: Message, now: int) -> list[str]:
    goals = [goal for goal in ("sent", "delivered") if reached(message.status, goal)]
    return [
        wait.run_id
        for goal in goals
        for wait in waits.find_waits(conn, "delivery", wait_key(message.id, goal))
        if runs.wake(conn, wait.run_id, now)
    ]
