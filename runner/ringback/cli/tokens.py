"""`ringback tokens`: what programs show instead of a password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringback import words
from ringback.cli import console, project
from ringback.cli.runs import reading
from ringback.cli.story import local
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.journal.tokens import Token


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
@click.pass_context
def command(context: click.Context, as_json: bool, where: Path | None) -> None:
    """List the tokens of programs: what each may do, until when, and when it was last used.

    \b
    Example:
      ringback tokens
      ringback tokens create --name ci --scopes runs:read,messages:send --expires "90 days"
      ringback tokens revoke ci
    """
    if context.invoked_subcommand is not None:
        return
    from ringback.access import shown
    from ringback.journal import tokens

    settings = project.settings(where)
    with reading(settings) as journal:
        now = journal.clock.now_ms()
        with journal.read() as conn:
            found = tokens.list_tokens(conn)
            listed = shown.tokens(conn, found)
    if as_json:
        console.as_json(listed)
        return
    if not found:
        console.say("No token yet. `ringback tokens create` makes one.")
    else:
        heads = ["token", "begins", "scopes", "expires", "last used", "made by"]
        console.table(heads, [_row(one, now) for one in found])
    if settings.api_tokens:
        console.say(f"Besides, {len(settings.api_tokens)} in api.tokens of ringback.yaml may do everything.")  # fmt: skip


@command.command()
@click.option("--name", required=True, help="What it is for, such as ci.")
@click.option("--scopes", required=True, help="What it may do; several with commas. docs/reference/access.md lists them.")  # fmt: skip
@click.option("--expires", help='After how long it counts no more, such as "90 days"; or never.', required=True)  # fmt: skip
@project.option
def create(name: str, scopes: str, expires: str, where: Path | None) -> None:
    """Create a token and print it, this once.

    \b
    Example:
      ringback tokens create --name ci --scopes runs:read,messages:send --expires "90 days"
    """
    from ringback.access import accounts
    from ringback.cli.actor import typing

    listed = [one.strip() for one in scopes.split(",") if one.strip()]
    lives = _lives_ms(expires)
    with reading(project.settings(where)) as journal:
        now, by = journal.clock.now_ms(), typing()
        ends = None if lives is None else now + lives
        token = journal.write(lambda conn: accounts.create_token(conn, name, listed, ends, by, now))
    click.echo(token)
    until = "never expires" if ends is None else f"expires {local(ends):%Y-%m-%d %H:%M}"
    console.say(f"{name} {until}. It is shown this once: put it where its program finds it.", err=True)  # fmt: skip


@command.command()
@click.argument("name", metavar="NAME")
@project.option
def revoke(name: str, where: Path | None) -> None:
    """Let a token count no more, at once.

    \b
    Example:
      ringback tokens revoke ci
    """
    from ringback.access import accounts
    from ringback.cli.actor import typing

    with reading(project.settings(where)) as journal:
        now, by = journal.clock.now_ms(), typing()
        journal.write(lambda conn: accounts.revoke_token(conn, name, by, now))
    console.mark("good", f"The token {name} counts no more.")


def _lives_ms(expires: str) -> int | None:
    if expires.strip().lower() == "never":
        return None
    try:
        lives = words.duration_ms(expires)
    except ValueError as error:
        raise Failure("invalid_input", str(error), 'Write --expires "90 days", or --expires never.') from None  # fmt: skip
    if lives <= 0:
        raise Failure("invalid_input", "A token has to live for a while.", 'Write --expires "90 days".')  # fmt: skip
    return lives


def _row(one: Token, now: int) -> list[str]:
    ends = "never" if one.expires_at is None else f"{local(one.expires_at):%Y-%m-%d}"
    if one.expires_at is not None and one.expires_at <= now:
        ends = f"expired {ends}"
    used = "never" if one.last_used_at is None else f"{local(one.last_used_at):%Y-%m-%d %H:%M}"
    return [one.name, one.hint, ", ".join(one.scopes), ends, used, one.created_by]
