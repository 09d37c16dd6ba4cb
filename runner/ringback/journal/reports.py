"""Reports: what gateways said about messages, each as it came."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from ringback.journal import jsontext
from ringback.journal.schema import reports
from ringback.journal.statements import Row, Statement


class Report(NamedTuple):
    """One delivery callback about one message; `message_id` is None while no message of ours matches.

    `refunded` is None where the gateway said nothing of it. `raw` is the callback itself. `code` is the
    `Failure` code that the gateway's own `error_code` means. `sequence` is the gateway's count of its
    reports. `part` is set, to what tells this report from others, where it speaks of one part only.
    """

    id: str
    event_id: str
    connection: str
    status: str
    received_at: int
    gateway_id: str | None = None
    message_id: str | None = None
    raw_status: str | None = None
    number: str | None = None
    at: int | None = None
    error_code: str | None = None
    detail: str | None = None
    refunded: bool | None = None
    raw: Any = None
    code: str | None = None
    cost: str | None = None
    segments: int | None = None
    sequence: int | None = None
    part: str | None = None
    currency: str | None = None


_COLUMNS = [reports.c[name] for name in Report._fields]
_ADD = Statement(insert(reports).values({name: bindparam(name) for name in Report._fields}))
_OF_MESSAGE = Statement(
    select(*_COLUMNS).where(reports.c.message_id == bindparam("message")).order_by(reports.c.id)
)
_ORPHANS = Statement(
    select(*_COLUMNS)
    .where(
        reports.c.message_id.is_(None),
        reports.c.gateway_id.is_not(None),
        reports.c.connection == bindparam("connection"),
        reports.c.gateway_id == bindparam("gateway_id"),
    )
    .order_by(reports.c.id)
)
_ORPHANS_TO = Statement(
    select(*_COLUMNS)
    .where(
        reports.c.message_id.is_(None),
        reports.c.gateway_id.is_not(None),
        reports.c.connection == bindparam("connection"),
        reports.c.number == bindparam("number"),
        reports.c.received_at >= bindparam("since"),
    )
    .order_by(reports.c.id)
)
_ATTACH = Statement(
    update(reports)
    .where(reports.c.id == bindparam("report"), reports.c.message_id.is_(None))
    .values(message_id=bindparam("message"))
)


def add_report(conn: Connection, report: Report) -> None:
    """Keep a report."""
    values = report._asdict()
    values["refunded"] = None if report.refunded is None else int(report.refunded)
    values["raw"] = jsontext.dump(report.raw)
    _ADD.run(conn, values)


def of_message(conn: Connection, message_id: str) -> list[Report]:
    """The reports of a message in the order in which they came."""
    return [_report(row) for row in _OF_MESSAGE.rows(conn, {"message": message_id})]


def orphans(conn: Connection, connection: str, gateway_id: str) -> list[Report]:
    """Reports that came before we knew this gateway id, oldest first."""
    values = {"connection": connection, "gateway_id": gateway_id}
    return [_report(row) for row in _ORPHANS.rows(conn, values)]


def orphans_to(conn: Connection, connection: str, number: str, since: int) -> list[Report]:
    """Reports of messages that we do not know by id, about this number, received since then; oldest first."""
    values = {"connection": connection, "number": number, "since": since}
    return [_report(row) for row in _ORPHANS_TO.rows(conn, values)]


def attach(conn: Connection, report_id: str, message_id: str) -> None:
    """Say which message an orphan belongs to."""
    _ATTACH.run(conn, {"report": report_id, "message": message_id})


def _report(row: Row) -> Report:
    report = Report(*row)
    return report._replace(
        refunded=None if report.refunded is None else bool(report.refunded),
        raw=jsontext.load(report.raw),
    )
