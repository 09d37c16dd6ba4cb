"""Everything that the journal has about one phone number, found by its indexes, or by looking at every row.

It begins with the messages to and from the number, and goes on to what hangs on them: their reports, runs, events and
files, the runs that those runs called or that started because of them. What never became a message (a run that failed
before it sent) is found only by `scan`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, select, tuple_

from ringback.journal.journal import Journal
from ringback.journal.personal import COLUMNS, NEVER
from ringback.journal.schema import (
    contacts,
    definitions,
    events,
    file_uses,
    message_ids,
    messages,
    metadata,
    pieces,
    refused,
    reports,
    runs,
    steps,
    waits,
)
from ringback.journal.spellings import Spellings

BATCH = 200
_PAGE = 1000
_TRIGGERS = 8
"""Triggers of one workflow that are asked for runs which a report started."""
_INTERNATIONAL = re.compile(r"\+[1-9]\d{7,14}(?!\d)")
_SPARED = frozenset({"refused", "pieces", "contacts", "definitions"})
"""Tables that `scan` leaves out: the indexes, or a look at a small table, find all that they hold."""

Key = tuple[Any, ...]
Progress = Callable[[str, int], None]
"""`(table, rows looked at in it)`."""


@dataclass(slots=True)
class Dossier:
    """What is known of a number: keys by table, and what has to be known of them to export or erase it.

    `whole` are the runs, events and messages that are about this person alone; of the others only what names the
    number is theirs. `above` are runs that only called such a run: they may have called others for other people. `unfinished` runs still go on. `open` messages are sent, and reports may still come about them.
    `defined` are workflow versions whose text names the number. `thorough`: every row was looked at.
    """

    spelled: Spellings
    above: set[str] = field(default_factory=set)
    rows: dict[str, set[Key]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    unfinished: list[str] = field(default_factory=list)
    open: int = 0
    defined: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    contact: bool = False
    thorough: bool = False

    def keys(self, table: str) -> set[Key]:
        """The primary keys of the rows of a table."""
        return self.rows.setdefault(table, set())

    def ids(self, table: str) -> list[str]:
        """The same where the key is one column, in order."""
        return sorted(key[0] for key in self.keys(table))

    @property
    def shared(self) -> list[str]:
        """The runs that concern others too."""
        return [run for run in self.ids("runs") if run not in self.whole]

    def counts(self) -> dict[str, int]:
        """How many rows of each table; only those that have any."""
        found = {name: len(keys) for name, keys in sorted(self.rows.items()) if keys}
        return found | ({"files": len(self.files)} if self.files else {})


def gather(
    journal: Journal,
    spelled: Spellings,
    ours: Collection[str] = (),
    *,
    thorough: bool = False,
    progress: Progress = lambda _table, _rows: None,
) -> Dossier:
    """What the journal has about a number. `ours` are numbers in E.164 that are the operator's own: a run that
    concerns but them and this one is about this person alone.
    """
    found = Dossier(spelled, thorough=thorough)
    with journal.read() as conn:
        _messages(conn, found)
        _small(conn, found)
    if thorough:
        scan(journal, found, progress)
    with journal.read() as conn:
        _hanging(conn, found)
        _judge(conn, found, set(ours))
        _details(conn, found)
    return found


def scan(journal: Journal, found: Dossier, progress: Progress) -> None:
    """Look at every row of every table, a page at a time."""
    for table in metadata.sorted_tables:
        names = [name for name, holds in COLUMNS[table.name].items() if holds not in NEVER]
        if not names or table.name in _SPARED:
            continue
        key, after, looked = list(table.primary_key), None, 0
        wanted = [*key, *(table.c[name] for name in names)]
        while True:
            page = select(*wanted).order_by(*key).limit(_PAGE)
            if after is not None:
                page = page.where(tuple_(*key) > tuple_(*after))
            with journal.read() as conn:
                rows = conn.execute(page).all()
            for row in rows:
                if any(found.spelled.in_text(cell) for cell in row[len(key) :]):
                    found.keys(table.name).add(tuple(row[: len(key)]))
            looked += len(rows)
            progress(table.name, looked)
            if len(rows) < _PAGE:
                break
            after = tuple(rows[-1][: len(key)])


def batches(keys: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """The keys in order, so many at a time."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _messages(conn: Connection, found: Dossier) -> None:
    spellings = found.spelled.exact
    came = and_(messages.c.number_from.in_(spellings), messages.c.direction == "in")
    for which in (messages.c.number_to.in_(spellings), came):
        _take(conn, found, messages, which)


