"""The audit trail: who changed or sent what, when, and from where.

Entries are only ever added; retention alone takes the oldest away, and says so in an entry of its own. Each
entry carries the hash of the one before, so that a changed, missing or slipped-in entry shows. It holds no
secret, no text of a message, and phone numbers only shortened: so nothing in it has to be erased with a person.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, select

from ringback.journal import jsontext, locks
from ringback.journal.schema import audit
from ringback.journal.statements import Row, Statement, fit
from ringback.masks import shorten_numbers

ACTIONS: dict[str, str] = {
    "run.started": "Somebody started a workflow by hand, or sent a message by hand.",
    "run.settled": "Somebody decided about an uncertain step.",
    "run.canceled": "Somebody asked a run to end.",
    "callback.replayed": "Somebody had a refused callback taken in after all.",
    "contact.changed": "Somebody changed what is known of a number.",
    "contact.opted_out": "Somebody opted a number out by hand.",
    "contact.opted_in": "Somebody opted a number in by hand.",
    "contact.removed": "Somebody forgot what is known of a number beside its messages.",
    "contacts.imported": "Somebody took contacts in from a file.",
    "contacts.exported": "Somebody wrote contacts to a file.",
    "number.exported": "Somebody exported everything about one number.",
    "number.erased": "Somebody erased everything about one number.",
    "account.added": "An account was added.",
    "account.changed": "An account's role changed, or it was switched off or on.",
    "account.password": "An account's password was set.",
    "account.removed": "An account was removed.",
    "token.created": "A token was created.",
    "token.revoked": "A token was revoked.",
    "session.began": "An account signed in.",
    "session.refused": "A sign-in was refused.",
    "session.blocked": "After too many refusals, sign-ins of this kind have to wait.",
    "session.ended": "An account signed out, here or everywhere.",
    "secret.set": "A secret was set.",
    "secret.removed": "A secret was removed.",
    "secrets.rotated": "The kept secrets were locked with another key.",
    "files.taken_up": "A process (`serve`, `worker`, `clock`) took up settings or workflow files that had changed since the last such entry.",
    "audit.pruned": "Retention took the oldest entries of this trail away.",
}
"""Every action that is recorded, with what it means."""

KINDS = ("account", "token", "cli", "system")
"""What an actor can be: somebody signed in, a program with a token, a user of this machine, Ringback itself."""

_BATCH = 1000


class Actor(NamedTuple):
    """Who acts: a kind of `KINDS`, a name, and where from (an address, or the machine's name)."""

    kind: str
    name: str
    address: str = ""


class Entry(NamedTuple):
    """One line of the trail. `object` is what was acted on; `previous` the hash of the entry before."""

    seq: int
    at: int
    kind: str
    who: str
    address: str
    action: str
    object: str
    facts: Mapping[str, Any]
    previous: str
    hash: str


class Verdict(NamedTuple):
    """What `verify` found: the entries there are, the last one's place and hash, and sentences on what is wrong."""

    entries: int
    first: int
    last: int
    head: str
    problems: list[str]


_LAST = Statement(
    select(audit.c.seq, audit.c.hash).where(
        audit.c.seq == select(func.max(audit.c.seq)).scalar_subquery()
    )
)
_ADD = Statement(insert(audit).values({name: bindparam(name) for name in Entry._fields}))
_FROM = Statement(
    select(*[audit.c[name] for name in Entry._fields])
    .where(audit.c.seq > bindparam("after"))
    .order_by(audit.c.seq)
    .limit(bindparam("at_most", type_=Integer))
)
_DROP = Statement(delete(audit).where(audit.c.seq <= bindparam("up_to")))


def add(
    conn: Connection,
    actor: Actor,
    action: str,
    object: str,  # noqa: A002  the trail's own word
    now: int,
    facts: Mapping[str, Any] | None = None,
) -> Entry:
    """Add an entry, phone numbers in it shortened. Make it the last thing that a write does: on PostgreSQL other writers of the trail wait for it.

    Raises ValueError for an action that is not in `ACTIONS`.
    """
    if action not in ACTIONS or actor.kind not in KINDS:
        raise ValueError(f"{actor.kind} {action} is nothing that the audit trail knows")
    locks.hold(conn, locks.AUDIT)
    last = _LAST.row(conn, {})
    seq, previous = (last[0] + 1, last[1]) if last is not None else (1, "")
    kept = fit(jsontext.dump(shorten_numbers(dict(facts or {}))))
    who, address, about = map(fit, (actor.name, actor.address, shorten_numbers(object)))
    # what is hashed is what can be read back
    entry = Entry(seq, now, actor.kind, who, address, action, about, jsontext.load(kept), previous, "")  # fmt: skip
    entry = entry._replace(hash=_hash(entry))
    _ADD.run(conn, entry._asdict() | {"facts": kept})
    return entry


def page(
    conn: Connection,
    *,
    who: str | None = None,
    actions: tuple[str, ...] = (),
    object: str | None = None,  # noqa: A002
    since: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[list[Entry], int | None]:
    """A page of the trail, newest first, and the place before which the next page begins.

    `actions` may name whole families: `session` is every action that begins with `session.`.
    """
    wanted = select(*[audit.c[name] for name in Entry._fields]).order_by(audit.c.seq.desc())
    if who:
        wanted = wanted.where(audit.c.who == who)
    if object:
        wanted = wanted.where(audit.c.object == object)
    if actions:
        named = [one for one in ACTIONS if one in actions or one.partition(".")[0] in actions]
        wanted = wanted.where(audit.c.action.in_(named))
    if since is not None:
        wanted = wanted.where(audit.c.at >= since)
    if before is not None:
        wanted = wanted.where(audit.c.seq < before)
    rows = [_entry(tuple(row)) for row in conn.execute(wanted.limit(limit + 1))]
    return rows[:limit], rows[limit - 1].seq if len(rows) > limit else None


def walk(conn: Connection, after: int = 0) -> Iterator[Entry]:
    """Every entry that follows `after`, the oldest first."""
    while rows := _FROM.rows(conn, {"after": after, "at_most": _BATCH}):
        for row in rows:
            yield _entry(row)
        after = rows[-1][0]


def verify(conn: Connection, known: Mapping[int, str] | None = None) -> Verdict:
    """Whether the trail is as it was written.

    `known` are places and hashes noted earlier: with one, entries cut off at the end show too, and so does a
    trail that was written anew from the start, which the chain alone cannot tell.
    """
    problems: list[str] = []
    count, first, last, head = 0, 0, 0, ""
    anchor, pruned = "", set[tuple[int, str]]()
    left = dict(known or {})
    for entry in walk(conn):
        count += 1
        if count == 1:
            first, anchor = entry.seq, entry.previous
        elif entry.seq != last + 1:
            problems.append(f"Between {last} and {entry.seq} entries are missing.")
        elif entry.previous != head:
            problems.append(f"Entry {entry.seq} does not follow from the one before it.")
        if _hash(entry) != entry.hash:
            problems.append(f"Entry {entry.seq} was changed.")
        if left.pop(entry.seq, entry.hash) != entry.hash:
            problems.append(f"Entry {entry.seq} is not the one that was noted.")
        if entry.action == "audit.pruned":
            pruned.add((int(entry.facts["up_to"]), str(entry.facts["hash"])))
        last, head = entry.seq, entry.hash
    if first > 1 and (first - 1, anchor) not in pruned:
        problems.append(f"The entries before {first} are gone, and it was not retention.")
    if first == 1 and anchor:
        problems.append("The first entry does not begin the trail.")
    problems += [f"The noted entry {seq} is gone." for seq in left if seq >= first]
    return Verdict(count, first, last, head, problems)


def prune(conn: Connection, before: int, now: int, limit: int = _BATCH) -> int:
    """Take away the oldest entries from before a moment, at most `limit`, and say so in a new one; how many.

    The trail is cut from its beginning only: an older entry behind a younger one stays until that one goes.
    """
    locks.hold(conn, locks.AUDIT)
    gone: Row | None = None
    count = 0
    for row in _FROM.rows(conn, {"after": 0, "at_most": limit}):
        if row[1] >= before:
            break
        gone, count = row, count + 1
    if gone is None:
        return 0
    add(
        conn, Actor("system", "retention"), "audit.pruned", f"up to {gone[0]}", now,
        {"entries": count, "up_to": gone[0], "hash": gone[9]},
    )  # fmt: skip
    _DROP.run(conn, {"up_to": gone[0]})
    return count


def _hash(entry: Entry) -> str:
    """SHA-256 over all of an entry but its own hash, as JSON that is always spelled the same."""
    whole = json.dumps(list(entry[:-1]), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()


def _entry(row: Row) -> Entry:
    return Entry(*row)._replace(facts=jsontext.load(row[7]))
