"""`ringback contacts`: the numbers that something is known of, and who wants no texts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringback.cli import console, project
from ringback.cli.runs import reading
from ringback.cli.story import local
from ringback.problems import Failure

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ringback.journal.contacts import Contact
    from ringback.journal.journal import Journal


@click.group(invoke_without_command=True)
@click.option("--tag", help="Only those with this tag.")
@click.option("--opted-out", is_flag=True, help="Only those who want no texts.")
@click.option("--invalid", is_flag=True, help="Only those that cannot be texted.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
@click.pass_context
def command(
    context: click.Context,
    tag: str | None,
    opted_out: bool,
    invalid: bool,
    as_json: bool,
    where: Path | None,
) -> None:
    """List the contacts, in order of their numbers.

    \b
    Example:
      ringback contacts
      ringback contacts --opted-out
      ringback contacts opt-out +447700900077
    """
    if context.invoked_subcommand is not None:
        return
    with reading(project.settings(where)) as journal:
        found = list(_all(journal, tag=tag, opted_out=opted_out or None, invalid=invalid or None))
    if as_json:
        console.as_json([_json(one) for one in found])
    elif not found:
        console.say("No contact yet." if not (tag or opted_out or invalid) else "No such contact.")
    else:
        heads = ["number", "name", "tags", "texts"]
        console.table(heads, [[one.number, one.name, ", ".join(one.tags), _state(one)] for one in found])  # fmt: skip


@command.command()
@click.argument("number", metavar="NUMBER")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
def show(number: str, as_json: bool, where: Path | None) -> None:
    """Show what is known of one number.

    \b
    Example:
      ringback contacts show +447700900077
    """
    from ringback.journal import contacts

    settings = project.settings(where)
    number = _number(settings.project, number)
    with reading(settings) as journal, journal.read() as conn:
        found = contacts.get_contact(conn, number)
    if found is None:
        raise Failure("not_found", f"Nothing is known of {number}.", "`ringback contacts` lists those there are.")  # fmt: skip
    if as_json:
        console.as_json(_json(found))
        return
    console.heading(f"{found.number} {found.name}".strip())
    console.mark("good" if _state(found) == "yes" else "bad", f"texts: {_state(found)}")
    if found.tags:
        console.mark("note", f"tags: {', '.join(found.tags)}")
    for name, value in found.attributes.items():
        console.mark("note", f"{name}: {value}")


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--dry-run", is_flag=True, help="Say what would be taken, and take nothing.")
@project.option
def import_(file: Path, dry_run: bool, where: Path | None) -> None:
    """Take contacts from a CSV file whose first line names the columns; `number` is one, others are attributes.

    Tags are separated by semicolons. Nobody who has opted out is opted in by a file. Where a line is wrong, all
    such lines are told and nothing is taken.

    \b
    Example:
      ringback contacts import parents.csv --dry-run
      ringback contacts import parents.csv
    """
    from ringback.sms import contactstream

    settings = project.settings(where)
    country = str(settings.project.get("country") or "")
    with reading(settings) as journal, file.open("rb") as stream:
        taken = contactstream.take_csv(journal, stream, str(file), country, dry_run=dry_run)
        if not dry_run:
            _note(journal, "contacts.imported", file.name, taken._asdict())
    said = f"{taken.contacts} contacts {'in' if dry_run else 'from'} {file.name}"
    console.mark("good", said, f"{taken.new} new, {taken.changed} changed{'; nothing was taken' if dry_run else ''}")  # fmt: skip


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@project.option
def export(file: Path | None, where: Path | None) -> None:
    """Write all contacts as CSV to FILE, or to standard output.

    \b
    Example:
      ringback contacts export contacts.csv
    """
    from ringback.sms import contactstream

    with reading(project.settings(where)) as journal:
        if file is None:
            count = -1
            for count, line in enumerate(contactstream.give_csv(journal)):  # noqa: B007
                sys.stdout.write(line)
            _note(journal, "contacts.exported", "standard output", {"contacts": count})
            return
        count = -1
        with file.open("w", encoding="utf-8-sig", newline="") as out:
            for count, line in enumerate(contactstream.give_csv(journal)):  # noqa: B007
                out.write(line)
        _note(journal, "contacts.exported", file.name, {"contacts": count})
    console.mark("good", f"{count} contacts in {file}")


def _note(journal: Journal, action: str, object_: str, facts: dict[str, Any]) -> None:
    """A line in the audit trail."""
    from ringback.cli.actor import typing
    from ringback.journal import audit

    now = journal.clock.now_ms()
    journal.write(lambda conn: audit.add(conn, typing(), action, object_, now, facts))


def _change(name: str, help_: str, done: str, action: str, change: Callable[..., Any]) -> None:
    """One command that changes what is known of a number."""

    @command.command(
        name, help=f"{help_}\n\n\b\nExample:\n  ringback contacts {name} +447700900077"
    )
    @click.argument("number", metavar="NUMBER")
    @project.option
    def act(number: str, where: Path | None) -> None:
        from ringback.cli.actor import typing
        from ringback.journal import audit
        from ringback.masks import shorten_number

        settings = project.settings(where)
        number = _number(settings.project, number)
        with reading(settings) as journal:
            now = journal.clock.now_ms()

            def write(conn: Connection) -> bool:
                news = bool(change(conn, number, now))
                if news:
                    audit.add(conn, typing(), action, shorten_number(number), now)
                return news

            news = journal.write(write)
        console.mark("good", f"{number} {done}", "" if news else "as before")


def _opt_out(conn: Connection, number: str, now: int) -> bool:
    from ringback.journal import contacts

    return contacts.opt_out(conn, number, "by hand", now)


def _opt_in(conn: Connection, number: str, now: int) -> bool:
    from ringback.journal import contacts

    return contacts.opt_in(conn, number, now)


def _valid(conn: Connection, number: str, now: int) -> bool:
    from ringback.journal import contacts

    return contacts.clear_invalid(conn, number, now)


_change("opt-out", "Send nothing more to NUMBER, whoever asks for it.", "gets no more texts", "contact.opted_out", _opt_out)  # fmt: skip
_change("opt-in", "Let NUMBER be texted again, because they asked for it.", "may be texted", "contact.opted_in", _opt_in)  # fmt: skip
_change("valid", "Take back that NUMBER cannot be texted, as a gateway said.", "is taken for a number that works", "contact.changed", _valid)  # fmt: skip


def _all(journal: Journal, **only: Any) -> Iterator[Contact]:
    from ringback.sms import contactstream

    return contactstream.every(journal, **only)


def _number(about: Any, number: str) -> str:
    from ringback.sms.gate import e164

    found = e164(number, str(about.get("country") or ""))
    if found is None:
        raise Failure("invalid_number", f"“{number}” is not a phone number.", "Write it with its country code, such as +447700900077.")  # fmt: skip
    return found


def _state(one: Contact) -> str:
    if one.opted_out_at is not None:
        return f"no, since {local(one.opted_out_at):%Y-%m-%d %H:%M}: {one.opted_out_source}"
    return f"no, invalid: {one.invalid_why}" if one.invalid else "yes"


def _json(one: Contact) -> dict[str, Any]:
    return {**one._asdict(), "tags": list(one.tags), "attributes": dict(one.attributes)}