def _small(conn: Connection, found: Dossier) -> None:
    """Tables that are small, or found by the number itself."""
    spelled = found.spelled
    known = select(contacts)
    if not found.thorough:
        known = known.where(contacts.c.number.in_(spelled.exact))
    for row in conn.execute(known):
        mine = spelled.in_text(row.number)
        found.contact |= mine
        if mine or any(map(spelled.in_text, (row.name, row.tags, row.attributes, row.opted_out_source, row.invalid_why))):  # fmt: skip
            found.keys("contacts").add((row.number,))
    for piece in conn.execute(select(pieces)):
        if any(map(spelled.in_text, (piece.number_from, piece.reference, piece.said))):
            found.keys("pieces").add(tuple(getattr(piece, one.name) for one in pieces.primary_key))
    for callback in conn.execute(select(refused)):
        told = (callback.url, callback.headers, callback.reason)
        if any(map(spelled.in_text, told)) or spelled.in_bytes(bytes(callback.body)):
            found.keys("refused").add((callback.id,))
    _take(conn, found, waits, and_(waits.c.kind == "reply", waits.c.key.in_(spelled.exact)))
    orphans = select(reports.c.id, reports.c.number).where(
        reports.c.message_id.is_(None), reports.c.gateway_id.is_not(None)
    )
    for orphan in conn.execute(orphans):
        if spelled.in_text(orphan.number):
            found.keys("reports").add((orphan.id,))
    for version in conn.execute(select(definitions.c.workflow, definitions.c.source)):
        if spelled.in_text(version.source) and version.workflow not in found.defined:
            found.defined.append(version.workflow)


def _hanging(conn: Connection, found: Dossier) -> None:
    """Go from what is found to what hangs on it, until nothing new comes."""
    for some in batches(found.ids("file_uses")):
        for table, column in (("runs", file_uses.c.run_id), ("events", file_uses.c.event_id)):
            _add(conn, found, table, select(column).where(file_uses.c.id.in_(some)))
    before = -1
    for name in ("steps", "notes", "waits"):
        found.keys("runs").update({(run,) for run in _runs_of(conn, found, name)})
    while before != sum(map(len, found.rows.values())):
        before = sum(map(len, found.rows.values()))
        for some in batches(found.ids("messages")):
            _take(conn, found, reports, reports.c.message_id.in_(some))
            _add(conn, found, "runs", select(messages.c.run_id).where(messages.c.id.in_(some)))
            _inbound_events(conn, found, some)
        for some in batches(found.ids("reports")):
            _add(conn, found, "events", select(reports.c.event_id).where(reports.c.id.in_(some)))
            _started_by(conn, found, some)
        below = set(found.ids("runs")) - found.above
        for some in batches(below):
            _add(conn, found, "events", select(runs.c.event_id).where(runs.c.id.in_(some)))
            _take(conn, found, runs, runs.c.parent_run.in_(some))
            callers = select(runs.c.parent_run).where(runs.c.id.in_(some), runs.c.parent_run.is_not(None))  # fmt: skip
            called_by = set(conn.execute(callers).scalars()) - set(found.ids("runs"))
            found.above |= called_by
            found.keys("runs").update((run,) for run in called_by)
            for run in some:
                after_it = and_(
                    events.c.source == "failure", events.c.key.between(f"{run}:", f"{run};")
                )
                _take(conn, found, events, after_it)
        for some in batches(found.ids("events")):
            _take(conn, found, runs, runs.c.event_id.in_(some))


def _runs_of(conn: Connection, found: Dossier, name: str) -> set[str]:
    """The runs of rows that a scan found; what a note's own id says nothing of."""
    if name != "notes":
        return {key[0] for key in found.keys(name)}
    table, made = metadata.tables["notes"], set[str]()
    for some in batches(found.ids("notes")):
        made |= set(conn.execute(select(table.c.run_id).where(table.c.id.in_(some))).scalars())
    return made


def _inbound_events(conn: Connection, found: Dossier, ids: list[str]) -> None:
    """The events of messages that came in, which opened no run perhaps: kept in the same moment, with the id inside."""
    came = select(messages.c.id, messages.c.created_at).where(
        messages.c.id.in_(ids), messages.c.direction == "in"
    )
    for message_id, at in conn.execute(came).all():
        same = select(events.c.id, events.c.data).where(
            events.c.received_at == at, events.c.kind == "inbound"
        )
        for event_id, data in conn.execute(same):
            if message_id in data or found.spelled.in_text(data):
                found.keys("events").add((event_id,))


def _started_by(conn: Connection, found: Dossier, ids: list[str]) -> None:
    """The events of runs that a report started: their key is the report, their source a trigger."""
    told = conn.execute(select(reports.c.connection, reports.c.message_id).where(reports.c.id.in_(ids))).all()  # fmt: skip
    workflows = conn.execute(select(definitions.c.workflow).distinct()).scalars().all()
    sources = [
        f"callback:{connection}:{workflow}:{index}"
        for connection in {row.connection for row in told}
        for workflow in workflows
        for index in range(_TRIGGERS)
    ]
    keys = [*ids, *(f"{row.message_id}:silence" for row in told if row.message_id)]
    for some in batches(sources):
        _take(conn, found, events, and_(events.c.source.in_(some), events.c.key.in_(keys)))


