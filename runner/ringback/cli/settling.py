"""`ringback runs settle --all`: the uncertain steps listed, a question, and one decision for all of them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from ringback import words
from ringback.cli import console, story
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.engine.settleall import Open

_SHOWN = 50
_SAID = {"sent": "it went", "again": "it is done again"}


class Wanted(NamedTuple):
    """Which uncertain steps are meant; all of them where nothing is said."""

    workflow: str | None
    connection: str | None
    last: str | None


def say(
    where: Path | None, wanted: Wanted, decision: Literal["sent", "again"], *, ask: bool
) -> None:
    """List them, ask unless told not to, settle them. Raises `Failure`, and `click.Abort` where the answer is no."""
    from ringback.cli.actor import typing
    from ringback.cli.runs import acting
    from ringback.engine.settleall import open_steps, settle_all

    back = None if wanted.last is None else _ms(wanted.last)
    with acting(where) as runtime:
        since = None if back is None else runtime.clock.now_ms() - back
        with runtime.journal.read() as conn:
            found = open_steps(conn, workflow=wanted.workflow, connection=wanted.connection, since=since)  # fmt: skip
        if not found:
            console.say("No step is uncertain." if wanted == Wanted(None, None, None) else "No such step is uncertain.")  # fmt: skip
            return
        _list(found)
        if ask:
            _ask(len(found), decision)
        done = settle_all(runtime, found, decision, by=typing())
    late = len(found) - len(done)
    console.mark(
        "good",
        f"{len(done)} {_steps(len(done))}: {_SAID[decision]}.",
        f"{late} meanwhile settled otherwise."
        if late
        else "The runs go on under `ringback serve`.",
    )


def _list(found: list[Open]) -> None:
    console.table(
        ["run", "workflow", "step", "since", "connection", "to"],
        [
            [
                one.run_id,
                one.workflow,
                one.path,
                f"{story.local(one.at):%Y-%m-%d %H:%M:%S}",
                one.connection or "-",
                one.number or "-",
            ]
            for one in found[:_SHOWN]
        ],
    )
    if len(found) > _SHOWN:
        console.say(f"… and {len(found) - _SHOWN} more.")
    by_connection = Counter(one.connection or "no connection" for one in found)
    console.say(", ".join(f"{name}: {count}" for name, count in by_connection.most_common()))


def _ask(count: int, decision: Literal["sent", "again"]) -> None:
    if not _somebody_is_there():
        raise Failure("refused", "Nobody is there to be asked.", "Look at the list first; then add --yes.")  # fmt: skip
    asked = {"sent": "Go on as if all of these went", "again": "Do all of these again"}[decision]
    click.confirm(f"{asked} ({count} {_steps(count)})?", abort=True)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


def _steps(count: int) -> str:
    return "step" if count == 1 else "steps"


def _ms(last: str) -> int:
    try:
        return words.duration_ms(last)
    except ValueError as error:
        raise Failure("invalid_input", str(error), 'Write --last "3 hours".') from None
