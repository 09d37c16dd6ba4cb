"""`ringback privacy`: a person asks what is known of their number, wants it, or wants it gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from ringback.cli import console, project
from ringback.cli.runs import acting
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.journal.dossier import Dossier, Progress

_NOUNS = {"message_ids": "gateway ids", "file_uses": "file names", "refused": "refused callbacks"}

thorough_option = click.option(
    "--thorough",
    is_flag=True,
    help="Look at every row and file, not only at what hangs on the number's messages.",
)


@click.group()
def command() -> None:
    """Find, export or erase everything about one phone number.

    \b
    Example:
      ringback privacy find +447700900077
      ringback privacy export +447700900077 amina.zip
      ringback privacy erase +447700900077
    """


@command.command()
@click.argument("number", metavar="NUMBER")
@thorough_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
def find(number: str, thorough: bool, as_json: bool, where: Path | None) -> None:
    """Say what there is about NUMBER, and where; nothing is changed.

    \b
    Example:
      ringback privacy find "07700 900077"
      ringback privacy find +447700900077 --thorough
    """
    from ringback.engine import privacy

    with acting(where) as runtime, _looking() as progress:
        found = privacy.find(runtime, number, thorough=thorough, progress=progress)
        named = privacy.files_naming(runtime, found.spelled) if thorough else []
    if as_json:
        console.as_json(privacy.summary(found, named))
        return
    _say(found)
    others = set(named) - set(found.files)
    if others:
        console.mark("note", f"{len(others)} stored files of other runs name it: {', '.join(sorted(one[:12] for one in others))}")  # fmt: skip
    if not thorough:
        console.say("What never became a message was not looked for; --thorough looks at every row.")  # fmt: skip


@command.command()
@click.argument("number", metavar="NUMBER")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@thorough_option
@project.option
def export(number: str, file: Path, thorough: bool, where: Path | None) -> None:
    """Write everything about NUMBER to the zip FILE: index.html to read, data.json, and the files that came.

    \b
    Example:
      ringback privacy export +447700900077 amina.zip
    """
    from ringback.cli.actor import typing
    from ringback.engine import privacy, privacy_export

    with acting(where) as runtime, _looking() as progress:
        found = privacy.find(runtime, number, thorough=thorough, progress=progress)
        with _only_mine(file) as out:
            counts = privacy_export.export(runtime, found, out)
        privacy.note(runtime, typing(), "number.exported", found, {"counts": counts})
    console.mark("good", f"{file}: {_list(counts) or 'nothing is known of this number'}")


@command.command()
@click.argument("number", metavar="NUMBER")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--keep-optout/--drop-optout",
    default=True,
    show_default=True,
    help="Whether an opt-out stays as a bare fact, so that they are not texted again.",
)
@click.option("--cancel", is_flag=True, help="Cancel runs about the number that have not finished.")
@click.option(
    "--rewrite", is_flag=True, help="Write the journal's file anew; everybody waits for it."
)
@thorough_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
def erase(
    number: str,
    yes: bool,
    keep_optout: bool,
    cancel: bool,
    rewrite: bool,
    thorough: bool,
    as_json: bool,
    where: Path | None,
) -> None:
    """Erase everything about NUMBER: texts, names, documents, answers. What is left counts, and names nobody.

    \b
    Example:
      ringback privacy erase +447700900077
      ringback privacy erase +447700900077 --thorough --cancel --yes
    """
    from ringback.cli.actor import typing
    from ringback.engine import privacy

    with acting(where) as runtime:
        if not yes:
            with _looking() as progress:
                found = privacy.find(runtime, number, thorough=thorough, progress=progress)
            _say(found)
            _ask(found.spelled.number)
        with _looking() as progress:
            made = privacy.erase(
                runtime,
                number,
                typing(),
                keep_optout=keep_optout,
                cancel=cancel,
                thorough=thorough,
                rewrite=rewrite,
                progress=progress,
            )
    if as_json:
        console.as_json(made.as_json())
        return
    console.mark("good", f"{made.number} is erased: {_list(made.counts) or 'there was nothing'}")
    for sentence in made.left:
        console.mark("note", sentence)


def _ask(number: str) -> None:
    if not sys.stdin.isatty():
        raise Failure("refused", "Nobody is there to be asked.", "Look at `ringback privacy find` first; then add --yes.")  # fmt: skip
    click.confirm(f"Erase all of this about {number}? It cannot be taken back", abort=True)


def _say(found: Dossier) -> None:
    console.heading(found.spelled.number)
    counts = found.counts()
    if not counts:
        console.say("Nothing is known of this number.")
    for name, count in counts.items():
        console.mark("note", _counted(count, name))
    if found.unfinished:
        console.mark("wait", f"{len(found.unfinished)} runs have not finished: {', '.join(found.unfinished[:10])}")  # fmt: skip
    if found.shared:
        console.mark("note", f"{len(found.shared)} runs concern other people too: {', '.join(found.shared[:10])}")  # fmt: skip
    if found.defined:
        console.mark("note", f"the text of these workflows names it: {', '.join(found.defined)}")


def _list(counts: dict[str, int]) -> str:
    return ", ".join(_counted(count, name) for name, count in counts.items())


def _counted(count: int, name: str) -> str:
    noun = _NOUNS.get(name, name)
    return f"{count} {noun.removesuffix('s') if count == 1 else noun}"


@contextmanager
def _only_mine(file: Path) -> Iterator[BinaryIO]:
    """The file, made anew for the eyes of this user alone."""
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as out:
        os.fchmod(out.fileno(), 0o600)
        yield out


@contextmanager
def _looking() -> Iterator[Progress]:
    """Tells a person at a terminal how far a search is."""
    if not sys.stderr.isatty():
        yield lambda _table, _rows: None
        return

    def tell(table: str, rows: int) -> None:
        click.echo(f"\r{table}: {rows:,} rows looked at\033[K", nl=False, err=True)

    yield tell
    click.echo("\r\033[K", nl=False, err=True)
