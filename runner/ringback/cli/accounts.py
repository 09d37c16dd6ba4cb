"""`ringback accounts`: who may sign in, and as what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringback.access.roles import ROLES
from ringback.cli import console, project
from ringback.cli.asking import ask
from ringback.cli.runs import reading
from ringback.cli.story import local

if TYPE_CHECKING:
    from ringback.journal.accounts import Account

_role = click.option("--role", type=click.Choice(list(ROLES)), required=True, help="What the account may do.")  # fmt: skip


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
@click.pass_context
def command(context: click.Context, as_json: bool, where: Path | None) -> None:
    """List the accounts.

    A password is asked for without showing it, or read as one line from standard input.

    \b
    Example:
      ringback accounts
      ringback accounts add amina@school.example --role owner
      ringback accounts password amina@school.example
    """
    if context.invoked_subcommand is not None:
        return
    from ringback.access import shown
    from ringback.journal import accounts

    with reading(project.settings(where)) as journal, journal.read() as conn:
        found = accounts.list_accounts(conn)
    if as_json:
        console.as_json([shown.account(one) for one in found])
    elif not found:
        console.say("No account yet. `ringback accounts add NAME --role owner` adds one.")
    else:
        console.table(["account", "role", "signs in", "last"], [_row(one) for one in found])


@command.command()
@click.argument("name", metavar="NAME")
@_role
@project.option
def add(name: str, role: str, where: Path | None) -> None:
    """Add an account, by an e-mail address or a name.

    \b
    Example:
      ringback accounts add amina@school.example --role owner
    """
    from ringback.access import accounts

    settings = project.settings(where)
    hashed = _new_password(accounts.plain_name(name))
    with reading(settings) as journal:
        now, by = journal.clock.now_ms(), _typing()
        made = journal.write(lambda conn: accounts.add(conn, name, role, hashed, by, now))
    console.mark("good", f"{made.name} may sign in as {role}.", ROLES[role][0])


@command.command()
@click.argument("name", metavar="NAME")
@_role
@project.option
def role(name: str, role: str, where: Path | None) -> None:
    """Give an account another role, from the next request on.

    \b
    Example:
      ringback accounts role amina@school.example --role editor
    """
    from ringback.access import accounts

    with reading(project.settings(where)) as journal:
        now, by = journal.clock.now_ms(), _typing()
        made = journal.write(lambda conn: accounts.set_role(conn, name, role, by, now))
    console.mark("good", f"{made.name} is {role}.", ROLES[role][0])


@command.command()
@click.argument("name", metavar="NAME")
@project.option
def password(name: str, where: Path | None) -> None:
    """Set an account's password, and end its sessions and tokens.

    \b
    Example:
      ringback accounts password amina@school.example
    """
    from ringback.access import accounts

    settings = project.settings(where)
    with reading(settings) as journal:
        with journal.read() as conn:
            known = accounts.find(conn, name)
        hashed = _new_password(known.name)
        now, by = journal.clock.now_ms(), _typing()
        journal.write(lambda conn: accounts.set_password(conn, name, hashed, by, now))
    console.mark("good", f"{known.name} has a new password.", "Signed out everywhere.")


def _switch(verb: str, enabled: bool, help_: str, done: str) -> None:
    @command.command(verb, help=f"{help_}\n\n\b\nExample:\n  ringback accounts {verb} amina@school.example")  # fmt: skip
    @click.argument("name", metavar="NAME")
    @project.option
    def act(name: str, where: Path | None) -> None:
        from ringback.access import accounts

        with reading(project.settings(where)) as journal:
            now, by = journal.clock.now_ms(), _typing()
            made = journal.write(lambda conn: accounts.set_enabled(conn, name, enabled, by, now))
        console.mark("good", f"{made.name} {done}.")


_switch("disable", False, "Let an account sign in no more, and end its sessions and tokens.", "may not sign in")  # fmt: skip
_switch("enable", True, "Let an account sign in again.", "may sign in again")


@command.command()
@click.argument("name", metavar="NAME")
@project.option
def remove(name: str, where: Path | None) -> None:
    """Remove an account. The audit trail keeps its name.

    \b
    Example:
      ringback accounts remove amina@school.example
    """
    from ringback.access import accounts

    with reading(project.settings(where)) as journal:
        now, by = journal.clock.now_ms(), _typing()
        journal.write(lambda conn: accounts.remove(conn, name, by, now))
    console.mark("good", f"{accounts.plain_name(name)} is removed.")


def _new_password(name: str) -> str:
    """A password that may be set, as it is kept."""
    from ringback.access import passwords

    said = ask("New password", twice=True)
    passwords.check_new(said, name)
    return passwords.hash_password(said)


def _typing() -> Any:
    from ringback.cli.actor import typing

    return typing()


def _row(one: Account) -> list[str]:
    last = f"{local(one.last_login_at):%Y-%m-%d %H:%M}" if one.last_login_at else "never"
    return [one.name, one.role, "yes" if one.enabled else "no", last]
