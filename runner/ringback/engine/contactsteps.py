"""Contacts as steps look them up and change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from ringback.clock import from_ms
from ringback.engine.job import Job
from ringback.journal import contacts, locks
from ringback.journal.contacts import Contact
from ringback.problems import Failure
from ringback.sms.contactbook import COLUMNS
from ringback.sms.gate import e164


def get_contact(job: Job) -> Any:
    """Look up what is kept of a number."""
    number = _number(job)
    found = job.walk.look(lambda conn: contacts.get_contact(conn, number))
    return job.succeed(_output(found or Contact(number), known=found is not None))


def update_contact(job: Job) -> Any:
    """Change what is kept of a number; what is not named stays."""
    given = job.walk.runtime.masks.value(job.inputs)
    attributes = given.get("attributes") or {}
    taken = sorted(set(attributes) & set(COLUMNS))
    if taken:
        raise Failure(
            "invalid_input",
            f"An attribute cannot be called {taken[0]}: a contact has a {taken[0]} of its own.",
            "Give the attribute another name.",
        )

    def change(known: Contact) -> Contact:
        merged = {**known.attributes, **attributes}
        made = known._replace(
            name=given.get("name", known.name),
            attributes={name: value for name, value in merged.items() if value != ""},
        )
        if given.get("invalid") is None:
            return made
        why = str(given.get("invalid_why") or _source(job)) if given["invalid"] else ""
        return made._replace(invalid=given["invalid"], invalid_why=why)

    return _changed(job, change, opt_out=given.get("opt_out") is True)


def tag_contact(job: Job) -> Any:
    """Add tags to a contact and take others away."""
    added, removed = (
        [tag.strip() for tag in map(str, job.inputs.get(name) or ()) if tag.strip()]
        for name in ("add", "remove")
    )

    def change(known: Contact) -> Contact:
        tags = dict.fromkeys((*known.tags, *added))
        return known._replace(tags=tuple(tag for tag in tags if tag not in removed))

    return _changed(job, change)


def _changed(job: Job, change: Callable[[Contact], Contact], *, opt_out: bool = False) -> Any:
    number, now, source = _number(job), job.walk.now, _source(job)

    def write(conn: Connection) -> Contact:
        known = contacts.get_contact(conn, number) or Contact(number)
        contacts.put_contact(conn, change(known), now)
        if opt_out:
            contacts.opt_out(conn, number, source, now)
        made = contacts.get_contact(conn, number)
        assert made is not None
        return made

    job.walk.guard(locks.number(number))
    made = job.walk.commit(write)
    assert made is not None
    return job.succeed(_output(made, known=True))


def _number(job: Job) -> str:
    country = str(job.walk.runtime.settings.project.get("country") or "")
    number = e164(str(job.inputs["number"]).strip(), country)
    if number is None:
        raise Failure(
            "invalid_number",
            f"“{job.inputs['number']}” is not a phone number.",
            "Write it with its country code, such as +447700900077.",
        )
    return number


def _source(job: Job) -> str:
    return f"the workflow {job.walk.workflow.name}"


def _output(contact: Contact, *, known: bool) -> dict[str, Any]:
    at = contact.opted_out_at
    return {
        "number": contact.number,
        "known": known,
        "name": contact.name,
        "tags": list(contact.tags),
        "attributes": dict(contact.attributes),
        "invalid": contact.invalid,
        "invalid_why": contact.invalid_why,
        "opted_out": at is not None,
        "opted_out_at": from_ms(at).isoformat().replace("+00:00", "Z") if at is not None else None,
        "opted_out_source": contact.opted_out_source,
    }
