"""Messages: the SMS that went out and came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, literal_column, select, update

from ringback.journal import jsontext
from ringback.journal.schema import message_ids, messages
from ringback.journal.statements import Row, Statement


class Message(NamedTuple):
    """One SMS.

    `direction` is `out` or `in`; numbers are E.164 where they are numbers; `cost` is a
    decimal number as text, in `currency` where that is known; `cost_source` says whose word it is: `prices` (an
    estimate by the connection's prices) or `gateway`. `gateway_id` is the first of the ids by which its gateway knows it (`ids_of` has them all).
    `timeline` is the list of what became of it: `{"status", "at", ...}`, in the order heard. `media` are the
    files that came with it: `{"file"}` where it is kept, `{"url"}` or `{"data"}` where it is still to be, `{"error"}`.
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
    media: tuple[dict[str, Any], ...] = ()
    currency: str | None = None
    cost_source: str | None = None


_COLUMNS = [messages.c[name] for name in Message._fields]
_CHANGING = (
    "connection", "gateway_id", "status", "status_at", "terminal", "segments", "encoding", "cost",
    "currency", "cost_source", "error_code", "detail", "refunded", "timeline", "updated_at",
)  # fmt: skip
_ADD = Statement(insert(messages).values({name: bindparam(name) for name in Message._fields}))
_UPDATE = Statement(
    update(messages)
    .where(messages.c.id == bindparam("message_id"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
_MOVE = Statement(
    update(messages)
    .where(messages.c.id == bindparam("message_id"))
    .values(connection=bindparam("to"), updated_at=bindparam("now"))
)
_MEDIA = Statement(
    update(messages)
    .where(messages.c.id == bindparam("message_id"))
    .values(media=bindparam("files"))
)
_GET = Statement(select(*_COLUMNS).where(messages.c.id == bindparam("id")))
_BY_GATEWAY = Statement(
    select(*_COLUMNS)
    .join(message_ids, message_ids.c.message_id == messages.c.id)
    .where(
        message_ids.c.connection == bindparam("connection"),
        message_ids.c.gateway_id == bindparam("gateway_id"),
    )
    .order_by(message_ids.c.message_id.desc())
    .limit(1)
)
_ADD_ID = Statement(
    insert(message_ids).values({column.name: bindparam(column.name) for column in message_ids.c}),
    " ON CONFLICT (connection, gateway_id, message_id) DO UPDATE SET"
    " part = coalesce(excluded.part, message_ids.part)",
)
_IDS_OF = Statement(
    select(message_ids.c.gateway_id, message_ids.c.part)
    .where(message_ids.c.message_id == bindparam("message"))
    .order_by(message_ids.c.part, message_ids.c.gateway_id)
)
_OPEN = Statement(
    select(messages.c.id)
    .where(
        messages.c.id >= bindparam("first"),
        messages.c.id < bindparam("before"),
        messages.c.direction == "out",
        messages.c.terminal == 0,
        messages.c.status != "sending",
        messages.c.status != "unknown",
    )
    .order_by(messages.c.id)
    .limit(bindparam("at_most"))
)
_SENDING = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.connection == bindparam("connection"),
        messages.c.status == "sending",
    )
    .order_by(messages.c.id.desc())
    .limit(bindparam("at_most"))
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
_NEWEST_TO = Statement(
    select(*_COLUMNS)
    .where(messages.c.number_to == bindparam("number"), messages.c.direction == "out")
    .order_by(messages.c.id.desc())
    .limit(bindparam("at_most"))
)
_FROM = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.number_from == bindparam("number"),
        messages.c.direction == "in",
        messages.c.created_at >= bindparam("since"),
    )
    .order_by(messages.c.id)
    .limit(bindparam("at_most"))
)
_TAKE = Statement(
    update(messages)
    .where(messages.c.id == bindparam("message_id"), messages.c.run_id.is_(None))
    .values(run_id=bindparam("by_run"), step_path=bindparam("by_step"))
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


def move(conn: Connection, message_id: str, connection: str, now: int) -> None:
    """A message goes through another connection, or once more; what was heard of it meanwhile stays."""
    _MOVE.run(conn, {"message_id": message_id, "to": connection, "now": now})


def set_media(conn: Connection, message_id: str, media: Sequence[Mapping[str, Any]]) -> None:
    """How far the files that came with a message have been fetched."""
    _MEDIA.run(conn, {"message_id": message_id, "files": jsontext.dump(media)})


def shown(message: Message) -> dict[str, Any]:
    """A message for people and for the API."""
    return {
        **message._asdict(),
        "timeline": list(message.timeline),
        "media": shown_media(message.media),
    }


def shown_media(media: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The files of a message for people: no content, and no address, which may be as good as a key."""
    return [
        {key: value for key, value in one.items() if key in ("file", "error", "content_type")}
        for one in media
    ]


def get_message(conn: Connection, message_id: str) -> Message | None:
    """One message by our id."""
    row = _GET.row(conn, {"id": message_id})
    return None if row is None else _message(row)


def by_gateway_id(conn: Connection, connection: str, gateway_id: str) -> Message | None:
    """The newest message that this connection's gateway knows by `gateway_id`."""
    row = _BY_GATEWAY.row(conn, {"connection": connection, "gateway_id": gateway_id})
    return None if row is None else _message(row)


def add_id(
    conn: Connection, connection: str, gateway_id: str, message_id: str, part: int | None = None
) -> None:
    """One more id by which a connection's gateway knows a message: of the whole, or of a part (from 1)."""
    _ADD_ID.run(
        conn,
        {
            "connection": connection,
            "gateway_id": gateway_id,
            "message_id": message_id,
            "part": part,
        },
    )


def ids_of(conn: Connection, message_id: str) -> dict[str, int | None]:
    """All ids by which gateways know a message, with the part that each is of (None: the whole)."""
    return {row[0]: row[1] for row in _IDS_OF.rows(conn, {"message": message_id})}


def sending(conn: Connection, connection: str, limit: int = 1000) -> list[Message]:
    """The messages to which this connection's gateway has not answered yet, newest first."""
    values = {"connection": connection, "at_most": limit}
    return [_message(row) for row in _SENDING.rows(conn, values)]


def unended(conn: Connection, first: str, before: str, limit: int = 1000) -> list[str]:
    """Ids of messages that a gateway took and of which no end is known, from the id `first` to `before`."""
    values = {"first": first, "before": before, "at_most": limit}
    return [row[0] for row in _OPEN.rows(conn, values)]


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


def newest_to(conn: Connection, number: str, limit: int = 20) -> list[Message]:
    """What was sent to a number last, newest first."""
    return [_message(row) for row in _NEWEST_TO.rows(conn, {"number": number, "at_most": limit})]


def received_from(conn: Connection, number: str, since: int, limit: int = 100) -> list[Message]:
    """What came in from a number since then and no run has taken yet, oldest first."""
    values = {"number": number, "since": since, "at_most": limit}
    found = [_message(row) for row in _FROM.rows(conn, values)]
    return [message for message in found if message.run_id is None]


def conversation(
    conn: Connection,
    number: str,
    connection: str | None = None,
    limit: int = 100,
    before: str | None = None,
) -> list[Message]:
    """The newest messages to and from a number, oldest first, perhaps of one connection or before a message."""
    said = []
    for way, whose in (("out", messages.c.number_to), ("in", messages.c.number_from)):
        # written out, since the index of what came in is one of `direction = 'in'` only
        direction = messages.c.direction == literal_column(f"'{way}'")
        wanted = select(*_COLUMNS).where(whose == number, direction)
        if connection is not None:
            wanted = wanted.where(messages.c.connection == connection)
        if before is not None:
            wanted = wanted.where(messages.c.id < before)
        newest = wanted.order_by(messages.c.id.desc()).limit(limit)
        said += [_message(tuple(row)) for row in conn.execute(newest)]
    return sorted(said, key=lambda one: one.id)[-limit:]


def take(conn: Connection, message_id: str, run_id: str, path: str) -> bool:
    """Give a message that came in to the step that waited for it; False when another has it."""
    values = {"message_id": message_id, "by_run": run_id, "by_step": path}
    return bool(_TAKE.run(conn, values))


def _values(message: Message) -> dict[str, Any]:
    values = message._asdict()
    values["terminal"] = int(message.terminal)
    values["refunded"] = int(message.refunded)
    values["timeline"] = jsontext.dump(message.timeline)
    values["media"] = jsontext.dump(message.media)
    return values


def _message(row: Row) -> Message:
    message = Message(*row)
    return message._replace(
        terminal=bool(message.terminal),
        refunded=bool(message.refunded),
        timeline=tuple(jsontext.load(str(message.timeline))),
        media=tuple(jsontext.load(str(message.media))),
    )
