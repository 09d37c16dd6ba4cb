"""Contacts: what is known of a number that is not said by its messages. Retention leaves them alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, not_, select

from ringback.journal import jsontext, locks
from ringback.journal.schema import contacts
from ringback.journal.statements import Row, Statement


class Contact(NamedTuple):
    """One number (E.164) and what is known of whoever has it.

    `invalid` with `invalid_why`: a gateway said that no text can reach it. `opted_out_at` is when it asked for
    no more texts, None where it has not, and `opted_out_source` how we know.
    """

    number: str
    name: str = ""
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = {}
    invalid: bool = False
    invalid_why: str = ""
    opted_out_at: int | None = None
    opted_out_source: str = ""
    created_at: int = 0
    updated_at: int = 0


_COLUMNS = [contacts.c[name] for name in Contact._fields]
_PUT = Statement(
    insert(contacts).values({name: bindparam(name) for name in Contact._fields}),
    " ON CONFLICT (number) DO UPDATE SET "
    + ", ".join(
        f"{name} = excluded.{name}"
        for name in Contact._fields
        if name not in ("number", "created_at")
    ),
)
_GET = Statement(select(*_COLUMNS).where(contacts.c.number == bindparam("number")))
_ATTRIBUTES = Statement(
    select(contacts.c.number, contacts.c.attributes)
    .where(contacts.c.number > bindparam("after"))
    .order_by(contacts.c.number)
    .limit(bindparam("at_most", type_=Integer))
)
_DROP = Statement(delete(contacts).where(contacts.c.number == bindparam("number")))


def get_contact(conn: Connection, number: str) -> Contact | None:
    """What is known of a number."""
    row = _GET.row(conn, {"number": number})
    return None if row is None else _contact(row)


def to_change(conn: Connection, number: str) -> Contact | None:
    """What is known of a number, for who changes it: nobody else does meanwhile."""
    locks.hold(conn, locks.number(number))
    return get_contact(conn, number)


def put_contact(conn: Connection, contact: Contact, now: int) -> Contact:
    """Write a contact over what was known of its number."""
    made = contact._replace(created_at=contact.created_at or now, updated_at=now)
    values = made._asdict()
    values["tags"] = jsontext.dump(made.tags)
    values["attributes"] = jsontext.dump(dict(made.attributes))
    values["invalid"] = int(made.invalid)
    _PUT.run(conn, values)
    return made


def list_contacts(
    conn: Connection,
    after: str = "",
    limit: int = 500,
    *,
    tag: str | None = None,
    opted_out: bool | None = None,
    invalid: bool | None = None,
) -> list[Contact]:
    """Contacts in order of their numbers, from the one that follows `after`; a filter of None lets all through."""
    wanted = select(*_COLUMNS).where(contacts.c.number > after).order_by(contacts.c.number)
    if tag is not None:
        # the tag as it stands in the column, quotes and all; replace() tells capitals apart everywhere
        quoted = jsontext.dump(tag)
        wanted = wanted.where(func.replace(contacts.c.tags, quoted, "") != contacts.c.tags)
    if opted_out is not None:
        asked = contacts.c.opted_out_at.is_not(None)
        wanted = wanted.where(asked if opted_out else not_(asked))
    if invalid is not None:
        wanted = wanted.where(contacts.c.invalid == int(invalid))
    return [_contact(tuple(row)) for row in conn.execute(wanted.limit(limit))]


def attribute_names(conn: Connection, after: str = "", limit: int = 500) -> tuple[set[str], str]:
    """The names of attributes among the next contacts, and the number to go on after ("" at the end)."""
    rows = _ATTRIBUTES.rows(conn, {"after": after, "at_most": limit})
    names = {name for _, attributes in rows for name in jsontext.load(attributes)}
    return names, rows[-1][0] if len(rows) == limit else ""


def forget(conn: Connection, number: str, *, keep_optout: bool = True) -> tuple[bool, bool]:
    """Drop what is known of a number; whether there was anything, and whether an opt-out was kept as a bare fact.

    With `keep_optout` an opt-out stays, with its time and source, so that they are not texted again.
    """
    known = to_change(conn, number)
    if known is None:
        return False, False
    _DROP.run(conn, {"number": number})
    if known.opted_out_at is None or not keep_optout:
        return True, False
    put_contact(conn, bare(known), known.updated_at)
    return True, True


def bare(known: Contact) -> Contact:
    """Of a contact nothing but that it wants no texts, since when and how we know."""
    return Contact(
        known.number,
        opted_out_at=known.opted_out_at,
        opted_out_source=known.opted_out_source,
        created_at=known.created_at,
    )


def opt_out(conn: Connection, number: str, source: str, now: int) -> bool:
    """Nothing more may be sent to a number; whether that is news. The first time and source stay."""
    known = to_change(conn, number) or Contact(number)
    if known.opted_out_at is not None:
        return False
    put_contact(conn, known._replace(opted_out_at=now, opted_out_source=source), now)
    return True


def opt_in(conn: Connection, number: str, now: int) -> bool:
    """A number may be texted again; whether that is news."""
    known = to_change(conn, number)
    if known is None or known.opted_out_at is None:
        return False
    put_contact(conn, known._replace(opted_out_at=None, opted_out_source=""), now)
    return True


def flag_invalid(conn: Connection, number: str, why: str, now: int) -> None:
    """No text reaches this number, and `why`."""
    known = to_change(conn, number) or Contact(number)
    put_contact(conn, known._replace(invalid=True, invalid_why=why), now)


def clear_invalid(conn: Connection, number: str, now: int) -> bool:
    """The number can be reached after all; whether that is news."""
    known = to_change(conn, number)
    if known is None or not known.invalid:
        return False
    put_contact(conn, known._replace(invalid=False, invalid_why=""), now)
    return True


def _contact(row: Row) -> Contact:
    contact = Contact(*row)
    return contact._replace(
        tags=tuple(jsontext.load(row[2])),
        attributes=jsontext.load(row[3]),
        invalid=bool(contact.invalid),
    )
