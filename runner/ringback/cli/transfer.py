"""`ringback transfer`: the journal from its file to PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringback.cli import console, project
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.journal.transfer import Counted


@click.command()
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The journal's file. Default: journal.path of ringback.yaml.",
)
@click.option(
    "--to",
    "target",
    metavar="URL",
    help="An empty database, postgresql://user@host/database. Default: journal.url of ringback.yaml.",
)
@project.option
def command(source: Path | None, target: str | None, where: Path | None) -> None:
    """Carry the journal over from its file to an empty PostgreSQL database, and count the rows of both.

    Stop `ringback serve` first. It is all or nothing: broken off anywhere, the database is empty as before, and the
    same command begins anew. The file stays as it is. Uploaded files are not in the journal: they stay in journal.files.

    \b
    Example:
      ringback transfer
      ringback transfer --from .ringback/journal.db --to postgresql://ringback@db.internal/ringback
    """
    from ringback.journal import database, journal

    settings = project.settings(where)
    to = target or settings.journal_url
    if not journal.is_url(to):
        raise Failure(
            "invalid_input",
            "It is not said to which database.",
            "Set journal.url in ringback.yaml, or name it with --to postgresql://user@host/database.",
        )
    console.hide(filter(None, [database.address(to).password]))
    counted = _shown(source or settings.journal_path, to)
    console.table(
        ["table", "rows in the file", "rows in PostgreSQL"],
        [[one.table, str(one.source), str(one.target)] for one in counted],
    )
    rows = sum(one.target for one in counted)
    console.mark("good", f"{rows} rows are in PostgreSQL, as many of each table as in the file.")
    if to == settings.journal_url:
        console.mark("note", "`ringback serve` goes on from there.")
    else:
        console.mark("note", "Set journal.url in ringback.yaml, and `ringback serve` goes on from there.")  # fmt: skip
    console.mark("note", f"The uploaded files stay where they are: {settings.files_folder}")


def _shown(source: Path, target: str) -> list[Counted]:
    """The transfer, with a bar for each table that has rows."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from ringback.journal.transfer import transfer

    columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def progress(table: str, done: int, total: int) -> None:
            if total and table not in tasks:
                tasks[table] = bars.add_task(table, total=total)
            if total:
                bars.update(tasks[table], completed=done)

        return transfer(source, target, progress)
