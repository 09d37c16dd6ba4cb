"""Contacts: what is known of a number that is not said by its messages. Retention leaves them alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, bindparam, insert, select

from ringback.journal import jsontext
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
_AFTER = Statement(
    select(*_COLUMNS)
    .where(contacts.c.number > bindparam("after"))
    .order_by(contacts.c.number)
    .limit(bindparam("at_most", type_=Integer))
)


def get_contact(conn: Connection, number: str) -> Contact | None:
    """What is known of a number."""
    row = _GET.row(conn, {"number": number})
    return None if row is None else _contact(row)


def put_contact(conn: Connection, contact: Contact, now: int) -> Contact:
    """Write a contact over what was known of its number."""
    made = contact._replace(created_at=contact.created_at or now, updated_at=now)
    values = made._asdict()
    values["tags"] = jsontext.dump(made.tags)
    values["attributes"] = jsontext.dump(dict(made.attributes))
    values["invalid"] = int(made.invalid)
    _PUT.run(conn, values)
    return made


def list_contacts(conn: Connection, after: str = "", limit: int = 500) -> list[Contact]:
    """Contacts in order of their numbers, from the one that follows `after`."""
    return [_contact(row) for row in _AFTER.rows(conn, {"after": after, "at_most": limit})]


def opt_out(conn: Connection, number: str, source: str, now: int) -> bool:
    """Nothing more may be sent to a number; whether that is news. The first time and source stay."""
    known = get_contact(conn, number) or Contact(number)
    if known.opted_out_at is not None:
        return False
    put_contact(conn, known._replace(opted_out_at=now, opted_out_source=source), now)
    return True


def opt_in(conn: Connection, number: str, now: int) -> bool:
    """A number may be texted again; whether that is news."""
    known = get_contact(conn, number)
    if known is None or known.opted_out_at is None:
        return False
    put_contact(conn, known._replace(opted_out_at=None, opted_out_source=""), now)
    return True


def flag_invalid(conn: Connection, number: str, why: str, now: int) -> None:
    """No text reaches this number, and `why`."""
    known = get_contact(conn, number) or Contact(number)
    put_contact(conn, known._replace(invalid=True, invalid_why=why), now)


def clear_invalid(conn: Connection, number: str, now: int) -> bool:
    """The number can be reached after all; whether that is news."""
    known = get_contact(conn, number)
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
