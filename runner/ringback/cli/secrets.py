"""`ringback secrets`: secrets that the journal keeps encrypted, for `${secret:NAME}` in ringback.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringback.cli import console, project
from ringback.cli.asking import ask_whole
from ringback.cli.runs import reading
from ringback.cli.story import local

if TYPE_CHECKING:
    from ringback.journal.sealed import Sealed


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
@click.pass_context
def command(context: click.Context, as_json: bool, where: Path | None) -> None:
    """List the secrets that are kept: names, who set them and when. Their values are shown nowhere.

    A connection takes one as `api_key: ${secret:connections.front-desk.api_key}`. The key that opens them is in
    RINGBACK_SECRET_KEY, or in the file that vault.key_file of ringback.yaml names.

    \b
    Example:
      ringback secrets
      ringback secrets set connections.front-desk.api_key
    """
    if context.invoked_subcommand is not None:
        return
    from ringback.access import shown
    from ringback.journal import sealed

    settings = project.settings(where)
    with reading(settings) as journal, journal.read() as conn:
        found = sealed.every(conn)
    used = settings.locks.kept_secrets
    if as_json:
        console.as_json([shown.secret(one, used) for one in found])
    elif not found:
        console.say("No secret is kept. `ringback secrets set NAME` keeps one.")
    else:
        console.table(["secret", "set", "by", "key", "ringback.yaml uses it"], [_row(one, used) for one in found])  # fmt: skip
    missing = sorted(used - {one.name for one in found})
    if missing and not as_json:
        console.mark("bad", f"ringback.yaml uses what is not kept: {', '.join(missing)}")


@command.command("set")
@click.argument("name", metavar="NAME")
@project.option
def set_(name: str, where: Path | None) -> None:
    """Keep a secret under NAME, asked for without showing it, or all of standard input.

    A running `ringback serve` takes it up at its next start.

    \b
    Example:
      ringback secrets set connections.front-desk.api_key
      ringback secrets set connections.front-desk.private_key < private.pem
    """
    from ringback.access import vault
    from ringback.cli.actor import typing

    settings = project.settings(where)
    keys = vault.read_keys(settings.locks.secret_keys)
    value = ask_whole(f"Value of {name}")
    with reading(settings) as journal:
        now, by = journal.clock.now_ms(), typing()
        journal.write(lambda conn: vault.put(conn, keys, name, value, by, now))
    used = name in settings.locks.kept_secrets
    console.mark("good", f"{name} is kept.", "" if used else f"Use it as ${{secret:{name}}} in ringback.yaml.")  # fmt: skip


@command.command()
@click.argument("name", metavar="NAME")
@project.option
def remove(name: str, where: Path | None) -> None:
    """Remove a secret.

    \b
    Example:
      ringback secrets remove connections.front-desk.api_key
    """
    from ringback.access import vault
    from ringback.cli.actor import typing

    settings = project.settings(where)
    with reading(settings) as journal:
        now, by = journal.clock.now_ms(), typing()
        journal.write(lambda conn: vault.remove(conn, name, by, now))
    console.mark("good", f"{name} is removed.")
    if name in settings.locks.kept_secrets:
        console.mark("bad", f"ringback.yaml still uses ${{secret:{name}}}: Ringback will not start without it.")  # fmt: skip


@command.command("rotate-key")
@project.option
def rotate_key(where: Path | None) -> None:
    """Lock every secret with the first of the keys; then the others can go.

    Put the new key before the old one (RINGBACK_SECRET_KEY="rbk_new rbk_old", or as lines of the key file), do
    this, and take the old one out.

    \b
    Example:
      ringback secrets rotate-key
    """
    from ringback.access import vault
    from ringback.cli.actor import typing

    settings = project.settings(where)
    keys = vault.read_keys(settings.locks.secret_keys)
    with reading(settings) as journal:
        now, by = journal.clock.now_ms(), typing()
        count = journal.write(lambda conn: vault.rotate(conn, keys, by, now))
    console.mark("good", f"Every secret is locked with the key {keys[0].id}; {count} were not.")
    if len(keys) > 1:
        console.say(f"These can go: {', '.join(key.id for key in keys[1:])}.")


@command.command("new-key")
def new_key() -> None:
    """Print a fresh key, for RINGBACK_SECRET_KEY or the key file. Keep a copy apart from the journal's backups.

    \b
    Example:
      (umask 077; ringback secrets new-key > /etc/ringback/secret.key)
    """
    from ringback.access import vault

    click.echo(vault.new_key())


def _row(one: Sealed, used: frozenset[str]) -> list[str]:
    return [one.name, f"{local(one.set_at):%Y-%m-%d %H:%M}", one.set_by, one.key_id, "yes" if one.name in used else "no"]  # fmt: skip
