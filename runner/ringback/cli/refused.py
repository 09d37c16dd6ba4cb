"""`ringback refused`: callbacks that were not believed, why, and what would let them in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringback.cli import console, here, project
from ringback.cli.runs import reading
from ringback.cli.story import local
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.journal.refused import Refused

SHOWN = 2000
"""Letters of a body that are shown."""


@click.group(invoke_without_command=True)
@click.option("--connection", help="Only those of this connection.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="At most so many."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
@click.pass_context
def command(
    context: click.Context, connection: str | None, limit: int, as_json: bool, where: Path | None
) -> None:
    """List the callbacks that were refused, or whose shape nobody knows, newest first.

    \b
    Example:
      ringback refused
      ringback refused show ref_01k3v9m2q8
      ringback refused replay ref_01k3v9m2q8
    """
    if context.invoked_subcommand is not None:
        return
    from ringback.journal.refused import page

    with reading(project.settings(where)) as journal, journal.read() as conn:
        rows, more = page(conn, connection, None, limit)
    if as_json:
        console.as_json([_row(row) for row in rows])
        return
    if not rows:
        console.say("No callback was refused.")
    for row in rows:
        console.mark("bad", f"{row.id}  {row.connection}  {local(row.received_at):%d %b %H:%M:%S}", row.why)  # fmt: skip
        for finding in row.findings:
            console.mark("note", finding)
    if more is not None:
        console.say("There are more; --limit shows up to 500.")


@command.command()
@click.argument("refused_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
def show(refused_id: str, as_json: bool, where: Path | None) -> None:
    """Show one refused callback: why, what would let it in, and what came.

    \b
    Example:
      ringback refused show ref_01k3v9m2q8
    """
    from ringback.journal.refused import get_refused

    with reading(project.settings(where)) as journal, journal.read() as conn:
        row = get_refused(conn, refused_id)
    if row is None:
        raise Failure(
            "not_found",
            f"There is no refused callback {refused_id}.",
            "`ringback refused` lists them.",
        )
    if as_json:
        console.as_json({**_row(row), "body": _body(row)})
        return
    console.heading(f"{row.connection} {row.id}, {local(row.received_at):%d %b %Y %H:%M:%S}")
    console.mark("bad", row.why)
    for finding in row.findings:
        console.mark("note", finding)
    console.say(f"\n{row.method} {row.url}")
    for name, text in row.headers.items():
        console.say(f"{name}: {text}")
    console.say(f"\n{_body(row)[:SHOWN]}")


@command.command()
@click.argument("refused_id", metavar="ID")
@project.option
def replay(refused_id: str, where: Path | None) -> None:
    """Take a refused callback in after all, if it verifies with the settings as they are now.

    \b
    Example:
      ringback refused replay ref_01k3v9m2q8
    """
    from ringback.cli.actor import typing
    from ringback.engine.refused import replay

    with here.runtime(where) as runtime:
        taken = replay(runtime, refused_id, by=typing())
    for one in taken:
        console.mark("good", f"{one.kind}: {one.says}", ", ".join(one.runs))
    if any(one.runs for one in taken):
        console.say("The runs go on under `ringback serve`.")


def _row(row: Refused) -> dict[str, Any]:
    shown = row._asdict() | {"reason": row.why, "findings": row.findings, "size": len(row.body)}
    return {name: value for name, value in shown.items() if name != "body"}


def _body(row: Refused) -> str:
    return row.body.decode("utf-8", "replace")
