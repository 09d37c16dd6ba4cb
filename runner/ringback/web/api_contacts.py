"""The API's operations on contacts and conversations, by the rules of `ringback contacts`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ringback.engine.runtime import Runtime
from ringback.journal import audit, contacts, messages
from ringback.journal.contacts import Contact
from ringback.masks import shorten_number
from ringback.sms import contactbook, contactstream
from ringback.sms.gate import as_told, e164
from ringback.web.errors import Refusal, all_at_once
from ringback.web.operations import BASE, Asked

_SOURCE = "by the API"


def list_contacts(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /contacts`."""
    query, limit = asked.query, asked.query["limit"]
    with runtime.journal.read() as conn:
        found = contacts.list_contacts(
            conn,
            query["cursor"] or "",
            limit + 1,
            tag=query["tag"],
            opted_out=query["opted_out"],
            invalid=query["invalid"],
        )
    more = found[limit - 1].number if len(found) > limit else None
    return {"contacts": [show(one) for one in found[:limit]], "next": more}, 200


def show_contact(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /contacts/{number}`."""
    number = number_of(runtime, asked)
    with runtime.journal.read() as conn:
        found = contacts.get_contact(conn, number)
    if found is None:
        raise _unknown(number)
    return show(found), 200


def put_contact(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`PUT /contacts/{number}`."""
    number, told = number_of(runtime, asked), asked.body

    def change(known: Contact) -> Contact:
        return known._replace(
            name=told.get("name", ""),
            tags=_tags(told.get("tags", ())),
            attributes=told.get("attributes", {}),
        )

    return _write(runtime, asked, number, change)


def patch_contact(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`PATCH /contacts/{number}`."""
    number, told = number_of(runtime, asked), asked.body

    def change(known: Contact) -> Contact:
        together = {**known.attributes, **told.get("attributes", {})}
        return known._replace(
            name=told.get("name", known.name),
            tags=_tags(told.get("tags", known.tags)),
            attributes={name: value for name, value in together.items() if value is not None},
        )

    return _write(runtime, asked, number, change)


def delete_contact(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`DELETE /contacts/{number}`."""
    number, keep = number_of(runtime, asked), asked.query["keep_optout"]

    def write(conn: Connection) -> tuple[bool, bool]:
        was, kept = contacts.forget(conn, number, keep_optout=keep)
        if was:
            _note(conn, runtime, asked, "contact.removed", number, {"kept_optout": kept})
        return was, kept

    was, kept = runtime.journal.write(write)
    if not was:
        raise _unknown(number)
    return {"number": number, "kept_optout": kept}, 200


def import_contacts(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`POST /contacts.csv`."""
    dry_run, country = asked.query["dry_run"], str(runtime.settings.project.get("country") or "")
    taken = contactstream.take_csv(
        runtime.journal, asked.body, "contacts.csv", country, dry_run=dry_run
    )
    if not dry_run:
        facts = taken._asdict()
        runtime.journal.write(
            lambda conn: _note(conn, runtime, asked, "contacts.imported", "", facts)
        )
    return {**taken._asdict(), "dry_run": dry_run}, 200


def export_contacts(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /contacts.csv`."""
    runtime.journal.write(lambda conn: _note(conn, runtime, asked, "contacts.exported", "", {}))
    return contactstream.give_csv(runtime.journal), 200


def show_conversation(runtime: Runtime, asked: Asked) -> tuple[Any, int]:
    """`GET /conversations/{number}`."""
    query, limit = asked.query, asked.query["limit"]
    told = asked.path["number"].strip()
    number = as_told(told, str(runtime.settings.project.get("country") or "")) or told
    with runtime.journal.read() as conn:
        said = messages.conversation(
            conn, number, query["connection"], limit + 1, before=query["cursor"]
        )
    more = said[-limit].id if len(said) > limit else None
    shown = [messages.shown(one) for one in said[-limit:]]
    return {"number": number, "messages": shown, "next": more}, 200


def show(one: Contact) -> dict[str, Any]:
    """A contact as programs see it."""
    return {**one._asdict(), "tags": list(one.tags), "attributes": dict(one.attributes)}


def number_of(runtime: Runtime, asked: Asked) -> str:
    """The number in a path, in E.164. Raises `Refusal` 422."""
    told = asked.path["number"]
    number = e164(told.strip(), str(runtime.settings.project.get("country") or ""))
    if number is None:
        raise Refusal(
            422,
            "invalid_number",
            f"“{told}” is not a phone number.",
            "Write it with its country code, such as %2B447700900077 (a + in an address is written %2B).",
            f"{BASE}, parameter number",
        )
    return number


def _write(runtime: Runtime, asked: Asked, number: str, change: Any) -> tuple[Any, int]:
    told = asked.body
    _check(told)
    now = runtime.clock.now_ms()
    source = told.get("opted_out_source") or _SOURCE

    def write(conn: Connection) -> Contact:
        known = contacts.to_change(conn, number) or Contact(number)
        made = change(known)
        if "invalid" in told:
            why = told.get("invalid_why", "said by the API") if told["invalid"] else ""
            made = made._replace(invalid=told["invalid"], invalid_why=why)
        contacts.put_contact(conn, made, now)
        news = ""
        if told.get("opted_out") is True and contacts.opt_out(conn, number, source, now):
            news = "contact.opted_out"
        elif told.get("opted_out") is False and contacts.opt_in(conn, number, now):
            news = "contact.opted_in"
        _note(conn, runtime, asked, news or "contact.changed", number, {"fields": sorted(told)})
        kept = contacts.get_contact(conn, number)
        assert kept is not None
        return kept

    return show(runtime.journal.write(write)), 200


def _note(
    conn: Connection,
    runtime: Runtime,
    asked: Asked,
    action: str,
    number: str,
    facts: dict[str, Any],
) -> None:
    """A line in the audit trail, which holds numbers only shortened."""
    about = shorten_number(number) if number else "contacts.csv"
    audit.add(conn, asked.caller.actor, action, about, runtime.clock.now_ms(), facts)


def _check(told: Any) -> None:
    """What a schema does not say. Raises `Refusal` 422 with every mistake."""
    mistakes = []
    taken = sorted(set(told.get("attributes", ())) & set(contactbook.COLUMNS))
    mistakes += [
        Refusal(
            422,
            "invalid_body",
            f"body.attributes.{name}: It is a field of its own.",
            "Call the attribute otherwise.",
        )
        for name in taken
    ]
    if "invalid_why" in told and told.get("invalid") is not True:
        mistakes.append(Refusal(422, "invalid_body", "body.invalid_why: It goes with invalid: true.", "Say both, or neither."))  # fmt: skip
    if "opted_out_source" in told and "opted_out" not in told:
        mistakes.append(Refusal(422, "invalid_body", "body.opted_out_source: It goes with opted_out.", "Say both, or neither."))  # fmt: skip
    if mistakes:
        raise all_at_once(mistakes)


def _tags(told: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(told))


def _unknown(number: str) -> Refusal:
    return Refusal(
        404,
        "not_found",
        f"Nothing is known of {number}.",
        f"GET {BASE}/contacts lists the contacts there are.",
        f"{BASE}/contacts/{number}",
    )