def _judge(conn: Connection, found: Dossier, ours: set[str]) -> None:
    """Tell the runs, events and messages that are about this person alone from those that concern others too."""
    for some in batches(found.ids("messages")):
        for one in conn.execute(select(messages).where(messages.c.id.in_(some))):
            if found.spelled.among((one.number_from, one.number_to)):
                ours.add((one.number_to if one.direction == "in" else one.number_from) or "")
    event_of, parent_of = _links(conn, found)
    told = _told(conn, found, event_of)
    mine = found.spelled.in_text
    for run in sorted(
        event_of
    ):  # in the order of time, so that a run comes after the one that called it
        numbers = told.get(run, set()) | told.get(event_of[run], set())
        named = any(map(mine, numbers)) or parent_of[run] in found.whole
        others = {one for one in numbers - ours if not mine(one)}
        if named and not others and run not in found.above:
            found.whole.add(run)
    shared = {event for run, event in event_of.items() if run not in found.whole}
    for event in found.ids("events"):
        others = {one for one in told.get(event, set()) - ours if not mine(one)}
        if not others and event not in shared:
            found.whole.add(event)


def _links(conn: Connection, found: Dossier) -> tuple[dict[str, str], dict[str, str]]:
    """The event and the calling run of each run."""
    event_of, parent_of = {}, {}
    for some in batches(found.ids("runs")):
        wanted = select(runs.c.id, runs.c.event_id, runs.c.parent_run).where(runs.c.id.in_(some))
        for run, event, parent in conn.execute(wanted):
            event_of[run], parent_of[run] = event, parent or ""
    return event_of, parent_of


def _told(conn: Connection, found: Dossier, event_of: dict[str, str]) -> dict[str, set[str]]:
    """The numbers that runs and events tell of: whom they texted, and what stands in their data."""
    told: dict[str, set[str]] = {}

    def hear(whose: str, text: str | None) -> None:
        numbers = told.setdefault(whose, set())
        numbers.update(_INTERNATIONAL.findall(text or ""))
        if found.spelled.in_text(text):
            numbers.add(found.spelled.number)

    for some in batches({*event_of.values(), *found.ids("events")}):
        for event, data in conn.execute(select(events.c.id, events.c.data).where(events.c.id.in_(some))):  # fmt: skip
            hear(event, data)
    for some in batches(event_of):
        of_run = select(messages).where(messages.c.run_id.in_(some))
        for one in conn.execute(of_run):
            whom = one.number_from if one.direction == "in" else one.number_to
            told.setdefault(one.run_id, set()).update({whom} if whom else ())
        of_steps = select(steps.c.run_id, steps.c.input, steps.c.output).where(
            steps.c.run_id.in_(some)
        )
        for run, given, made in conn.execute(of_steps):
            numbers = {*_INTERNATIONAL.findall(given or ""), *_INTERNATIONAL.findall(made or "")}
            told.setdefault(run, set()).update(numbers - {found.spelled.number})
    return told


def _details(conn: Connection, found: Dossier) -> None:
    for some in batches(found.ids("runs")):
        of = and_(runs.c.id.in_(some), runs.c.finished_at.is_(None))
        found.unfinished += conn.execute(select(runs.c.id).where(of)).scalars().all()
        for name in ("steps", "notes", "waits", "messages"):
            _take(conn, found, metadata.tables[name], metadata.tables[name].c.run_id.in_(some))
    for some in batches(found.ids("messages")):
        for one in conn.execute(select(messages).where(messages.c.id.in_(some))):
            if one.run_id in found.whole or found.spelled.among((one.number_from, one.number_to)):
                found.whole.add(one.id)
                found.open += not one.terminal
        _take(conn, found, reports, reports.c.message_id.in_(some))
        _take(conn, found, message_ids, message_ids.c.message_id.in_(some))
    for some in batches(found.ids("reports")):
        _add(conn, found, "events", select(reports.c.event_id).where(reports.c.id.in_(some)))
    for some in batches(found.whole):
        for which in (file_uses.c.run_id.in_(some), file_uses.c.event_id.in_(some)):
            for one in conn.execute(select(file_uses).where(which)):
                found.keys("file_uses").add((one.id,))
    for some in batches(found.ids("file_uses")):
        for one in conn.execute(select(file_uses).where(file_uses.c.id.in_(some))):
            found.files[one.sha256] = one.name


def _add(conn: Connection, found: Dossier, table: str, wanted: Any) -> None:
    found.keys(table).update((one,) for one in conn.execute(wanted).scalars() if one is not None)


def _take(conn: Connection, found: Dossier, table: Table, which: ColumnElement[bool]) -> None:
    key = list(table.primary_key)
    found.keys(table.name).update(tuple(row) for row in conn.execute(select(*key).where(which)))
