"""The tables of the journal.

Ids are text in order of time (`ringback.ids`), times are whole milliseconds since the epoch in UTC, and a
JSON column is text written by `jsontext.dump`. There are no foreign keys: each row is written by the one
function that knows what it hangs on, and retention deletes from the leaves up.

Tables whose rows are small and appended in the order of their key are kept WITHOUT ROWID, which saves
SQLite a second tree for each; the partial indexes hold only what is still to be done, so they stay small
however many finished runs there are.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()


def _partial(
    name: str, condition: str, *columns: Column[str] | Column[int], unique: bool = False
) -> Index:
    return Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=text(condition),
        postgresql_where=text(condition),
    )


definitions = Table(
    "definitions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("workflow", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("key", Text),
    Column("workflow", Text),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)
Index("events_received", events.c.received_at)
_partial("events_key", "key IS NOT NULL", events.c.source, events.c.key, unique=True)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("trigger", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("wake_at", BigInteger),
    Column("holder", Text),
    Column("fence", Integer, nullable=False),
    Column("concurrency_key", Text),
    Column("cancel", Integer, nullable=False),
    Column("parent_run", Text),
    Column("parent_step", Text),
    Column("error", Text),
    Column("result", Text),
    Column("attempts", Integer, nullable=False),
    Column("lapses", Integer, nullable=False, server_default="0"),
    Column("lapsed_after", Integer, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
Index("runs_event", runs.c.event_id)
Index("runs_workflow", runs.c.workflow, runs.c.id)
Index("runs_state", runs.c.state, runs.c.id)
_partial("runs_wake", "wake_at IS NOT NULL", runs.c.wake_at)
_partial("runs_holder", "holder IS NOT NULL", runs.c.holder)
_partial("runs_finished", "finished_at IS NOT NULL", runs.c.finished_at)
_partial("runs_parent", "parent_run IS NOT NULL", runs.c.parent_run)
_partial(
    "runs_concurrency",
    "concurrency_key IS NOT NULL AND finished_at IS NULL",
    runs.c.concurrency_key,
    runs.c.id,
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("id", Text),
    Column("uses", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("effect", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("input", Text),
    Column("output", Text),
    Column("error", Text),
    Column("wake_at", BigInteger),
    sqlite_with_rowid=False,
)

notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Text, nullable=False),
    Column("path", Text),
    Column("at", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("facts", Text, nullable=False),
)
Index("notes_run", notes.c.run_id)

waits = Table(
    "waits",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text),
    Column("until", BigInteger),
    sqlite_with_rowid=False,
)
Index("waits_key", waits.c.kind, waits.c.key)

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("direction", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("gateway_id", Text),
    Column("run_id", Text),
    Column("step_path", Text),
    Column("number_from", Text),
    Column("number_to", Text),
    Column("text", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_at", BigInteger),
    Column("terminal", Integer, nullable=False),
    Column("segments", Integer),
    Column("encoding", Text),
    Column("cost", Text),
    Column("error_code", Text),
    Column("detail", Text),
    Column("refunded", Integer, nullable=False),
    Column("timeline", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("media", Text, nullable=False, server_default="[]"),
    Column("currency", Text),
    Column("cost_source", Text),
    sqlite_with_rowid=False,
)
_partial("messages_run", "run_id IS NOT NULL", messages.c.run_id)
_partial("messages_loose", "run_id IS NULL", messages.c.created_at)
Index("messages_to", messages.c.number_to, messages.c.id)
_partial("messages_from", "direction = 'in'", messages.c.number_from, messages.c.id)
_partial("messages_sending", "status = 'sending'", messages.c.connection, messages.c.id)

reports = Table(
    "reports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("gateway_id", Text),
    Column("message_id", Text),
    Column("status", Text, nullable=False),
    Column("raw_status", Text),
    Column("number", Text),
    Column("at", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    Column("error_code", Text),
    Column("detail", Text),
    Column("refunded", Integer),
    Column("raw", Text, nullable=False),
    Column("code", Text),
    Column("cost", Text),
    Column("segments", Integer),
    Column("sequence", Integer),
    Column("part", Text),
    Column("currency", Text),
    sqlite_with_rowid=False,
)
_partial("reports_message", "message_id IS NOT NULL", reports.c.message_id)
_partial(
    "reports_orphan",
    "message_id IS NULL AND gateway_id IS NOT NULL",
    reports.c.connection,
    reports.c.gateway_id,
)
Index("reports_event", reports.c.event_id)

refused = Table(
    "refused",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("refused_connection", refused.c.connection, refused.c.id)

files = Table(
    "files",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

file_uses = Table(
    "file_uses",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sha256", Text, nullable=False),
    Column("event_id", Text),
    Column("run_id", Text),
    Column("name", Text, nullable=False),
)
Index("file_uses_sha256", file_uses.c.sha256)
Index("file_uses_event", file_uses.c.event_id)
_partial("file_uses_run", "run_id IS NOT NULL", file_uses.c.run_id)

holders = Table(
    "holders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Text, primary_key=True),
    Column("next_at", BigInteger),
    Column("last_at", BigInteger),
    Column("spec_hash", Text, nullable=False),
)

message_ids = Table(
    "message_ids",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("gateway_id", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("part", Integer),
    sqlite_with_rowid=False,
)
Index("message_ids_message", message_ids.c.message_id)

contacts = Table(
    "contacts",
    metadata,
    Column("number", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("invalid", Integer, nullable=False),
    Column("invalid_why", Text, nullable=False),
    Column("opted_out_at", BigInteger),
    Column("opted_out_source", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

places = Table(
    "places",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("places_at", places.c.connection, places.c.at)

counts = Table(
    "counts",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("used", Integer, nullable=False),
    sqlite_with_rowid=False,
)

pieces = Table(
    "pieces",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("number_from", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("total", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("said", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

leaders = Table(
    "leaders",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("beat", Integer, nullable=False),
    sqlite_with_rowid=False,
)

heard = Table(
    "heard",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("word", Text, primary_key=True),
    Column("last_at", BigInteger, nullable=False),
    Column("times", Integer),
    sqlite_with_rowid=False,
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("enabled", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("last_login_at", BigInteger),
    sqlite_with_rowid=False,
)
Index("accounts_name", accounts.c.name, unique=True)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("sessions_account", sessions.c.account)
Index("sessions_until", sessions.c.until)

tokens = Table(
    "tokens",
    metadata,
    Column("name", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("account", Text),
    sqlite_with_rowid=False,
)
Index("tokens_hash", tokens.c.hash, unique=True)

tries = Table(
    "tries",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("tries_last", tries.c.last_at)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("audit_who", audit.c.who, audit.c.seq)
Index("audit_action", audit.c.action, audit.c.seq)

sealed = Table(
    "sealed",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("set_at", BigInteger, nullable=False),
    Column("set_by", Text, nullable=False),
    sqlite_with_rowid=False,
)
