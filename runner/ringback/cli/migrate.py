"""`ringback migrate`: the journal's tables, brought up to this version."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ringback.cli import console, project


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where something is due.")
@project.option
def command(check: bool, where: Path | None) -> None:
    """Bring the journal's tables up to what this Ringback works with.

    A journal in a file is brought up whenever it is opened. One in PostgreSQL is left alone until this is said,
    since other machines may be working on it: they go on meanwhile, and a new Ringback starts once it is done.

    \b
    Example:
      ringback migrate --check
      ringback migrate
    """
    from ringback.journal import migrations, upgrading

    kept = project.settings(where).journal
    before = upgrading.standing(kept)
    if before == migrations.HEAD:
        console.mark("good", f"The journal's tables are up to date, at step {before}.")
        return
    said = f"from step {before} to {migrations.HEAD}" if before else f"at step {migrations.HEAD}"
    if check:
        console.mark(
            "bad",
            f"The journal's tables are to be brought {said}."
            if before
            else f"The journal has no tables yet; they will be {said}.",
            "`ringback migrate` does it.",
        )
        sys.exit(1)
    upgrading.bring_up(kept)
    console.mark("good", f"The journal's tables are {said}.")
