"""`ringback audit`: who changed or sent what, and whether that record is whole."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringback import words
from ringback.cli import console, project
from ringback.cli.runs import reading
from ringback.cli.story import local
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.journal.audit import Entry


@click.group(invoke_without_command=True)
@click.option("--who", help="Only what this account, token or user did.")
@click.option("--action", "actions", multiple=True, help="Only this action (run.settled), or family (session); repeatable.")  # fmt: skip
@click.option("--object", "about", help="Only what was done to this, such as a run's id.")
@click.option("--last", help='Only from this long ago on, such as "7 days".')
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
@click.pass_context
def command(
    context: click.Context,
    who: str | None,
    actions: tuple[str, ...],
    about: str | None,
    last: str | None,
    limit: int,
    as_json: bool,
    where: Path | None,
) -> None:
    """List the audit trail, newest first: who did what, when, and from where.

    \b
    Example:
      ringback audit
      ringback audit --who amina@school.example --last "7 days"
      ringback audit --action session --action account
      ringback audit verify
    """
    if context.invoked_subcommand is not None:
        return
    from ringback.journal import audit

    _known(actions)
    with reading(project.settings(where)) as journal:
        since = None if last is None else journal.clock.now_ms() - _ms(last)
        with journal.read() as conn:
            found, more = audit.page(
                conn, who=who, actions=actions, object=about, since=since, limit=limit
            )
    if as_json:
        console.as_json([_json(one) for one in found])
    elif not found:
        console.say("Nothing of that kind was recorded.")
    else:
        heads = ["entry", "when", "who", "from", "what", "to", "facts"]
        console.table(heads, [_row(one) for one in found])
        if more is not None:
            console.say("There are more; --limit shows up to 500, `ringback audit export` all.")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@project.option
def export(file: Path | None, where: Path | None) -> None:
    """Write the whole trail to FILE or standard output: a line of JSON for each entry, the oldest first.

    \b
    Example:
      ringback audit export trail.jsonl
    """
    from ringback.journal import audit

    count = 0
    with reading(project.settings(where)) as journal, journal.read() as conn:
        out = sys.stdout if file is None else file.open("w", encoding="utf-8")
        try:
            for count, one in enumerate(audit.walk(conn), start=1):  # noqa: B007
                out.write(json.dumps(_json(one), ensure_ascii=False) + "\n")
        finally:
            if file is not None:
                out.close()
    if file is not None:
        console.mark("good", f"{count} entries in {file}")


@command.command()
@click.option("--noted", multiple=True, metavar="ENTRY:HASH", help="What an earlier `audit verify` said; repeatable.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@project.option
def verify(noted: tuple[str, ...], as_json: bool, where: Path | None) -> None:
    """Check that no entry was changed, taken out or slipped in.

    Keep what it says last somewhere else, and give it with --noted the next time: then it also shows when the end
    was cut off, or the whole trail written anew.

    \b
    Example:
      ringback audit verify
      ringback audit verify --noted 1042:9f2c…
    """
    from ringback.journal import audit

    known = dict(_noted(one) for one in noted)
    with reading(project.settings(where)) as journal, journal.read() as conn:
        found = audit.verify(conn, known)
    if as_json:
        console.as_json(found._asdict())
    else:
        for problem in found.problems:
            console.mark("bad", problem)
    if found.problems:
        raise Failure(
            "refused",
            f"The audit trail is not as it was written: {len(found.problems)} findings.",
            "Compare it with a backup, and find out who could write to the journal.",
        )
    if not as_json:
        console.mark("good", f"{found.entries} entries are as they were written.", f"The last is {found.last}:{found.head}")  # fmt: skip


def _noted(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
    if found is None:
        raise Failure("invalid_input", f"“{text}” is not a noted entry.", "Copy it from what `ringback audit verify` said: a number, a colon, 64 letters and digits.")  # fmt: skip
    return int(found[1]), found[2]


def _known(actions: tuple[str, ...]) -> None:
    from ringback.journal.audit import ACTIONS

    families = sorted({one.partition(".")[0] for one in ACTIONS})
    strange = [one for one in actions if one not in ACTIONS and one not in families]
    if strange:
        raise Failure("invalid_input", f"There is no action {strange[0]}.", f"There is: {', '.join([*families, *ACTIONS])}.")  # fmt: skip


def _ms(last: str) -> int:
    try:
        return words.duration_ms(last)
    except ValueError as error:
        raise Failure("invalid_input", str(error), 'Write --last "7 days".') from None


def _row(one: Entry) -> list[str]:
    facts = ", ".join(f"{name} {value}" for name, value in one.facts.items())
    return [
        str(one.seq),
        f"{local(one.at):%Y-%m-%d %H:%M:%S}",
        f"{one.who} ({one.kind})",
        one.address,
        one.action,
        one.object,
        facts,
    ]


def _json(one: Entry) -> dict[str, Any]:
    return {**one._asdict(), "facts": dict(one.facts)}
