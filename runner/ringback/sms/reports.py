"""What gateways say of messages: kept, matched to the message it is about, and folded into its status.

Reports come early, late, twice, out of order, and per part. Each is kept. One that is about none of ours may be
early: it is matched when the gateway's answer says by which ids it knows the message. What a status
is made of, and what holds of it, is in `folding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ringback.clock import from_ms
from ringback.connectors.callbacks import Report
from ringback.ids import new_id
from ringback.journal import locks, messages, reports, runs, steps, waits
from ringback.journal.messages import Message
from ringback.sms.folding import Heard, fold
from ringback.sms.gate import as_told
from ringback.sms.statuses import reached

__all__ = [
    "Applied", "Change", "Heard", "apply_report", "as_output", "delivery_output", "fold", "in_doubt", "settle",
    "silence", "took", "wait_key",
]  # fmt: skip

MATCH_BY_NUMBER_MS = 7 * 86_400_000
"""How far back a report without a known id is matched to a message by its number."""


class Change(NamedTuple):
    """A report that changed what is known of a message, and the message after it."""

    message: Message
    report: reports.Report


class Applied(NamedTuple):
    """What became of a report: the message after it (None when it is about none of ours, or not yet), what changed
    by it or by earlier ones that could be matched now, and the runs to wake.

    `early`: it may be about a message to which the gateway has not answered yet.
    """

    report: reports.Report
    message: Message | None
    changes: list[Change]
    woken: list[str]
    early: bool = False


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
        "currency": message.currency,
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
    number = as_told(report.number, country)
    message = _found(conn, connection, report, number, now)
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
        code=report.code,
        cost=report.cost,
        segments=report.segments,
        sequence=report.sequence,
        part=report.key if report.per_part else None,
        currency=report.currency,
    )
    reports.add_report(conn, kept)
    if message is None:
        return Applied(kept, None, [], [], early=_may_be_early(conn, kept))
    changes: list[Change] = []
    if report.gateway_id is not None and message.connection == connection:
        if message.gateway_id is None:
            message = message._replace(gateway_id=report.gateway_id)
        message = _adopt(conn, message, [(report.gateway_id, None)], changes, now)
    message = _folded(message, kept, changes, now)
    messages.update_message(conn, message)
    woken = [*settle(conn, message, now), *_wake(conn, message, now)]
    return Applied(kept, message, changes, woken)


def locks_of(message_id: str, connection: str, gateway_ids: Sequence[str]) -> list[locks.Lock]:
    """The locks under which `took` works."""
    return [*(locks.gateway(connection, one) for one in gateway_ids), locks.message(message_id)]


def took(
    conn: Connection,
    message_id: str,
    heard: Heard,
    now: int,
    *,
    gateway_ids: Sequence[str],
    segments: int | None = None,
) -> list[Change]:
    """The gateway has answered a send: keep its ids and fold in what it reported before it answered.

    Several ids are one for each part. Returns what those early reports changed.
    """
    ids = list(dict.fromkeys(gateway_ids))
    message = _known(conn, message_id)
    if locks.hold(conn, *locks_of(message_id, message.connection, ids)):
        message = _known(conn, message_id)
    message = message._replace(
        gateway_id=ids[0] if ids else message.gateway_id,
        segments=segments or message.segments,
    )
    several = len(ids) > 1
    if several:
        heard = heard._replace(ids=len(ids), segments=segments)
    message = fold(message, heard, now)
    changes: list[Change] = []
    named = [(one, number if several else None) for number, one in enumerate(ids, 1)]
    message = _adopt(conn, message, named, changes, now)
    messages.update_message(conn, message)
    return changes


def _adopt(
    conn: Connection,
    message: Message,
    ids: Sequence[tuple[str, int | None]],
    changes: list[Change],
    now: int,
) -> Message:
    """Fold in the reports that came before we knew by which ids the gateway knows this message."""
    locks.hold(conn, *(locks.gateway(message.connection, one) for one, _ in ids))
    for gateway_id, part in ids:
        messages.add_id(conn, message.connection, gateway_id, message.id, part)
        for early in reports.orphans(conn, message.connection, gateway_id):
            reports.attach(conn, early.id, message.id)
            message = _folded(message, early, changes, now)
    return message


def _folded(message: Message, kept: reports.Report, changes: list[Change], now: int) -> Message:
    """The message after one report, noted among `changes` where it changed what is known of it."""
    after = fold(message, _heard(kept), now)
    if (after.status, after.refunded) != (message.status, message.refunded):
        changes.append(Change(after, kept))
    return after


def _may_be_early(conn: Connection, kept: reports.Report) -> bool:
    """Whether a report that is about none of ours may be about one that the gateway has not answered to yet."""
    return any(
        kept.number is None or message.number_to in (None, kept.number)
        for message in messages.sending(conn, kept.connection)
    )


def in_doubt(conn: Connection, message_id: str, now: int) -> tuple[Message, list[Change]] | None:
    """A send may or may not have happened: the message and what changed of it, where a report shows that it did.

    A report by number alone shows it only where no other message to that number is without an answer.
    """
    number = _known(conn, message_id).number_to or ""
    connection = _known(conn, message_id).connection
    locks.hold(conn, locks.unmatched(connection, number), locks.message(message_id))
    message = _known(conn, message_id)
    if message.gateway_id is not None:
        return message, []
    if len(_unanswered(conn, message.connection, message.number_to or "", now)) > 1:
        return None
    found = reports.orphans_to(
        conn, message.connection, message.number_to or "", message.created_at
    )
    ids = {report.gateway_id for report in found if report.gateway_id is not None}
    if len(ids) != 1:
        return None
    changes: list[Change] = []
    named = ids.pop()
    message = _adopt(conn, message._replace(gateway_id=named), [(named, None)], changes, now)
    messages.update_message(conn, message)
    return message, changes


def silence(conn: Connection, message_id: str, now: int) -> tuple[Message, bool]:
    """A deadline has passed without news: the message is `unknown` until its end is heard of after all.

    Returns it, and whether that changed it.
    """
    locks.hold(conn, locks.message(message_id))
    message = _known(conn, message_id)
    if message.terminal or message.status == "unknown":
        return message, False
    heard = Heard("unknown", detail="no report in time", silence=True)
    message = fold(message, heard, now)
    messages.update_message(conn, message)
    return message, True


def _known(conn: Connection, message_id: str) -> Message:
    message = messages.get_message(conn, message_id)
    if message is None:
        raise LookupError(f"the message {message_id} is not in the journal")
    return message


def _heard(report: reports.Report) -> Heard:
    return Heard(
        report.status,
        report.at,
        report.raw_status or None,
        report.error_code,
        report.detail,
        bool(report.refunded),
        report.code,
        report.sequence,
        report.part,
        report.gateway_id,
        report.segments,
        cost=report.cost,
        currency=report.currency,
    )


def _found(
    conn: Connection, connection: str, report: Report, number: str | None, now: int
) -> Message | None:
    """The message that a report is about, held: looked for once more where it may have changed meanwhile."""
    held = [locks.gateway(connection, report.gateway_id)] if report.gateway_id is not None else []
    if number is not None:
        held.append(locks.unmatched(connection, number))
    locks.hold(conn, *held)
    found = _find(conn, connection, report, number, now)
    while found is not None and locks.hold(conn, locks.message(found.id)):
        found = _find(conn, connection, report, number, now)
    return found


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
        free = found is not None and None in (found.gateway_id, report.gateway_id)
        if known and (free or report.per_part):
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
