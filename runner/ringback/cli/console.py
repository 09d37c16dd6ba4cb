"""How commands talk: coloured on a terminal, plain lines everywhere else, secrets never."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from ringback.masks import Masks

if TYPE_CHECKING:
    from rich.console import Console

    from ringback.problems import Problem

_masks = [Masks()]

MARKS = {
    "good": ("✓", "green"),
    "bad": ("✗", "red"),
    "warn": ("!", "yellow"),
    "wait": ("…", "yellow"),
    "note": ("·", "cyan"),
}


def hide(secrets: Iterable[str]) -> None:
    """From now on, black these out in everything that is said."""
    _masks[0] = Masks(secrets)


def masked(text: str) -> str:
    """The text without the secrets that `hide` was told of."""
    return _masks[0].text(text)


def on_terminal() -> bool:
    """Whether a person is looking at standard output."""
    return sys.stdout.isatty()


@cache
def _rich(err: bool) -> Console:
    from rich.console import Console

    return Console(stderr=err, highlight=False, markup=False, soft_wrap=True)


def say(text: str = "", style: str | None = None, err: bool = False) -> None:
    """One line or paragraph."""
    stream = sys.stderr if err else sys.stdout
    if style is None or not stream.isatty():
        click.echo(masked(text), err=err)
    else:
        _rich(err).print(masked(text), style=style)


def mark(kind: str, text: str, detail: str = "") -> None:
    """One line that begins with the sign of `kind` (a key of MARKS); `detail` is dimmed behind it."""
    sign, colour = MARKS[kind]
    if not on_terminal():
        click.echo(masked(f"{sign} {text}{f'  {detail}' if detail else ''}"))
        return
    from rich.text import Text

    line = Text.assemble((f"{sign} ", f"bold {colour}"), masked(text))
    if detail:
        line.append(f"  {masked(detail)}", style="dim")
    _rich(False).print(line)


def error(text: str) -> None:
    """A paragraph on standard error."""
    say(text, style="red", err=True)


def heading(text: str) -> None:
    """A line that stands above others."""
    say(text, style="bold")


def problems(found: Sequence[Problem], err: bool = False) -> None:
    """Findings in files, each with its line, in the order given."""
    for index, problem in enumerate(found):
        if index:
            click.echo(err=err)
        first, *rest = str(problem).splitlines() or [""]
        say(first, style="yellow" if problem.severity == "warning" else "red", err=err)
        for line in rest:
            say(line, err=err)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under heads: fitted to a terminal, else aligned and never shortened."""
    shown = [[masked(cell) for cell in row] for row in rows]
    if on_terminal():
        _rich_table(heads, shown)
        return
    widths = [max(len(row[at]) for row in [list(heads), *shown]) for at in range(len(heads))]
    for row in [list(heads), *shown]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def _rich_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for head in heads:
        drawn.add_column(Text(head), overflow="fold")
    for row in rows:
        drawn.add_row(*[Text(cell) for cell in row])
    _rich(False).print(drawn, soft_wrap=False)


def as_json(value: Any) -> None:
    """A JSON value, for other programs to read."""
    click.echo(masked(json.dumps(value, ensure_ascii=False, indent=2)))


@contextmanager
def busy(text: str) -> Iterator[None]:
    """Shows that something is under way while the body works; silent where nobody looks."""
    if not sys.stderr.isatty():
        yield
        return
    with _rich(True).status(masked(text)):
        yield
