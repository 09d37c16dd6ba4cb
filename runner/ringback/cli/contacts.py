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


@click.group(invoke_without_command=True)
@click.option("--tag", help="Only those with this tag.")
@click.option("--opted-out", is_flag=True, help="Only those who want no texts.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
@click.pass_context
def command(
    context: click.Context, tag: str | None, opted_out: bool, as_json: bool, where: Path | None
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
    found = [
        one
        for one in _all(where)
        if (tag is None or tag in one.tags) and (not opted_out or one.opted_out_at is not None)
    ]
    if as_json:
        console.as_json([_json(one) for one in found])
    elif not found:
        console.say("No contact yet." if not (tag or opted_out) else "No such contact.")
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
@project.option
def import_(file: Path, where: Path | None) -> None:
    """Take contacts from a CSV file whose first line names the columns; `number` is one, others are attributes.

    Tags are separated by semicolons. Nobody who has opted out is opted in by a file.

    \b
    Example:
      ringback contacts import parents.csv
    """
    from ringback.sms import contactbook

    settings = project.settings(where)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Failure("invalid_input", f"{file} is not UTF-8 text.", "Save it as CSV UTF-8.") from None  # fmt: skip
    country = str(settings.project.get("country") or "")
    found = contactbook.read_csv(text, str(file), country)
    with reading(settings) as journal:
        now = journal.clock.now_ms()

        def write(conn: Connection) -> None:
            for one in found:
                contactbook.merge(conn, one, now)

        journal.write(write)
    console.mark("good", f"{len(found)} contacts from {file.name}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@project.option
def export(file: Path | None, where: Path | None) -> None:
    """Write all contacts as CSV to FILE, or to standard output.

    \b
    Example:
      ringback contacts export contacts.csv
    """
    from ringback.sms import contactbook

    found = list(_all(where))
    text = contactbook.write_csv(found)
    if file is None:
        sys.stdout.write(text)
        return
    file.write_text(text, encoding="utf-8-sig", newline="")
    console.mark("good", f"{len(found)} contacts in {file}")


def _change(name: str, help_: str, done: str, change: Callable[..., Any]) -> None:
    """One command that changes what is known of a number."""

    @command.command(
        name, help=f"{help_}\n\n\b\nExample:\n  ringback contacts {name} +447700900077"
    )
    @click.argument("number", metavar="NUMBER")
    @project.option
    def act(number: str, where: Path | None) -> None:
        settings = project.settings(where)
        number = _number(settings.project, number)
        with reading(settings) as journal:
            now = journal.clock.now_ms()
            news = journal.write(lambda conn: change(conn, number, now))
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


_change("opt-out", "Send nothing more to NUMBER, whoever asks for it.", "gets no more texts", _opt_out)  # fmt: skip
_change("opt-in", "Let NUMBER be texted again, because they asked for it.", "may be texted", _opt_in)  # fmt: skip
_change("valid", "Take back that NUMBER cannot be texted, as a gateway said.", "is taken for a number that works", _valid)  # fmt: skip


def _all(where: Path | None) -> Iterator[Contact]:
    from ringback.journal import contacts

    with reading(project.settings(where)) as journal, journal.read() as conn:
        after = ""
        while page := contacts.list_contacts(conn, after):
            yield from page
            after = page[-1].number


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
