"""Messages: the SMS that went out and came in."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from ringback.journal import jsontext
from ringback.journal.schema import messages
from ringback.journal.statements import Row, Statement


class Message(NamedTuple):
    """One SMS.

    `direction` is `out` or `in`; numbers are E.164 where they are numbers; `cost` is text as the gateway
    told it. `timeline` is the list of what became of it: `{"status", "at", ...}`, in the order heard.
    """

    id: str
    direction: str
    connection: str
    text: str
    status: str
    created_at: int
    updated_at: int
    gateway_id: str | None = None
    run_id: str | None = None
    step_path: str | None = None
    number_from: str | None = None
    number_to: str | None = None
    status_at: int | None = None
    terminal: bool = False
    segments: int | None = None
    encoding: str | None = None
    cost: str | None = None
    error_code: str | None = None
    detail: str | None = None
    refunded: bool = False
    timeline: tuple[dict[str, Any], ...] = ()


_COLUMNS = [messages.c[name] for name in Message._fields]
_CHANGING = (
    "connection", "gateway_id", "status", "status_at", "terminal", "segments", "encoding", "cost",
    "error_code", "detail", "refunded", "timeline", "updated_at",
)  # fmt: skip
_ADD = Statement(insert(messages).values({name: bindparam(name) for name in Message._fields}))
_UPDATE = Statement(
    update(messages)
    .where(messages.c.id == bindparam("message_id"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
_GET = Statement(select(*_COLUMNS).where(messages.c.id == bindparam("id")))
_BY_GATEWAY = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.connection == bindparam("connection"),
        messages.c.gateway_id == bindparam("gateway_id"),
    )
    .order_by(messages.c.id.desc())
)
_OF_RUN = Statement(
    select(*_COLUMNS).where(messages.c.run_id == bindparam("run")).order_by(messages.c.id)
)
_OF_STEP = Statement(
    select(*_COLUMNS)
    .where(messages.c.run_id == bindparam("run"), messages.c.step_path == bindparam("at"))
    .order_by(messages.c.id)
)
_TO = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.number_to == bindparam("number"),
        messages.c.direction == "out",
        messages.c.created_at >= bindparam("since"),
    )
    .order_by(messages.c.id.desc())
    .limit(bindparam("at_most"))
)


def add_message(conn: Connection, message: Message) -> None:
    """Keep a message."""
    _ADD.run(conn, _values(message))


def update_message(conn: Connection, message: Message) -> None:
    """Write what changes about a message: connection, gateway id, status and all that tells of it.

    Not guarded by a lease, because reports come when they come; the step written in the same `write` is.
    """
    values = _values(message)
    changes = {f"new_{name}": values[name] for name in _CHANGING}
    _UPDATE.run(conn, {"message_id": message.id, **changes})


def get_message(conn: Connection, message_id: str) -> Message | None:
    """One message by our id."""
    row = _GET.row(conn, {"id": message_id})
    return None if row is None else _message(row)


def by_gateway_id(conn: Connection, connection: str, gateway_id: str) -> Message | None:
    """The newest message that this connection's gateway knows by `gateway_id`."""
    row = _BY_GATEWAY.row(conn, {"connection": connection, "gateway_id": gateway_id})
    return None if row is None else _message(row)


def of_run(conn: Connection, run_id: str) -> list[Message]:
    """The messages of a run, oldest first."""
    return [_message(row) for row in _OF_RUN.rows(conn, {"run": run_id})]


def of_step(conn: Connection, run_id: str, path: str) -> list[Message]:
    """The messages of one step, oldest first (several after a failover or a retry)."""
    return [_message(row) for row in _OF_STEP.rows(conn, {"run": run_id, "at": path})]


def sent_to(conn: Connection, number: str, since: int, limit: int = 100) -> list[Message]:
    """What was sent to a number since then, newest first."""
    values = {"number": number, "since": since, "at_most": limit}
    return [_message(row) for row in _TO.rows(conn, values)]


def _values(message: Message) -> dict[str, Any]:
    values = message._asdict()
    values["terminal"] = int(message.terminal)
    values["refunded"] = int(message.refunded)
    values["timeline"] = jsontext.dump(message.timeline)
    return values


def _message(row: Row) -> Message:
    message = Message(*row)
    return message._replace(
        terminal=bool(message.terminal),
        refunded=bool(message.refunded),
        timeline=tuple(jsontext.load(row[-1])),
    )
