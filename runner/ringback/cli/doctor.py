"""`ringback doctor`: examines a set-up, everything at once, and says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ringback.cli import console, project


@click.command()
@click.option("--offline", is_flag=True, help="Call nobody: look only at what is on this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@project.option
def command(offline: bool, as_json: bool, where: Path | None) -> None:
    """Examine the project's set-up: files, secrets, workflows, journal, disk, broker, public address, gateways, clocks, work.

    It sends no text and changes nothing. Gateways are asked about the account where that is harmless. The exit code
    is 1 where something does not work.

    \b
    Example:
      ringback doctor
      ringback doctor --offline --json
    """
    from ringback.doctor import examine

    folder = project.folder(where)
    with console.busy("Looking"):
        found = examine(folder, os.environ, offline=offline)
    counts = {kind: sum(1 for one in found if one.kind == kind) for kind in ("good", "warn", "bad")}
    if as_json:
        console.as_json({"ok": not counts["bad"], "findings": [one._asdict() for one in found]})
    else:
        for one in found:
            console.mark(one.kind, f"{one.place}: {one.found}")
            if one.next:
                console.say(f"    {one.next}")
        console.say()
        console.say(f"{counts['good']} good, {counts['warn']} to look at, {counts['bad']} to mend.")
    if counts["bad"]:
        raise click.exceptions.Exit(1)
