"""How the work stands: who does it, what is late, what waits for a person, what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from ringback.doctor.finding import Finding, bad, good, warn
from ringback.doctor.patient import Patient
from ringback.journal import heard as heard_rows
from ringback.journal import holders, refused
from ringback.journal.journal import Journal
from ringback.journal.schema import events, reports
from ringback.journal.schema import holders as holder_rows
from ringback.journal.standing import Standing, standing
from ringback.journal.statements import Statement
from ringback.words import say_duration

DAY_MS = 86_400_000
LATE_MS = 60_000
_LOOKED_AT = 5_000

_HOLDERS = Statement(select(*(holder_rows.c[name] for name in holders.Holder._fields)))
_EVENTS = Statement(
    select(events.c.source, events.c.received_at)
    .where(events.c.received_at > bindparam("since"))
    .order_by(events.c.received_at.desc())
    .limit(_LOOKED_AT)
)
_REPORTS = Statement(
    select(reports.c.connection, reports.c.status, reports.c.raw_status, reports.c.received_at)
    .order_by(reports.c.id.desc())
    .limit(_LOOKED_AT)
)


class Seen(NamedTuple):
    """What the journal says at one moment; `heard`: when each connection's gateway last called, ms, `last` with what."""

    holders: list[holders.Holder]
    standing: Standing
    heard: dict[str, int]
    last: dict[str, heard_rows.LastHeard]
    unknown: Counter[tuple[str, str]]
    refused: list[refused.Refused]


def look(journal: Journal, now: int) -> Seen:
    """Read all of it at once."""
    return journal.look(lambda conn: _look(conn, now))


def _look(conn: Connection, now: int) -> Seen:
    heard: dict[str, int] = {}
    for source, at in _EVENTS.rows(conn, {"since": 0}):
        kind, _, rest = source.partition(":")
        if kind == "callback":
            heard.setdefault(rest.partition(":")[0], at)
    unknown: Counter[tuple[str, str]] = Counter()
    for connection, status, word, at in _REPORTS.rows(conn, {}):
        heard[connection] = max(at, heard.get(connection, 0))
        if status == "unknown" and at > now - DAY_MS:
            unknown[(connection, word or "")] += 1
    last = heard_rows.last_heard(conn)
    for connection, said in last.items():
        if said.verified_at is not None:
            heard[connection] = max(said.verified_at, heard.get(connection, 0))
    rows, _ = refused.page(conn, None, None, 500)
    return Seen(
        [holders.Holder(*row) for row in _HOLDERS.rows(conn, {})],
        standing(conn, now),
        heard,
        last,
        unknown,
        [row for row in rows if row.received_at > now - DAY_MS],
    )


def processes(patient: Patient, seen: Seen) -> Iterator[Finding]:
    """Who is alive, and who went without a word."""
    now = patient.clock.now_ms()
    gone = [one for one in seen.holders if one.until < now]
    alive = len(seen.holders) - len(gone)
    if alive:
        yield good("processes", f"{alive} alive.")
    else:
        yield warn("processes", "Ringback is not running.", "Start it with `ringback serve`; what waits goes on then.")  # fmt: skip
    for one in gone:
        ago = say_duration(max(1000, (now - one.until) // 1000 * 1000))
        yield warn("processes", f"One on {one.host} (process {one.pid}) ended without signing off {ago} ago.", "Its runs are taken over by the next process that lives. Its log says why it ended.")  # fmt: skip


def runs(seen: Seen) -> Iterator[Finding]:
    """What is late, and what a person must decide."""
    now = seen.standing
    if now.overdue_ms > LATE_MS:
        yield bad("runs", f"{now.due} are due and nobody works on them, one for {say_duration(now.overdue_ms // 1000 * 1000)}.", "Is Ringback running, and with enough workers (serve.workers)?")  # fmt: skip
    if now.runs["uncertain"]:
        yield warn("runs", f"Of {now.runs['uncertain']} nobody knows whether their text went.", "`ringback runs --state uncertain` lists them; `ringback runs settle` decides.")  # fmt: skip
    if now.overdue_ms <= LATE_MS and not now.runs["uncertain"]:
        yield good("runs", f"{sum(now.runs.values())} unfinished, none late, none in doubt.")


def refusals(seen: Seen) -> Iterator[Finding]:
    """Callbacks that were refused within a day, and what would have let them in."""
    by_connection: dict[str, list[refused.Refused]] = {}
    for row in seen.refused:
        by_connection.setdefault(row.connection, []).append(row)
    for connection, rows in by_connection.items():
        newest = rows[0]
        advice = newest.findings[0] if newest.findings else f"`ringback refused --connection {connection}` shows them."  # fmt: skip
        yield warn(f"callbacks of {connection}", f"{len(rows)} refused within a day. {newest.why}", advice)  # fmt: skip


def statuses(seen: Seen) -> Iterator[Finding]:
    """Words of gateways that their connectors do not know."""
    for (connection, word), count in seen.unknown.most_common(10):
        yield warn(f"callbacks of {connection}", f"{count} reports within a day said “{word}”, which the connector does not know.", "They count as unknown. Please report the word, so that the connector learns it.")  # fmt: skip
