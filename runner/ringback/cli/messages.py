"""`ringback messages`: what was said with one phone, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringback.cli import console, project, story
from ringback.cli.runs import reading

if TYPE_CHECKING:
    from ringback.journal.messages import Message


@click.command()
@click.option(
    "--with", "number", required=True, metavar="NUMBER", help="The phone, as one dials it."
)
@click.option("--connection", metavar="NAME", help="Only what went through this connection.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
def command(
    number: str, connection: str | None, limit: int, as_json: bool, where: Path | None
) -> None:
    """Show the conversation with one phone: what went out and came in, oldest first.

    \b
    Example:
      ringback messages --with +447700900077
      ringback messages --with "07700 900077" --connection front-desk
    """
    from ringback.journal import messages
    from ringback.sms.gate import as_told

    settings = project.settings(where)
    phone = as_told(number.strip(), str(settings.project.get("country") or "")) or number
    with reading(settings) as journal, journal.read() as conn:
        said = messages.conversation(conn, phone, connection, limit)
    if as_json:
        console.as_json([messages.shown(one) for one in said])
        return
    if not said:
        console.say(f"Nothing was said with {phone} yet.")
        return
    rows = [
        [
            f"{story.local(one.created_at):%Y-%m-%d %H:%M:%S}",
            "they" if one.direction == "in" else "we",
            _said(one),
            one.status,
            _cost(one),
            one.connection,
            one.run_id or "",
        ]
        for one in said
    ]
    console.table(["when", "who", "text", "status", "cost", "connection", "run"], rows)


def _said(message: Message) -> str:
    """The words, and what came with them."""
    came = [
        f"[{one['file']['name']}]"
        if "file" in one
        else "[a file that could not be fetched]"
        if "error" in one
        else "[a file not fetched yet]"
        for one in message.media
    ]
    return " ".join([*filter(None, [message.text]), *came])


def _cost(message: Message) -> str:
    """What it costs; an estimate is marked."""
    if message.cost is None:
        return ""
    said = f"{message.cost} {message.currency or ''}".strip()
    return f"about {said}" if message.cost_source == "prices" else said
